"""The source of CopyObject and UploadPartCopy: ``x-amz-copy-source``, allowed, held, and readable."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import unquote, unquote_to_bytes

from s3portal.server.access.payload import NO_PROMISE, SINGLE_PUT_LIMIT_BYTES, Payload
from s3portal.server.api.encryption.customer_keys import CustomerKey, require_key_of
from s3portal.server.api.encryption.managed_keys import require_decryption
from s3portal.server.api.encryption.opening import opener_of
from s3portal.server.api.objects.conditions import check_read
from s3portal.server.api.objects.object_body import Segment, SegmentReader, segments_between
from s3portal.server.api.versions.version_ids import checked_version_id, no_such_version, shows_version
from s3portal.server.authority.actions import action_on_version
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.unsupported import require_owner
from s3portal.server.storage import objects, versions
from s3portal.server.storage.objects import no_such_key
from s3portal.server.storage.records import StoredObject
from s3portal.server.wire.checksums import algorithm_named
from s3portal.server.wire.errors import S3Error

_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True)
class CopySource:
    """An object that stays readable while the copy is made. ``version_id`` is None where the caller named
    none; ``key`` is the caller's key of an object that was stored with one."""

    call: Call
    found: StoredObject
    version_id: str | None
    key: CustomerKey | None = None

    def headers(self) -> dict[str, str]:
        """Returns the header that says which version was copied, where the bucket keeps versions."""
        shown = shows_version(self.call, self.found.bucket, self.found, self.version_id)
        return {"x-amz-copy-source-version-id": self.found.version_id} if shown else {}

    def require_copyable(self, size_bytes: int) -> None:
        """Raises InvalidRequest over 5 GiB, S3's limit for one copy."""
        if size_bytes > SINGLE_PUT_LIMIT_BYTES:
            raise S3Error(
                "InvalidRequest",
                "The specified copy source is larger than the maximum allowable size for a copy source: "
                f"{SINGLE_PUT_LIMIT_BYTES}",
            )

    def segments(self, first: int, last: int) -> list[Segment]:
        """Returns where the bytes from ``first`` to ``last`` are. Raises BodyGone and what opening does."""
        open_part = opener_of(self.call, self.key)
        return segments_between(self.call.storage, self.found, first, last, open_part)

    def payload(self, algorithm_name: str, first: int, last: int) -> Payload:
        """Returns the bytes from ``first`` to ``last`` as a content to store."""
        reader = SegmentReader(self.segments(first, last))
        return Payload(reader, last - first + 1, NO_PROMISE, [algorithm_named(algorithm_name)])


@contextmanager
def read_copy_source(call: Call) -> Iterator[CopySource]:
    """The object that ``x-amz-copy-source`` names, as long as the block runs.

    Raises AccessDenied unless the caller may read it, NoSuchKey, PreconditionFailed, InvalidArgument.
    """
    bucket, key, version_id = parse_copy_source(call.header("x-amz-copy-source") or "")
    expected_owner = call.header("x-amz-source-expected-bucket-owner")
    action = action_on_version("s3:GetObject", version_id)
    call.require(action, bucket, key, version_id=version_id)
    if expected_owner:
        require_owner("x-amz-source-expected-bucket-owner", expected_owner, call.owner_of(bucket))
    found = objects.lease(call.storage, bucket, key, version_id)
    if found is None:
        call.judged.act_on(bucket, key, version_id, None)
        raise _missing(call, bucket, key, version_id)
    try:
        call.judged.act_on(bucket, key, version_id, found)
        check_read(call.request, found, prefix="x-amz-copy-source-")
        require_decryption(call, found.headers, bucket, key)
        own_key = require_key_of(call, found.headers, of_source=True)
        yield CopySource(call, found, version_id, own_key)
    finally:
        call.storage.leases.release(found.body_id)


def _missing(call: Call, bucket: str, key: str, version_id: str | None) -> S3Error:
    marker = versions.find_version(call.storage, bucket, key, version_id)
    if version_id is not None and marker is not None and marker.is_delete_marker:
        return S3Error(
            "InvalidRequest",
            "The source of a copy request may not specifically refer to a delete marker by version id.",
        )
    if not call.may("s3:ListBucket", bucket):
        return S3Error("AccessDenied")
    return no_such_key(key) if version_id is None else no_such_version(key, version_id)


def parse_copy_source(header: str) -> tuple[str, str, str | None]:
    """Returns bucket, key and version id (or None) of ``[/]bucket/key[?versionId=id]``, percent-encoded."""
    path, named, version_id = header.partition("?versionId=")
    if _BAD_ESCAPE.search(path):
        raise S3Error(
            "InvalidArgument",
            "Invalid copy source encoding.",
            facts={"ArgumentName": "x-amz-copy-source", "ArgumentValue": header},
        )
    try:
        # The header's characters are its bytes: some write a name as it is, without encoding it.
        decoded = unquote_to_bytes(path.encode("latin-1")).decode()
    except UnicodeError:
        decoded = ""
    bucket, _, key = decoded.removeprefix("/").partition("/")
    if not bucket or not key:
        raise S3Error(
            "InvalidArgument",
            "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
            facts={"ArgumentName": "x-amz-copy-source", "ArgumentValue": header},
        )
    return bucket, key, checked_version_id(unquote(version_id) if named else None, "x-amz-copy-source")
