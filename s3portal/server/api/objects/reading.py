"""GetObject and HeadObject: whole, in a range, or one part; under conditions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from s3portal.server.api.encryption.customer_keys import CustomerKey
from s3portal.server.api.encryption.encryption import answer_headers
from s3portal.server.api.encryption.opening import opener_of, require_readable
from s3portal.server.api.objects.conditions import check_read, etag_matches, http_date, modified_s
from s3portal.server.api.objects.expiration import expiration_headers
from s3portal.server.api.objects.locks import lock_headers
from s3portal.server.api.objects.object_body import BodyGone, ObjectBody, segments_between, while_it_stays
from s3portal.server.api.objects.object_headers import METADATA_PREFIX, SYSTEM_HEADERS, overridden_headers
from s3portal.server.api.objects.replication_status import replication_header
from s3portal.server.api.versions.version_ids import missing, version_headers, version_id_of
from s3portal.server.authority.actions import action_on_version
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.operation import OBJECT, Operation
from s3portal.server.http.values import parse_date, whole_number
from s3portal.server.storage import objects
from s3portal.server.storage.parts import find_part
from s3portal.server.storage.records import Part, StoredObject
from s3portal.server.wire.checksums import encode
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.reply import Reply
from s3portal.server.wire.s3_request import S3Request
from s3portal.server.wire.tag_sets import stored_tags

PART_NUMBER_LIMIT = 10_000
_RANGE = re.compile(r"bytes=([0-9]*)-([0-9]*)")
_MORE_THAN_ANY_OBJECT = 10**18
_CANONICAL_NAMES = {
    "cache-control": "Cache-Control",
    "content-disposition": "Content-Disposition",
    "content-encoding": "Content-Encoding",
    "content-language": "Content-Language",
    "content-type": "Content-Type",
    "expires": "Expires",
    **{name: name for name in SYSTEM_HEADERS},
}


@dataclass(frozen=True)
class Extent:
    """The bytes that are asked for, ``first`` to ``last`` included; the whole object when not ``partial``.

    ``part`` is the one that was asked for by its number."""

    first: int
    last: int
    partial: bool
    part: Part | None = None

    @property
    def length_bytes(self) -> int:
        return self.last - self.first + 1


def get_object(call: Call) -> Reply:
    return while_it_stays(partial(_get, call))


def _get(call: Call) -> Reply:
    version_id = version_id_of(call)
    found = find_named_object(call)
    key = require_readable(call, found, opens=True)
    reply, extent = _head(call, found, key)
    segments = segments_between(call.storage, found, extent.first, extent.last, opener_of(call, key))
    if all(isinstance(segment.source, bytes) for segment in segments):
        # All of it is here already.
        return Reply(reply.status, reply.headers, ObjectBody(segments, _nothing))
    if not objects.lease_found(call.storage, found, version_id):
        raise BodyGone(found.body_id)
    release = partial(call.storage.leases.release, found.body_id)
    return Reply(reply.status, reply.headers, ObjectBody(segments, release))


def _nothing() -> None:
    """There is no lease to give back."""


def head_object(call: Call) -> Reply:
    return while_it_stays(partial(_head_alone, call))


def _head_alone(call: Call) -> Reply:
    found = find_named_object(call)
    # https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html: only for a checksum.
    opens = bool(call.header("x-amz-checksum-mode"))
    return _head(call, found, require_readable(call, found, opens=opens))[0]


def find_named_object(call: Call) -> StoredObject:
    """Returns the object or the version that a request to read is about. Raises what is ``missing``."""
    version_id = version_id_of(call)
    found = objects.find(call.storage, call.bucket, call.key, version_id)
    call.judged.act_on(call.bucket, call.key, version_id, found)
    if found is None:
        raise missing(call, version_id)
    return found


def _head(call: Call, found: StoredObject, key: CustomerKey | None) -> tuple[Reply, Extent]:
    check_read(call.request, found)
    headers = object_answer_headers(found) | version_headers(call, found, call.parameter("versionId"))
    if call.parameter("versionId") is None:
        headers |= expiration_headers(call, found)
    extent = _extent_of_part(call, found) or _extent_of_range(call.request, found)
    if extent.partial:
        headers["Content-Range"] = f"bytes {extent.first}-{extent.last}/{found.size_bytes}"
    if call.parameter("partNumber") is not None and found.part_count:
        headers["x-amz-mp-parts-count"] = str(found.part_count)
    if (call.header("x-amz-checksum-mode") or "").upper() == "ENABLED":
        headers.update(_checksum_headers(found, extent))
    headers.update(_headers_of_attributes(call, found))
    headers.update(replication_header(call, found))
    headers.update(answer_headers(found.headers, key))
    headers.update(_overridden(call))
    headers["Content-Length"] = str(extent.length_bytes)
    return Reply(206 if extent.partial else 200, headers), extent


def _checksum_headers(found: StoredObject, extent: Extent) -> dict[str, str]:
    """Returns the checksum of what the body has: of the object, or of the part that was asked for by number.
    None covers any other range, unless it is all of the object."""
    if extent.part is not None and found.part_count:
        return {
            found.checksum.header: encode(extent.part.checksum),
            "x-amz-checksum-type": found.checksum.type,
        }
    if extent.part is None and extent.length_bytes < found.size_bytes:
        return {}
    return {found.checksum.header: found.checksum.value, "x-amz-checksum-type": found.checksum.type}


def _headers_of_attributes(call: Call, found: StoredObject) -> dict[str, str]:
    """Returns how many tags there are, and what locks the object, for who may know."""
    headers = lock_headers(call, found.lock)
    version_id = call.parameter("versionId")
    action = action_on_version("s3:GetObjectTagging", version_id)
    if found.tags and call.may(action, call.bucket, call.key, version_id=version_id):
        headers["x-amz-tagging-count"] = str(len(stored_tags(found.tags)))
    return headers


def _overridden(call: Call) -> Mapping[str, str]:
    headers = overridden_headers(call.request)
    if headers and call.proof.caller.is_anonymous:
        message = "Request specific response headers cannot be used for anonymous GET requests."
        raise S3Error("InvalidRequest", message)
    return headers


def object_answer_headers(found: StoredObject) -> dict[str, str]:
    """Returns the headers that describe an object, whatever is asked of it."""
    headers = {
        _CANONICAL_NAMES.get(name, name): value
        for name, value in found.headers.items()
        if name in _CANONICAL_NAMES or name.startswith(METADATA_PREFIX)
    }
    headers["ETag"] = f'"{found.etag}"'
    headers["Last-Modified"] = http_date(found)
    headers["Accept-Ranges"] = "bytes"
    return headers


def _extent_of_part(call: Call, found: StoredObject) -> Extent | None:
    text = call.parameter("partNumber")
    if text is None:
        return None
    if call.header("range") is not None:
        raise S3Error("InvalidRequest", "Cannot specify both Range header and partNumber query parameter")
    number = call.number("partNumber", default=0, limit=PART_NUMBER_LIMIT + 1)
    if not 1 <= number <= PART_NUMBER_LIMIT:
        raise invalid_part_number(text)
    part = find_part(call.storage, found.body_id, number)
    if part is None and found.size_bytes and number <= max(found.part_count, 1):
        raise BodyGone(found.body_id)
    if part is None:
        facts = {"PartNumberRequested": str(number), "ActualPartCount": str(max(found.part_count, 1))}
        raise S3Error("InvalidPartNumber", facts=facts)
    if not part.size_bytes:
        return Extent(0, -1, False, part)
    return Extent(part.start, part.start + part.size_bytes - 1, True, part)


def invalid_part_number(text: str) -> S3Error:
    return S3Error(
        "InvalidArgument",
        f"Part number must be an integer between 1 and {PART_NUMBER_LIMIT}, inclusive",
        facts={"ArgumentName": "partNumber", "ArgumentValue": text},
    )


def _extent_of_range(request: S3Request, found: StoredObject) -> Extent:
    whole = Extent(0, found.size_bytes - 1, False)
    header = request.header("range")
    if header is None or not _range_applies(request, found):
        return whole
    extent = parse_range(header, found.size_bytes)
    return whole if extent is None else Extent(*extent, True)


def parse_range(header: str, size_bytes: int) -> tuple[int, int] | None:
    """Returns the first and last byte of a Range header.

    None, for the whole object, when it is not one range of bytes (RFC 9110, 14.2: ignored; S3 knows no
    several ranges). Raises InvalidRange when the object has no such bytes.
    """
    match = _RANGE.fullmatch(header.strip())
    if match is None or match.groups() == ("", ""):
        return None
    begin, end = _offset(match[1]), _offset(match[2])
    first = max(size_bytes - (end or 0), 0) if begin is None else begin
    last = size_bytes - 1 if begin is None or end is None else min(end, size_bytes - 1)
    if begin is not None and end is not None and end < begin:
        return None
    if first >= size_bytes or (begin is None and not end):
        raise S3Error(
            "InvalidRange",
            facts={"RangeRequested": header, "ActualObjectSize": str(size_bytes)},
            headers={"Content-Range": f"bytes */{size_bytes}"},
        )
    return first, last


def _offset(digits: str) -> int | None:
    """Returns what a bound of a range spells, however many digits it has; None for an open one."""
    if not digits:
        return None
    number = whole_number(digits)
    return _MORE_THAN_ANY_OBJECT if number is None else number


def _range_applies(request: S3Request, found: StoredObject) -> bool:
    """Whether If-Range, where there is one, names the bytes that are here (RFC 9110, 13.1.5)."""
    condition = request.header("if-range")
    if condition is None:
        return True
    date = parse_date(condition)
    if date is not None:
        return modified_s(found) == date
    return not condition.startswith("W/") and etag_matches(condition, found.etag)


OPERATIONS = (
    Operation("GetObject", OBJECT, "GET", (), "s3:GetObject", get_object),
    Operation("GetObject", OBJECT, "GET", ("partNumber",), "s3:GetObject", get_object),
    Operation("HeadObject", OBJECT, "HEAD", (), "s3:GetObject", head_object),
    Operation("HeadObject", OBJECT, "HEAD", ("partNumber",), "s3:GetObject", head_object),
)
