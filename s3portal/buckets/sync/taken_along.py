"""Tags and locks that a store was asked to give to a copy or to an object of parts, and did not.

S3 takes them with CopyObject and CreateMultipartUpload. Ceph RGW 16 ignores them there and answers 200, so on
stores that are not AWS they are looked at, until the store was seen to take them, and set where they are
missing.
Source: S3 API Reference, CopyObject, CreateMultipartUpload, PutObjectTagging, PutObjectRetention,
PutObjectLegalHold.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from s3portal.buckets.sync.multipart import CopySource
from s3portal.buckets.sync.requests import Requests
from s3portal.buckets.sync.wanted import LEGAL_HOLD, LOCK_MODE, LOCK_UNTIL, TAGS

_LOCKS = (LOCK_MODE, LOCK_UNTIL, LEGAL_HOLD)


def complete_copy(requests: Requests, key: str, headers: Mapping[str, str], source: CopySource) -> None:
    """Sees to it that a copy has the tags and locks that the headers of CopyObject ask for. Raises
    RequestFailed, and boto3's ClientError."""
    _complete(requests, key, headers, source)


def complete_parts(requests: Requests, key: str, headers: Mapping[str, str]) -> None:
    """The same for an object of parts, and the headers of CreateMultipartUpload."""
    _complete(requests, key, headers, None)


def _complete(requests: Requests, key: str, headers: Mapping[str, str], source: CopySource | None) -> None:
    if requests.store.settings.on_aws:
        return
    how = "parts" if source is None else "copy"
    if TAGS in headers and f"tags, {how}" not in requests.seen_to_take:
        wanted = dict(parse_qsl(headers[TAGS], keep_blank_values=True))
        if _tags(requests, requests.store.bucket, key) != wanted:
            _set_tags(requests, key, wanted)
        # Those of the source may be the same.
        elif wanted and (source is None or _tags(requests, source.bucket, source.key) != wanted):
            requests.seen_to_take.add(f"tags, {how}")
    if any(name in headers for name in _LOCKS) and f"locks, {how}" not in requests.seen_to_take:
        found = requests.head(key, "")
        if all(_is_same(name, found.get(name, ""), headers[name]) for name in _LOCKS if name in headers):
            requests.seen_to_take.add(f"locks, {how}")
        else:
            _set_locks(requests, key, headers)


def _tags(requests: Requests, bucket: str, key: str) -> dict[str, str]:
    client: Any = requests.store.client()
    # Ceph RGW answers with nothing at all where there are none.
    found = client.get_object_tagging(Bucket=bucket, Key=key).get("TagSet", ())
    return {tag["Key"]: tag["Value"] for tag in found}


def _set_tags(requests: Requests, key: str, tags: Mapping[str, str]) -> None:
    client: Any = requests.store.client()
    tag_set = [{"Key": name, "Value": value} for name, value in tags.items()]
    client.put_object_tagging(Bucket=requests.store.bucket, Key=key, Tagging={"TagSet": tag_set})


def _set_locks(requests: Requests, key: str, headers: Mapping[str, str]) -> None:
    client: Any = requests.store.client()
    named = {"Bucket": requests.store.bucket, "Key": key}
    if LOCK_UNTIL in headers:
        retention = {"Mode": headers[LOCK_MODE], "RetainUntilDate": _time(headers[LOCK_UNTIL])}
        client.put_object_retention(**named, Retention=retention)
    if LEGAL_HOLD in headers:
        client.put_object_legal_hold(**named, LegalHold={"Status": headers[LEGAL_HOLD]})


def _is_same(name: str, found: str, wanted: str) -> bool:
    if name == LOCK_UNTIL and found:
        # Stores keep whole seconds, or thousandths.
        return abs((_time(found) - _time(wanted)).total_seconds()) < 1
    return found == wanted or (name == LEGAL_HOLD and wanted == "OFF" and not found)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
