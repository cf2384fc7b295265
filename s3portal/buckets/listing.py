"""What is in a bucket, page by page, in constant memory: objects, versions, unfinished uploads.

Sources: S3 API Reference, ListObjectsV2, ListObjectVersions, ListMultipartUploads, ListParts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from s3portal.buckets.problems import NotOffered, asking
from s3portal.transfer import ListedUpload, Store, list_uploads

#: How many keys one answer has at most.
PAGE_KEYS = 1000


@dataclass(frozen=True, slots=True)
class ListedObject:
    """An object as a listing shows it."""

    key: str
    size_bytes: int
    etag: str
    modified_at: datetime
    storage_class: str = "STANDARD"


@dataclass(frozen=True, slots=True)
class ListedVersion:
    """A version, or a marker of deletion, which has no size. ``version_id`` "null" is the one from before
    versions were kept."""

    key: str
    version_id: str
    size_bytes: int = 0
    is_latest: bool = True
    is_marker: bool = False


def object_pages(store: Store, prefix: str = "", start_after: str = "") -> Iterator[list[ListedObject]]:
    """The current objects whose keys begin with ``prefix``, by 1,000, in the order of their keys' UTF-8
    bytes. Raises Refused."""
    more = {"StartAfter": start_after} if start_after else {}
    pages = _pages(store, "list_objects_v2", Prefix=prefix, **more)
    for page in pages:
        yield [
            ListedObject(
                each["Key"],
                each["Size"],
                each["ETag"].strip('"'),
                each["LastModified"],
                each.get("StorageClass", "STANDARD"),
            )
            for each in page.get("Contents", ())
        ]


def version_pages(store: Store, prefix: str = "") -> Iterator[list[ListedVersion]]:
    """All versions and markers, by 1,000; of a store that keeps no versions, its objects. Raises Refused."""
    try:
        yield from _version_pages(store, prefix)
    except NotOffered:
        for page in object_pages(store, prefix):
            yield [ListedVersion(each.key, "null", each.size_bytes) for each in page]


def _version_pages(store: Store, prefix: str) -> Iterator[list[ListedVersion]]:
    for page in _pages(store, "list_object_versions", Prefix=prefix):
        versions = [
            ListedVersion(each["Key"], each["VersionId"], each["Size"], each["IsLatest"])
            for each in page.get("Versions", ())
        ]
        markers = [
            ListedVersion(each["Key"], each["VersionId"], 0, each["IsLatest"], True)
            for each in page.get("DeleteMarkers", ())
        ]
        yield versions + markers


def unfinished_uploads(store: Store, prefix: str = "") -> Iterator[ListedUpload]:
    """The multipart uploads that no one finished. Raises Refused."""
    with asking(store, "s3:ListBucketMultipartUploads", what="multipart uploads"):
        yield from list_uploads(store, prefix)


def held_bytes(store: Store, upload: ListedUpload) -> int:
    """What the parts of an unfinished upload hold; 0 if it is gone by now. Raises Refused."""
    client = store.client()
    with asking(store, "s3:ListMultipartUploadParts", resource=f"arn:aws:s3:::{store.bucket}/{upload.key}"):
        try:
            pages = client.get_paginator("list_parts").paginate(
                Bucket=store.bucket, Key=upload.key, UploadId=upload.s3_upload_id
            )
            return sum(part["Size"] for page in pages for part in page.get("Parts", ()))
        except client.exceptions.NoSuchUpload:
            return 0


def _pages(store: Store, operation: str, **arguments: str) -> Iterator[Any]:
    names = {"list_objects_v2": "s3:ListBucket", "list_object_versions": "s3:ListBucketVersions"}
    paginator = store.client().get_paginator(operation)  # type: ignore[call-overload]
    pages = iter(paginator.paginate(Bucket=store.bucket, **arguments))
    while True:
        with asking(store, names[operation], what="versions" if "versions" in operation else ""):
            page = next(pages, None)
        if page is None:
            return
        yield page
