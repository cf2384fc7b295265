"""Every version and marker of deletion of a bucket, copied to another one in the order in which they came.

What the target has of a key is the beginning of what the source has, so a run that was interrupted continues
with what is missing at the end; or it has all of it, among others that came later. Nothing is doubled: what
was sent without an answer is looked for before it is sent again.

Sources: S3 API Reference, CopyObject, UploadPartCopy, ListObjectVersions; version ids are the store's own and
cannot be kept.
"""

import contextlib
import hashlib
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import cached_property
from itertools import groupby
from typing import Any
from urllib.parse import quote

from botocore.exceptions import BotoCoreError, ClientError

from s3portal.buckets.acls import read_acl
from s3portal.buckets.direct import RequestFailed
from s3portal.buckets.failures import Failure, FailureReport
from s3portal.buckets.listing import ListedVersion, version_pages
from s3portal.buckets.parallel import pause, side_by_side
from s3portal.buckets.settings.acl import read_bucket_acl
from s3portal.buckets.sync.digests import STORED_CHECKSUMS
from s3portal.buckets.sync.multipart import Multipart
from s3portal.buckets.sync.requests import Requests
from s3portal.buckets.sync.wanted import LOCK_UNTIL, STORAGE_CLASS, TAGS, Wanted, grant_headers, tags_header
from s3portal.transfer import MIB, Store, TransferError, plan_parts

#: CopyObject takes up to 5 GiB (S3 API Reference); a request should not take minutes.
COPY_WHOLE_BYTES = 1024 * MIB
COPY_PART_BYTES = 512 * MIB
_TRIES = 8
_BLOCK_BYTES = 1024 * 1024


@dataclass(frozen=True)
class History:
    """The versions and markers of one key, the oldest first."""

    key: str
    versions: list[ListedVersion]


class OtherHistory(Exception):
    """The target has versions of a key that the source does not have in this order."""


@dataclass(frozen=True)
class Held:
    """Versions that Object Lock keeps, and when the last retention ends; a legal hold has no end."""

    count: int = 0
    until: str = ""


@dataclass
class Checked:
    """What a comparison of two buckets found. ``differing`` has at most the first thousand keys."""

    same: int = 0
    differing_count: int = 0
    differing: list[str] = field(default_factory=list)
    held: Held = field(default_factory=Held)

    def differs(self, key: str) -> None:
        self.differing_count += 1
        if len(self.differing) < 1000:
            self.differing.append(key)


def histories(store: Store, prefix: str = "") -> Iterator[History]:
    """Of each key, in the order of the keys. Raises Refused."""
    versions = (each for page in version_pages(store, prefix) for each in page)
    for key, of_key in groupby(versions, key=lambda each: each.key):
        yield History(key, oldest_first(of_key))


def oldest_first(versions: Iterable[ListedVersion]) -> list[ListedVersion]:
    """S3 lists the newest first. Some stores list markers apart from versions, so their times count; S3's
    have seconds only, within which the order of the listing does."""
    newest_first = sorted(versions, key=lambda each: (each.is_latest, each.modified_at), reverse=True)
    return newest_first[::-1]


def missing(ours: list[ListedVersion], theirs: list[ListedVersion]) -> list[ListedVersion]:
    """What is to be added to the target's versions of a key, in order. Raises OtherHistory where adding
    cannot make it so."""
    if places(ours, theirs, could_be) is not None:
        return []
    if len(theirs) > len(ours) or not all(map(could_be, ours, theirs)):
        raise OtherHistory
    return ours[len(theirs) :]


def places(
    ours: list[ListedVersion],
    theirs: list[ListedVersion],
    same: Callable[[ListedVersion, ListedVersion], bool],
) -> list[ListedVersion] | None:
    """The target's version for each of the source's, in order, with others in between or none; None where
    one is missing. A source that is being deleted has fewer than its copy, a copy in use has newer ones."""
    rest = iter(theirs)
    found = [next((each for each in rest if same(version, each)), None) for version in ours]
    return [each for each in found if each is not None] if all(found) else None


def could_be(ours: ListedVersion, theirs: ListedVersion) -> bool:
    """Whether one may be the copy of the other, as far as listings tell: ETags differ after a copy in parts,
    and under KMS."""
    return ours.is_marker == theirs.is_marker and ours.size_bytes == theirs.size_bytes


@dataclass
class VersionMove:
    """Copies histories, and compares them. ``locked``: objects of both may be locked; ``with_acls``: ACLs
    count in both. Raises Refused."""

    source: Store
    target: Store
    locked: bool
    with_acls: bool
    sleep: Callable[[float], None] = pause

    def __post_init__(self) -> None:
        # Sent once: what may have arrived without an answer is looked for, not sent again.
        self._requests = Requests(self.target)
        self._requests.direct.patient = False
        self._reading = Requests(self.source)
        self._wanted = Wanted(keep_retention=self.locked)

    def run(self, failures: FailureReport, on_progress: Callable[[int], None] = lambda done: None) -> int:
        """Copies what is missing, and returns how many versions and markers that were. What fails is
        reported, and the rest continues; of a key, nothing follows what failed."""
        done = 0
        for history, copied, problem in side_by_side(self._copied, self._joined()):
            done += copied
            if problem:
                failures.add(Failure(history.key, problem))
            on_progress(done)
        return done

    def check(self, on_progress: Callable[[int], None] = lambda done: None) -> Checked:
        """Whether the target has every version and marker of the source, in order, with content, retention
        and legal hold; more keys may be there."""
        checked = Checked()
        for key, same, held in side_by_side(self._compared, self._joined()):
            if same is None:
                checked.differs(key)
            else:
                checked.same += same
            if held.count:
                until = max(checked.held.until, held.until)
                checked.held = Held(checked.held.count + held.count, until)
            on_progress(checked.same)
        return checked

    def _joined(self) -> Iterator[tuple[History, list[ListedVersion]]]:
        theirs = histories(self.target)
        there = next(theirs, None)
        for ours in histories(self.source):
            while there is not None and there.key.encode() < ours.key.encode():
                there = next(theirs, None)
            matches = there is not None and there.key == ours.key
            yield ours, there.versions if there is not None and matches else []

    def _copied(self, joined: tuple[History, list[ListedVersion]]) -> tuple[History, int, str]:
        history, theirs = joined
        before = len(theirs)
        for attempt in range(1, _TRIES + 1):
            try:
                for version in missing(history.versions, theirs):
                    self._write(version)
            except OtherHistory:
                return history, 0, "the target has other versions of this key, which are left as they are"
            except (RequestFailed, ClientError, BotoCoreError, TransferError, OSError) as error:
                if attempt == _TRIES or not _may_pass(error):
                    return history, 0, str(error)
                self.sleep(random.uniform(0, 0.3 * 2**attempt))  # noqa: S311 (no secret depends on it)
            else:
                return history, len(history.versions) - before, ""
            theirs = self._there(history.key)
        return history, 0, "no answer"

    def _there(self, key: str) -> list[ListedVersion]:
        return next((each.versions for each in histories(self.target, key) if each.key == key), [])

    def _write(self, version: ListedVersion) -> None:
        key = version.key
        if version.is_marker:
            self._requests.send("DELETE", key, b"", {})
            return
        head = self._head(self._reading, version) if self.locked else {}
        kind = version.storage_class
        headers = {
            **({STORAGE_CLASS: kind} if kind not in ("", "STANDARD") else {}),
            **self._wanted.locking_like(head, datetime.now(timezone.utc)),
            **self._grants(version),
        }
        if version.size_bytes > COPY_WHOLE_BYTES:
            self._copy_in_parts(version, headers)
            return
        copied = {"x-amz-copy-source": self._place(version), "x-amz-tagging-directive": "COPY"}
        self._requests.etag("PUT", key, b"", {**headers, **copied})

    def _copy_in_parts(self, version: ListedVersion, headers: Mapping[str, str]) -> None:
        head = self._head(self._reading, version)
        described = {**headers, **self._wanted.description_like(head), **self._tags(version)}
        upload = Multipart(self._requests, version.key)
        upload_id = upload.begin(described)
        try:
            plan = plan_parts(version.size_bytes, part_size_bytes=COPY_PART_BYTES)
            etags = {}
            for number in range(1, plan.part_count + 1):
                first = plan.offset(number)
                part = {
                    "x-amz-copy-source": self._place(version),
                    "x-amz-copy-source-range": f"bytes={first}-{first + plan.length(number) - 1}",
                }
                query = {"partNumber": str(number), "uploadId": upload_id}
                etags[number] = self._requests.etag("PUT", version.key, b"", part, query)
            upload.complete(upload_id, etags, {})
        except BaseException:
            upload.abort(upload_id)
            raise

    def _place(self, version: ListedVersion) -> str:
        return f"{quote(f'{self.source.bucket}/{version.key}', safe='/~')}?versionId={version.version_id}"

    def _tags(self, version: ListedVersion) -> dict[str, str]:
        client: Any = self.source.client()
        found = client.get_object_tagging(
            Bucket=self.source.bucket, Key=version.key, VersionId=version.version_id
        )["TagSet"]
        return {TAGS: tags_header({tag["Key"]: tag["Value"] for tag in found})} if found else {}

    def _grants(self, version: ListedVersion) -> dict[str, str]:
        return grant_headers(read_acl(self.source, version), self._new_owner) if self.with_acls else {}

    @cached_property
    def _new_owner(self) -> str:
        return str(read_bucket_acl(self.target)["Owner"]["ID"])

    def _compared(self, joined: tuple[History, list[ListedVersion]]) -> tuple[str, int | None, Held]:
        """The key; how many are the same, or None where anything differs; what is held in the source."""
        history, theirs = joined
        held = Held()
        copies = places(history.versions, theirs, self._same)
        for ours, copy in zip(history.versions, copies or (), strict=False):
            if not self.locked or ours.is_marker:
                continue
            now = datetime.now(timezone.utc)
            lock = self._wanted.locking_like(self._head(self._reading, ours), now)
            if lock:
                held = Held(held.count + 1, max(held.until, lock.get(LOCK_UNTIL, "")))
            if lock != self._wanted.locking_like(self._head(self._requests, copy), now):
                copies = None
        return history.key, None if copies is None else len(history.versions), held

    def _head(self, requests: Requests, version: ListedVersion) -> Mapping[str, str]:
        return requests.send("HEAD", version.key, b"", {}, {"versionId": version.version_id}).headers

    def _same(self, ours: ListedVersion, theirs: ListedVersion) -> bool:
        """By ETags, by checksums that the store keeps, or by reading both."""
        if not could_be(ours, theirs):
            return False
        if ours.is_marker or (ours.etag and ours.etag == theirs.etag):
            return True
        kept = _stored_checksums(self.source, ours)
        for name, value in _stored_checksums(self.target, theirs).items():
            if name in kept:
                return bool(kept[name] == value)
        return _sha256(self.source, ours) == _sha256(self.target, theirs)


def _stored_checksums(store: Store, version: ListedVersion) -> dict[str, str]:
    """What the store keeps of the whole object, by the names of S3's answers."""
    client: Any = store.client()
    head = client.head_object(
        Bucket=store.bucket, Key=version.key, VersionId=version.version_id, ChecksumMode="ENABLED"
    )
    if head.get("ChecksumType", "FULL_OBJECT") != "FULL_OBJECT":
        return {}
    return {name: head[name] for name in STORED_CHECKSUMS if head.get(name) and "-" not in head[name]}


def _sha256(store: Store, version: ListedVersion) -> bytes:
    client: Any = store.client()
    answer = client.get_object(Bucket=store.bucket, Key=version.key, VersionId=version.version_id)
    digest = hashlib.sha256()
    with contextlib.closing(answer["Body"]) as body:
        for block in body.iter_chunks(_BLOCK_BYTES):
            digest.update(block)
    return digest.digest()


def _may_pass(error: Exception) -> bool:
    return isinstance(error, RequestFailed) and (error.failure.status == 0 or error.failure.status >= 500)
