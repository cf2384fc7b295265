"""Tags and locks that a store was asked to give to a copy or to an object of parts, and did not.

S3 takes them with CopyObject and CreateMultipartUpload. Ceph RGW 16 ignores them there and answers 200, so on
stores that are not AWS they are looked at, until the store was seen to take them, and set where they are
missing. Keys that may write only need not read: where the looking is refused, they are set.
Source: S3 API Reference, CopyObject, CreateMultipartUpload, PutObjectTagging, PutObjectRetention,
PutObjectLegalHold.
"""

import contextlib
from collections.abc import Callable, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qsl

from botocore.exceptions import BotoCoreError, ClientError

from s3portal.buckets.sync.multipart import CopySource
from s3portal.buckets.sync.requests import RequestFailed, Requests
from s3portal.buckets.sync.wanted import LEGAL_HOLD, LOCK_MODE, LOCK_UNTIL, TAGS

_LOCKS = (LOCK_MODE, LOCK_UNTIL, LEGAL_HOLD)


class Incomplete(OSError):
    """The object is stored, but without its tags, or unlocked."""


def complete_copy(
    requests: Requests, key: str, etag: str, headers: Mapping[str, str], source: CopySource
) -> None:
    """Sees to it that a copy with this ETag has the tags and locks that the headers of CopyObject ask for.
    Raises Incomplete."""
    _complete(requests, key, etag, headers, source)


def complete_parts(requests: Requests, key: str, etag: str, headers: Mapping[str, str]) -> None:
    """The same for an object of parts, and the headers of CreateMultipartUpload."""
    _complete(requests, key, etag, headers, None)


def _complete(
    requests: Requests, key: str, etag: str, headers: Mapping[str, str], source: CopySource | None
) -> None:
    if requests.store.settings.on_aws:
        return
    how = "parts" if source is None else "copy"
    if TAGS in headers and f"tags, {how}" not in requests.seen_to_take:
        wanted = dict(parse_qsl(headers[TAGS], keep_blank_values=True))
        if _tags(requests, requests.store.bucket, key) != wanted:
            _set(requests, key, etag, "its tags", lambda version: _set_tags(requests, key, version, wanted))
        elif wanted and _proves_it(requests, headers, source, wanted):
            requests.seen_to_take.add(f"tags, {how}")
    if any(name in headers for name in _LOCKS) and f"locks, {how}" not in requests.seen_to_take:
        if _has_locks(requests, key, etag, headers):
            requests.seen_to_take.add(f"locks, {how}")
        else:
            _set(requests, key, etag, "its lock", lambda version: _set_locks(requests, key, version, headers))


def _proves_it(
    requests: Requests, headers: Mapping[str, str], source: CopySource | None, wanted: Mapping[str, str]
) -> bool:
    """Whether tags as wanted can only come from the request: a copy may have those of its source."""
    if source is None or headers.get("x-amz-metadata-directive") == "REPLACE":
        return True
    found = _tags(requests, source.bucket, source.key)
    return found is not None and found != wanted


def _tags(requests: Requests, bucket: str, key: str) -> dict[str, str] | None:
    """None where they may not be read."""
    client: Any = requests.store.client()
    try:
        # Ceph RGW answers with nothing at all where there are none.
        found = client.get_object_tagging(Bucket=bucket, Key=key).get("TagSet", ())
    except (ClientError, BotoCoreError):
        return None
    return {tag["Key"]: tag["Value"] for tag in found}


def _has_locks(requests: Requests, key: str, etag: str, headers: Mapping[str, str]) -> bool:
    try:
        found = requests.head(key, etag)
    except RequestFailed:
        return False
    return all(_is_same(name, found.get(name, ""), headers[name]) for name in _LOCKS if name in headers)


def _set(
    requests: Requests, key: str, etag: str, what: str, write: Callable[[Mapping[str, str]], None]
) -> None:
    """Writes to exactly the version that was made here, where the store has versions."""
    version: Mapping[str, str] = {}
    try:
        found = requests.head(key, etag).get("x-amz-version-id", "")
        version = {"VersionId": found} if found else {}
    except RequestFailed as error:
        if error.changed_meanwhile:
            raise Incomplete(f"stored, but without {what}: it was replaced meanwhile") from error
    try:
        write(version)
    except (ClientError, BotoCoreError) as error:
        raise Incomplete(f"stored, but without {what}, which could not be set afterwards: {error}") from error


def _set_tags(requests: Requests, key: str, version: Mapping[str, str], tags: Mapping[str, str]) -> None:
    client: Any = requests.store.client()
    tag_set = [{"Key": name, "Value": value} for name, value in tags.items()]
    client.put_object_tagging(Bucket=requests.store.bucket, Key=key, Tagging={"TagSet": tag_set}, **version)


def _set_locks(requests: Requests, key: str, version: Mapping[str, str], headers: Mapping[str, str]) -> None:
    client: Any = requests.store.client()
    named = {"Bucket": requests.store.bucket, "Key": key, **version}
    if LOCK_UNTIL in headers:
        retention = {"Mode": headers[LOCK_MODE], "RetainUntilDate": headers[LOCK_UNTIL]}
        client.put_object_retention(**named, Retention=retention)
    if LEGAL_HOLD in headers:
        client.put_object_legal_hold(**named, LegalHold={"Status": headers[LEGAL_HOLD]})


def _is_same(name: str, found: str, wanted: str) -> bool:
    if name == LOCK_UNTIL:
        there, asked = _time(found), _time(wanted)
        # Stores keep whole seconds, or thousandths.
        return there is not None and asked is not None and abs((there - asked).total_seconds()) < 1
    return found == wanted or (name == LEGAL_HOLD and wanted == "OFF" and not found)


def _time(text: str) -> datetime | None:
    """As S3 writes it, or as HTTP does."""
    with contextlib.suppress(ValueError):
        return datetime.fromisoformat(text.partition(".")[0].removesuffix("Z") + "+00:00")
    with contextlib.suppress(ValueError):
        return parsedate_to_datetime(text)
    return None
