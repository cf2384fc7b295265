"""Lifecycle rules at work: ends the objects, versions, delete markers and uploads whose time has come, and
changes the storage class of others.

Each deletion looks again, within its transaction, whether it is about the version that was due: what is
stored meanwhile stays. What is locked stays, too.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator, Mapping

from s3portal.server.background.transitions import apply_transitions
from s3portal.server.bucket_settings.lifecycle import KIND, Lifecycle, LifecycleRule, read
from s3portal.server.bucket_settings.lifecycle_dates import due_ms, expiration_ms
from s3portal.server.storage import buckets, deletion, journal, uploads
from s3portal.server.storage.deletion import Deletion, DeletionCheck
from s3portal.server.storage.listing import list_uploads
from s3portal.server.storage.records import Bucket, StoredObject, Upload, Version
from s3portal.server.storage.storage import Storage, now_ms
from s3portal.server.storage.versions import list_versions
from s3portal.server.wire.errors import S3Error

EVERY_S = 3600.0
ENTRIES_AT_ONCE = 500
# How long it waits after each page, so that requests are not held up.
PAUSE_S = 0.01
EVENTS = (journal.EXPIRED, journal.EXPIRY_MARKED)

log = logging.getLogger(__name__)


class LifecycleJob:
    """Applies the rules of all buckets, once an hour."""

    name = "lifecycle"

    def __init__(self, storage: Storage, *, pause_s: float = PAUSE_S) -> None:
        self._storage = storage
        self._pause_s = pause_s

    def run(self, stopping: threading.Event) -> float:
        for bucket in buckets.find_all(self._storage):
            document = bucket.settings.get(KIND)
            if document is None:
                continue
            lifecycle = read(document)
            try:
                # First: a transition takes precedence over a delete marker.
                moved = self._move(bucket, lifecycle, stopping)
                count = self._apply(bucket, [*lifecycle.enabled_rules], stopping)
            except S3Error as refused:
                # Deleted meanwhile, or a disk too full for delete markers: the next run looks again.
                log.warning("lifecycle of bucket %s: %s", bucket.name, refused.message)
                continue
            if count:
                log.info("lifecycle of bucket %s: %d ended", bucket.name, count)
            if moved:
                log.info("lifecycle of bucket %s: %d in another storage class", bucket.name, moved)
        return EVERY_S

    def _apply(self, bucket: Bucket, rules: list[LifecycleRule], stopping: threading.Event) -> int:
        count, batch = 0, []
        now = now_ms()
        for due in _due(_versions(self._storage, bucket, _shared_prefix(rules)), rules, now):
            if stopping.is_set():
                return count
            batch.append(due)
            if len(batch) == ENTRIES_AT_ONCE:
                count += self._delete(bucket, batch)
                batch = []
                stopping.wait(self._pause_s)
        count += self._delete(bucket, batch)
        for upload in _due_uploads(self._storage, bucket, rules, now):
            if stopping.is_set():
                return count
            count += self._abort(upload)
        return count

    def _move(self, bucket: Bucket, lifecycle: Lifecycle, stopping: threading.Event) -> int:
        moving = [rule for rule in lifecycle.enabled_rules if rule.transitions or rule.noncurrent_transitions]
        if not moving:
            return 0
        return apply_transitions(
            self._storage,
            bucket.name,
            lifecycle,
            _versions(self._storage, bucket, _shared_prefix(moving)),
            now_ms(),
            at_once=ENTRIES_AT_ONCE,
            pause_s=self._pause_s,
            stopping=stopping,
        )

    def _delete(self, bucket: Bucket, batch: list[Deletion]) -> int:
        if not batch:
            return 0
        made = deletion.delete(self._storage, bucket.name, batch, bucket.owner, EVENTS)
        return sum(one.refused is None for one in made)

    def _abort(self, upload: Upload) -> int:
        try:
            uploads.abort(self._storage, upload.bucket, upload.key, upload.upload_id)
        except S3Error as refused:
            if refused.code != "NoSuchUpload":
                raise
            # It was completed or aborted meanwhile.
            return 0
        return 1


def _shared_prefix(rules: list[LifecycleRule]) -> str:
    """Returns what the keys that any rule means begin with."""
    prefixes = sorted(rule.filter.prefix for rule in rules)
    if not prefixes:
        return ""
    first, last = prefixes[0], prefixes[-1]
    same = 0
    while same < min(len(first), len(last)) and first[same] == last[same]:
        same += 1
    return first[:same]


def _versions(storage: Storage, bucket: Bucket, prefix: str) -> Iterator[Version]:
    marker: tuple[str, str] | None = ("", "")
    while marker is not None:
        page = list_versions(
            storage, bucket.name, prefix=prefix, delimiter="", marker=marker, limit=ENTRIES_AT_ONCE
        )
        yield from (entry for entry in page.entries if isinstance(entry, Version))
        marker = page.next_marker


def _due(versions: Iterator[Version], rules: list[LifecycleRule], now: int) -> Iterator[Deletion]:
    """Yields the deletions that are due, of versions in the order of a listing: by key, the newest first."""
    key: str | None = None
    newer_noncurrent = 0
    lone: Version | None = None
    for version in versions:
        if version.key != key:
            if lone is not None:
                yield _deletion(lone, lone.version_id)
            key, newer_noncurrent, lone = version.key, 0, None
            if version.is_current:
                if version.is_delete_marker:
                    # Until a version turns up behind it.
                    lone = version if _marker_is_due(version, rules, now) else None
                elif _current_is_due(version, rules, now):
                    yield _deletion(version, None)
                continue
        lone = None
        if _noncurrent_is_due(version, rules, newer_noncurrent, now):
            yield _deletion(version, version.version_id)
        newer_noncurrent += 1
    if lone is not None:
        yield _deletion(lone, lone.version_id)


def _tags(found: StoredObject | None) -> Mapping[str, str]:
    tags: dict[str, str] = json.loads(found.tags) if found and found.tags else {}
    return tags


def _matches(rule: LifecycleRule, version: Version) -> bool:
    size_bytes = version.found.size_bytes if version.found else 0
    return rule.filter.matches(version.key, size_bytes, _tags(version.found))


def _current_is_due(version: Version, rules: list[LifecycleRule], now: int) -> bool:
    return any(
        (moment := expiration_ms(rule, version.modified_at)) is not None
        and moment <= now
        and _matches(rule, version)
        for rule in rules
    )


def _marker_is_due(version: Version, rules: list[LifecycleRule], now: int) -> bool:
    """Whether a delete marker without versions behind it goes: where a rule says so, or its own time came.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_LifecycleExpiration.html
    """
    for rule in rules:
        if rule.filter.tags or not version.key.startswith(rule.filter.prefix):
            continue
        moment = expiration_ms(rule, version.modified_at)
        if rule.expired_object_delete_marker or (moment is not None and moment <= now):
            return True
    return False


def _noncurrent_is_due(version: Version, rules: list[LifecycleRule], newer: int, now: int) -> bool:
    if version.noncurrent_at is None:
        return False
    return any(
        rule.noncurrent_days is not None
        and newer >= (rule.newer_noncurrent_versions or 0)
        and due_ms(version.noncurrent_at, rule.noncurrent_days) <= now
        and _matches(rule, version)
        for rule in rules
    )


def _deletion(version: Version, version_id: str | None) -> Deletion:
    return Deletion(version.key, version_id, _unless_changed(version, is_final=version_id is not None))


def _unless_changed(version: Version, *, is_final: bool) -> DeletionCheck:
    """Returns the check that a deletion is still about this version, and that nothing locks it."""

    def check(found: Version | None) -> None:
        is_same = (
            found is not None
            and (found.version_id, found.sequence) == (version.version_id, version.sequence)
            and found.is_current == version.is_current
        )
        if not is_same or (is_final and _is_locked(version.found)):
            raise S3Error("PreconditionFailed")

    return check


def _is_locked(found: StoredObject | None) -> bool:
    lock = json.loads(found.lock) if found and found.lock else {}
    return bool(lock.get("legal_hold")) or (lock.get("until_ms") or 0) > now_ms()


def _due_uploads(storage: Storage, bucket: Bucket, rules: list[LifecycleRule], now: int) -> Iterator[Upload]:
    aborting = [rule for rule in rules if rule.abort_days is not None]
    if not aborting:
        return
    marker: tuple[str, str] | None = ("", "")
    while marker is not None:
        page = list_uploads(
            storage,
            bucket.name,
            prefix=_shared_prefix(aborting),
            delimiter="",
            marker=marker,
            limit=ENTRIES_AT_ONCE,
        )
        for upload in page.entries:
            if isinstance(upload, Upload) and any(
                upload.key.startswith(rule.filter.prefix)
                and due_ms(upload.initiated_at, rule.abort_days or 0) <= now
                for rule in aborting
            ):
                yield upload
        marker = page.next_marker
