"""All operations, for the dialects to find."""

from __future__ import annotations

from s3portal.server.api import sts
from s3portal.server.api.buckets import buckets, cors, object_lock
from s3portal.server.api.multipart import completing, part_copies, uploading
from s3portal.server.api.multipart import listing as multipart_listing
from s3portal.server.api.objects import (
    attributes,
    copying,
    deleting,
    listing,
    posting,
    reading,
    renaming,
    retention,
    tagging,
    writing,
)
from s3portal.server.api.versions import listing as version_listing
from s3portal.server.api.versions import versioning

OPERATIONS = (
    *buckets.OPERATIONS,
    *cors.OPERATIONS,
    *object_lock.OPERATIONS,
    *versioning.OPERATIONS,
    *version_listing.OPERATIONS,
    *listing.OPERATIONS,
    *reading.OPERATIONS,
    *writing.OPERATIONS,
    *copying.OPERATIONS,
    *attributes.OPERATIONS,
    *deleting.OPERATIONS,
    *tagging.OPERATIONS,
    *retention.OPERATIONS,
    *renaming.OPERATIONS,
    *posting.OPERATIONS,
    *uploading.OPERATIONS,
    *part_copies.OPERATIONS,
    *completing.OPERATIONS,
    *multipart_listing.OPERATIONS,
)
QUERY_OPERATIONS = sts.OPERATIONS
