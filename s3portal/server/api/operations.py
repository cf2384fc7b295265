"""All operations, for the dialects to find."""

from __future__ import annotations

from s3portal.server.api import audit
from s3portal.server.api.acl import bucket_acls, object_acls
from s3portal.server.api.buckets import (
    buckets,
    cors,
    creating,
    lifecycle,
    logging,
    notification,
    object_lock,
    ownership,
    plain_settings,
    policy,
    quotas,
    replication,
    unconfigured,
)
from s3portal.server.api.buckets import listing as bucket_listing
from s3portal.server.api.iam import operations as iam
from s3portal.server.api.kms.operations import OPERATIONS as KEY_OPERATIONS
from s3portal.server.api.multipart import completing, part_copies, uploading
from s3portal.server.api.multipart import listing as multipart_listing
from s3portal.server.api.myfsio.routes import ROUTES
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
from s3portal.server.api.sts import operations as sts
from s3portal.server.api.versions import listing as version_listing
from s3portal.server.api.versions import versioning
from s3portal.server.gateway.cors_answers import PREFLIGHT
from s3portal.server.gateway.dialects.dialect import UNKNOWN
from s3portal.server.gateway.operation import Operation, QueryOperation

OPERATIONS: tuple[Operation, ...] = (
    *audit.OPERATIONS,
    *bucket_listing.OPERATIONS,
    *creating.OPERATIONS,
    *buckets.OPERATIONS,
    *cors.OPERATIONS,
    *lifecycle.OPERATIONS,
    *logging.OPERATIONS,
    *notification.OPERATIONS,
    *object_lock.OPERATIONS,
    *ownership.OPERATIONS,
    *plain_settings.OPERATIONS,
    *policy.OPERATIONS,
    *quotas.OPERATIONS,
    *replication.OPERATIONS,
    *unconfigured.OPERATIONS,
    *bucket_acls.OPERATIONS,
    *object_acls.OPERATIONS,
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
QUERY_OPERATIONS: tuple[QueryOperation, ...] = (*sts.OPERATIONS, *iam.OPERATIONS)


def operation_names() -> frozenset[str]:
    """Returns the names of all operations, as logs and metrics have them."""
    rest = [operation.name for operation in OPERATIONS]
    query = [operation.name for operation in QUERY_OPERATIONS]
    keys = [operation.name for operation in KEY_OPERATIONS]
    routes = [route.operation.name for route in ROUTES]
    return frozenset([*rest, *query, *keys, *routes, PREFLIGHT, UNKNOWN])
