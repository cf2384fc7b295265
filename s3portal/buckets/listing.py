"""What is in a bucket, page by page, in constant memory: objects, versions, unfinished uploads.

Sources: S3 API Reference, ListObjectsV2, ListObjectVersions, ListMultipartUploads, ListParts.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from urllib.parse import unquote_plus

from s3portal.buckets.direct import Node, direct, local_name
from s3portal.buckets.listed_objects import ListedObject, page_and_objects, time_of
from s3portal.buckets.parallel import read_ahead
from s3portal.buckets.problems import NotOffered, Refused, asking
from s3portal.transfer import ListedUpload, Store

#: How many keys one answer has at most.
PAGE_KEYS = 1000
#: Anything else that is taken for a listing would make a bucket look empty.
_UNKNOWN_TIME = datetime(1970, 1, 1, tzinfo=timezone.utc)
_LISTINGS = frozenset({"ListBucketResult", "ListVersionsResult", "ListMultipartUploadsResult"})


@dataclass(frozen=True, slots=True)
class ListedVersion:
    """A version, or a marker of deletion, which has no size. ``version_id`` "null" is the one from before
    versions were kept."""

    key: str
    version_id: str
    size_bytes: int = 0
    is_latest: bool = True
    is_marker: bool = False
    etag: str = ""
    modified_at: datetime = _UNKNOWN_TIME
    storage_class: str = "STANDARD"


@dataclass(frozen=True, slots=True)
class FolderPage:
    """A page of what is directly under a prefix: folders, and objects."""

    folders: list[str]
    objects: list[ListedObject]


def object_pages(store: Store, prefix: str = "", start_after: str = "") -> Iterator[list[ListedObject]]:
    """The current objects whose keys begin with ``prefix``, by 1,000, in the order of their keys' UTF-8
    bytes; the next page is asked for while one is worked at. Raises Refused."""
    return read_ahead(_object_pages(store, prefix, start_after))


def _object_pages(store: Store, prefix: str, start_after: str) -> Iterator[list[ListedObject]]:
    query = {"list-type": "2", "prefix": prefix, **({"start-after": start_after} if start_after else {})}
    for _, objects in _pages(store, "ListObjectsV2", query, "s3:ListBucket"):
        yield objects


def folder_pages(store: Store, prefix: str) -> Iterator[FolderPage]:
    """What is directly under the prefix, page by page. Raises Refused."""
    query = {"list-type": "2", "prefix": prefix, "delimiter": "/"}
    for page, objects in _pages(store, "ListObjectsV2", query, "s3:ListBucket"):
        folders = [_key(page, each, "Prefix") for each in page.all("CommonPrefixes")]
        yield FolderPage(folders, objects)


def version_pages(store: Store, prefix: str = "") -> Iterator[list[ListedVersion]]:
    """All versions and markers, by 1,000, in the order of the store: of each key, the newest comes first. Of
    a store that keeps no versions, its objects. Raises Refused."""
    return read_ahead(_all_version_pages(store, prefix))


def _all_version_pages(store: Store, prefix: str) -> Iterator[list[ListedVersion]]:
    try:
        yield from _version_pages(store, prefix)
    except NotOffered:
        for page in _object_pages(store, prefix, ""):
            yield [ListedVersion(each.key, "null", each.size_bytes) for each in page]


def _version_pages(store: Store, prefix: str) -> Iterator[list[ListedVersion]]:
    query = {"versions": "", "prefix": prefix}
    for page, _ in _pages(store, "ListObjectVersions", query, "s3:ListBucketVersions", what="versions"):
        encoded = page.text("EncodingType") == "url"
        found = []
        for child in page.element:
            name = local_name(child.tag)
            if name not in ("Version", "DeleteMarker"):
                continue
            facts = {local_name(each.tag): each.text or "" for each in child}
            key = unquote_plus(facts["Key"]) if encoded else facts["Key"]
            latest = facts["IsLatest"] == "true"
            size = int(facts.get("Size") or 0)
            found.append(
                ListedVersion(
                    key,
                    facts["VersionId"],
                    size,
                    latest,
                    name == "DeleteMarker",
                    facts.get("ETag", "").strip('"'),
                    time_of(facts["LastModified"]),
                    facts.get("StorageClass") or "STANDARD",
                )
            )
        yield found


def unfinished_uploads(store: Store, prefix: str = "") -> Iterator[ListedUpload]:
    """The multipart uploads that no one finished. Raises Refused."""
    permission, what = "s3:ListBucketMultipartUploads", "multipart uploads"
    query = {"uploads": "", "prefix": prefix}
    for page, _ in _pages(store, "ListMultipartUploads", query, permission, what=what):
        for each in page.all("Upload"):
            yield ListedUpload(
                _key(page, each, "Key"), each.text("UploadId"), time_of(each.text("Initiated"))
            )


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


def _pages(
    store: Store, operation: str, query: Mapping[str, str], permission: str, *, what: str = ""
) -> Iterator[tuple[Node, list[ListedObject]]]:
    """The answers of a listing, each of which says where the next one begins, and the objects in them. Raises
    Refused, NotOffered."""
    requests = direct(store)
    more: dict[str, str] = {}
    while True:
        with asking(store, permission, what=what):
            answer = requests.call(operation, "GET", query={**query, "encoding-type": "url", **more})
            page, objects = _read(answer.body, operation)
        yield page, objects
        if page.text("IsTruncated") != "true":
            return
        following = {
            name: text
            for name, text in (
                ("continuation-token", page.text("NextContinuationToken")),
                ("key-marker", _key(page, page, "NextKeyMarker")),
                ("version-id-marker", page.text("NextVersionIdMarker")),
                ("upload-id-marker", page.text("NextUploadIdMarker")),
            )
            if text
        }
        if not following or following == more:
            raise Refused(
                f"the listing of {store.bucket} does not say where it continues, so it cannot be finished",
                "try again; if it stays so, this is a fault of the store",
            )
        more = following


def _read(body: bytes, operation: str) -> tuple[Node, list[ListedObject]]:
    try:
        page, objects = page_and_objects(body)
        if page.name not in _LISTINGS:
            raise ValueError(f"the answer is {page.name}, and no listing")
    except ValueError as error:
        raise Refused(
            f"what answers {operation} there is no S3 store: {error}", "check the address of the store"
        ) from error
    return page, objects


def _key(page: Node, node: Node, name: str) -> str:
    """A key that was asked for URL-encoded. A store that does not know that does not say so either."""
    text = node.text(name)
    return unquote_plus(text) if page.text("EncodingType") == "url" else text
