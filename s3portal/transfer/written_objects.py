"""Objects that others than the portal wrote under a prefix: finding them, and removing those not kept."""

import logging
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from botocore.exceptions import ClientError

from s3portal.transfer.error_translation import error_code, store_errors
from s3portal.transfer.lifecycle import delete_object
from s3portal.transfer.multipart_listing import NOT_LISTED_CODES, abort_listed, list_uploads
from s3portal.transfer.store import Store
from s3portal.transfer.store_failures import StoreFailed

logger = logging.getLogger(__name__)

#: One page of ListObjectsV2.
MAX_KEYS_A_PAGE = 1000


@dataclass(frozen=True)
class WrittenObject:
    """An object as a listing shows it."""

    key: str
    etag: str
    size_bytes: int
    modified_at: datetime


@dataclass(frozen=True)
class Page:
    """A part of a listing. ``ends_at`` is where the next one starts after, "" at the end."""

    objects: tuple[WrittenObject, ...]
    ends_at: str


def list_page(store: Store, prefix: str, start_after: str = "", most: int = MAX_KEYS_A_PAGE) -> Page:
    """The next objects under ``prefix`` in the order of their keys; one request.

    Raises StoreUnavailable, StoreFailed.
    """
    with store_errors("ListObjectsV2"):
        answer = store.client().list_objects_v2(
            Bucket=store.bucket, Prefix=prefix, StartAfter=start_after, MaxKeys=most
        )
        objects = tuple(
            WrittenObject(
                found["Key"], found.get("ETag", "").strip('"'), found["Size"], found["LastModified"]
            )
            for found in answer.get("Contents", [])
        )
    return Page(objects, objects[-1].key if objects and answer.get("IsTruncated") else "")


def remove_unkept(store: Store, prefix: str, kept: Collection[tuple[str, str | None]], *, exact: bool) -> int:
    """Removes every object under ``prefix``, and every version of one, that is not kept; returns how many.

    ``kept`` are pairs of key and version id, None without versions. With ``exact`` the prefix is the whole
    key. If the store does not allow listing versions, the objects that a plain listing shows are removed,
    except those of which a version is kept. Raises StoreUnavailable, StoreFailed."""
    removed = 0
    for key, version_id in _versions(store, prefix, {key for key, _ in kept}):
        if (exact and key != prefix) or (key, version_id) in kept or (key, _pinned(version_id)) in kept:
            continue
        delete_object(store, key, version_id)
        removed += 1
    return removed


def abort_uploads(store: Store, prefix: str, kept: Collection[str], *, exact: bool) -> int:
    """Aborts the unfinished multipart uploads under ``prefix`` whose ids are not kept; returns how many.

    If the store does not allow listing them, the bucket's lifecycle rule has to. Raises StoreUnavailable,
    StoreFailed.
    """
    try:
        # All of them are listed before the first one is aborted, since pages depend on what is left.
        found = list(list_uploads(store, prefix))
    except StoreFailed as error:
        if error.store_code not in NOT_LISTED_CODES:
            raise
        logger.warning("Uploads to %s cannot be listed: the bucket's lifecycle rule aborts them", prefix)
        return 0
    unkept = [each for each in found if (each.key == prefix or not exact) and each.s3_upload_id not in kept]
    for each in unkept:
        abort_listed(store, each)
    return len(unkept)


def _versions(store: Store, prefix: str, kept_keys: Collection[str]) -> Iterator[tuple[str, str | None]]:
    with store_errors("ListObjectVersions"):
        pages = store.client().get_paginator("list_object_versions")
        try:
            for page in pages.paginate(Bucket=store.bucket, Prefix=prefix):
                for found in (*page.get("Versions", []), *page.get("DeleteMarkers", [])):
                    yield found["Key"], found["VersionId"]
            return
        except ClientError as error:
            if error_code(error) not in NOT_LISTED_CODES:
                raise
            logger.info("Versions under %s cannot be listed (needs s3:ListBucketVersions): %s", prefix, error)
    yield from _without_versions(store, prefix, kept_keys)


def _without_versions(store: Store, prefix: str, kept_keys: Collection[str]) -> Iterator[tuple[str, None]]:
    start_after, more = "", True
    while more:
        page = list_page(store, prefix, start_after)
        for found in page.objects:
            if found.key not in kept_keys:
                yield found.key, None
        start_after, more = page.ends_at, bool(page.ends_at)


def _pinned(version_id: str | None) -> str | None:
    """The version id as rows have it: the "null" of a bucket without versions is none."""
    return None if version_id == "null" else version_id
