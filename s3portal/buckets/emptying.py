"""Emptying a bucket: unfinished uploads, then every version and marker, 1,000 a request, side by side.

Nothing has to be remembered: what is gone is gone, and the next run finds the rest. Source: S3 API Reference,
DeleteObjects.
"""

import base64
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError

from s3portal.buckets.direct import direct, element
from s3portal.buckets.failures import Failure, FailureReport
from s3portal.buckets.listing import PAGE_KEYS, ListedVersion, unfinished_uploads, version_pages
from s3portal.buckets.parallel import Throttle, side_by_side
from s3portal.buckets.problems import NotOffered, asking
from s3portal.buckets.sharding import WHOLE, Shard
from s3portal.transfer import Store, abort_listed, error_code

#: Each holds 1,000 keys; more at a time make S3 say SlowDown.
DELETES_AT_A_TIME = 8
_TRIES = 6
_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
# XML 1.0, section 2.2: characters that no document can carry, so these keys are deleted one by one.
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
#: Codes for single keys of an answer that are worth another try.
_PASSING = frozenset({"InternalError", "SlowDown", "ServiceUnavailable", "RequestTimeout", "503", "500"})


@dataclass(frozen=True)
class Emptied:
    """What was removed: versions that hold bytes, markers of deletion, unfinished uploads."""

    versions: int = 0
    markers: int = 0
    uploads: int = 0
    size_bytes: int = 0

    def __add__(self, other: "Emptied") -> "Emptied":
        return Emptied(
            self.versions + other.versions,
            self.markers + other.markers,
            self.uploads + other.uploads,
            self.size_bytes + other.size_bytes,
        )

    def __str__(self) -> str:
        return (
            f"{self.versions:,} objects and versions ({self.size_bytes:,} bytes), {self.markers:,} markers of"
            f" deletion, {self.uploads:,} unfinished uploads"
        )


def contents(
    store: Store,
    prefix: str = "",
    on_progress: Callable[[Emptied], None] = lambda _: None,
    shard: Shard = WHOLE,
) -> Emptied:
    """What is there to be removed, counted. Raises Refused."""
    found = Emptied(uploads=sum(shard.has(each.key) for each in unfinished_uploads(store, prefix)))
    for page in _pages_of(store, prefix, shard):
        found += _of(page)
        on_progress(found)
    return found


def empty(
    store: Store,
    report: FailureReport,
    *,
    prefix: str = "",
    bypass_governance: bool = False,
    with_uploads: bool = True,
    on_progress: Callable[[Emptied], None] = lambda _: None,
    shard: Shard = WHOLE,
    only: Iterator[ListedVersion] | None = None,
) -> Emptied:
    """Removes everything under the prefix, for good: unfinished uploads unless ``with_uploads`` is off, then
    versions and markers; of a share, or only the versions that are named. What cannot be removed is reported,
    and the rest goes.

    Raises Refused where the keys may not list or delete at all.
    """
    ends_uploads = with_uploads and only is None
    removed = Emptied(uploads=abort_all(store, prefix, shard)) if ends_uploads else Emptied()
    throttle = Throttle()
    batches = batches_of(only) if only is not None else _pages_of(store, prefix, shard)

    def remove(batch: Sequence[ListedVersion]) -> tuple[Sequence[ListedVersion], list[Failure]]:
        return batch, delete_batch(store, batch, throttle, bypass_governance=bypass_governance)

    for batch, failures in side_by_side(remove, batches, DELETES_AT_A_TIME):
        failed = {(failure.key, failure.version_id) for failure in failures}
        removed += _of(each for each in batch if (each.key, each.version_id) not in failed)
        for failure in failures:
            report.add(failure)
        on_progress(removed)
    return removed


def batches_of(versions: Iterator[ListedVersion]) -> Iterator[list[ListedVersion]]:
    """By as many as one request deletes."""
    while batch := list(islice(versions, PAGE_KEYS)):
        yield batch


def _pages_of(store: Store, prefix: str, shard: Shard) -> Iterator[list[ListedVersion]]:
    if shard is WHOLE:
        return (page for page in version_pages(store, prefix) if page)
    # Requests are as full as if the share were all.
    return batches_of(each for page in version_pages(store, prefix) for each in page if shard.has(each.key))


def delete_batch(
    store: Store,
    batch: Sequence[ListedVersion],
    throttle: Throttle,
    *,
    bypass_governance: bool = False,
) -> list[Failure]:
    """Deletes up to 1,000 versions, and says of which ones the store would not. Without a version id, the
    current object goes, as DeleteObject has it. Raises Refused."""
    left = {(each.key, each.version_id): each for each in batch}
    for attempt in range(1, _TRIES + 1):
        throttle.wait()
        refused = _delete(store, left.values(), bypass_governance=bypass_governance)
        passing = {place for place, code, _ in refused if code in _PASSING}
        if passing:
            throttle.slow_down()
        else:
            throttle.went_well()
        if not passing or attempt == _TRIES:
            return [
                Failure(key, _reason(code, message, version_id), version_id)
                for (key, version_id), code, message in refused
            ]
        # What is refused for good is refused again beside what may work now, so that it is reported once.
        left = {place: left[place] for place, _, _ in refused}
    return []


def _delete(
    store: Store, versions: Iterable[ListedVersion], *, bypass_governance: bool
) -> list[tuple[tuple[str, str], str, str]]:
    """Deletes, and returns what the store would not: place, code, message."""
    refused = []
    in_xml = []
    for each in versions:
        if _NOT_IN_XML.search(each.key):
            refused += _delete_one(store, each, bypass_governance=bypass_governance)
        else:
            in_xml.append(each)
    return refused + (_delete_many(store, in_xml, bypass_governance=bypass_governance) if in_xml else [])


def _delete_one(
    store: Store, version: ListedVersion, *, bypass_governance: bool
) -> list[tuple[tuple[str, str], str, str]]:
    more: dict[str, Any] = {"BypassGovernanceRetention": True} if bypass_governance else {}
    if version.version_id:
        more["VersionId"] = version.version_id
    try:
        store.client().delete_object(Bucket=store.bucket, Key=version.key, **more)
    except ClientError as error:
        return [((version.key, version.version_id), error_code(error), str(error))]
    return []


def _delete_many(
    store: Store, versions: Iterable[ListedVersion], *, bypass_governance: bool
) -> list[tuple[tuple[str, str], str, str]]:
    named = [(each.key, each.version_id) for each in versions]
    # A bucket that never kept versions takes "null" as well (S3 User Guide, "Deleting object versions").
    objects = "".join(
        f"<Object>{element('Key', key)}{element('VersionId', version_id) if version_id else ''}</Object>"
        for key, version_id in named
    )
    body = f'<Delete xmlns="{_NAMESPACE}"><Quiet>true</Quiet>{objects}</Delete>'.encode()
    headers = {
        "content-type": "application/xml",
        "content-md5": base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode(),
        **({"x-amz-bypass-governance-retention": "true"} if bypass_governance else {}),
    }
    with asking(store, "s3:DeleteObjectVersion", resource=f"arn:aws:s3:::{store.bucket}/*"):
        try:
            answer = direct(store).call(
                "DeleteObjects", "POST", query={"delete": ""}, headers=headers, body=body
            )
        except ClientError as error:
            if error_code(error) not in _PASSING:
                raise
            return [(place, error_code(error), str(error)) for place in named]
    if b"<Error>" not in answer.body:
        return []
    return [
        ((each.text("Key"), each.text("VersionId")), each.text("Code"), each.text("Message"))
        for each in answer.xml.all("Error")
    ]


def abort_all(store: Store, prefix: str = "", shard: Shard = WHOLE) -> int:
    """Ends the uploads that no one finished, and says how many. Raises Refused."""
    try:
        uploads: Iterator[Any] = (each for each in unfinished_uploads(store, prefix) if shard.has(each.key))
        with asking(store, "s3:AbortMultipartUpload", resource=f"arn:aws:s3:::{store.bucket}/*"):
            return sum(side_by_side(lambda upload: abort_listed(store, upload), uploads))
    except NotOffered:
        return 0


def _of(versions: Iterable[ListedVersion]) -> Emptied:
    there = markers = size_bytes = 0
    for each in versions:
        markers += each.is_marker
        there += not each.is_marker
        size_bytes += each.size_bytes
    return Emptied(versions=there, markers=markers, size_bytes=size_bytes)


def _reason(code: str, message: str, version_id: str) -> str:
    locked = code == "AccessDenied" and any(
        word in message.lower() for word in ("worm", "object lock", "retention", "legal hold")
    )
    if locked:
        return (
            f"{code}: {message} (Object Lock keeps it: wait until its retention ends, lift its legal hold, or"
            " for governance mode give --bypass-governance)"
        )
    if code == "AccessDenied":
        permission = "s3:DeleteObjectVersion" if version_id else "s3:DeleteObject"
        if version_id and message in ("", code):
            # Ceph RGW gives no reason for one of many.
            return (
                f"{code} (the keys lack {permission}, or Object Lock keeps it: wait until its retention ends,"
                " lift its legal hold, or for governance mode give --bypass-governance)"
            )
        return f"{code}: {message} (this needs {permission})"
    return f"{code}: {message}"
