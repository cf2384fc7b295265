"""GetObjectAttributes: what there is to know of an object, without its bytes and its metadata."""

from __future__ import annotations

from functools import partial

from s3portal.server.api.encryption.opening import require_readable
from s3portal.server.api.names import PAGE_LIMIT
from s3portal.server.api.objects.conditions import check_read, http_date
from s3portal.server.api.objects.object_body import BodyGone, while_it_stays
from s3portal.server.api.objects.object_headers import storage_class_of
from s3portal.server.api.objects.reading import find_named_object
from s3portal.server.api.versions.version_ids import version_headers
from s3portal.server.authority.actions import action_on_version
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.operation import OBJECT, Operation
from s3portal.server.http.values import list_of, whole_number
from s3portal.server.storage.parts import list_parts
from s3portal.server.storage.records import StoredObject
from s3portal.server.wire.checksums import encode
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.reply import Reply, xml_reply
from s3portal.server.wire.xml_documents import document, element, field, fields

NAMES = ("ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize")
_HEADER = "x-amz-object-attributes"
_PART_NUMBER_LIMIT = 2**31


def get_object_attributes(call: Call) -> Reply:
    return while_it_stays(partial(_attributes, call))


def _attributes(call: Call) -> Reply:
    asked = list_of(call.header(_HEADER))
    if not asked:
        message = f"The {_HEADER} header specifying the attributes to be retrieved is either missing or empty"
        raise S3Error("InvalidRequest", message)
    if not set(asked) <= set(NAMES):
        facts = {"ArgumentName": _HEADER, "ArgumentValue": call.header(_HEADER) or ""}
        raise S3Error("InvalidArgument", "Invalid attribute name specified.", facts=facts)
    # Besides s3:GetObjectAttributes.
    action = action_on_version("s3:GetObject", call.parameter("versionId"))
    call.require(action, call.bucket, call.key, version_id=call.parameter("versionId"))
    found = find_named_object(call)
    require_readable(call, found, opens="Checksum" in asked)
    check_read(call.request, found)
    headers = {"Last-Modified": http_date(found)}
    headers |= version_headers(call, found, call.parameter("versionId"))
    writers = {
        "ETag": lambda: field("ETag", found.etag),
        "Checksum": lambda: _checksum(found),
        "ObjectParts": lambda: _parts(call, found),
        "StorageClass": lambda: field("StorageClass", storage_class_of(found.headers)),
        "ObjectSize": lambda: field("ObjectSize", found.size_bytes),
    }
    content = "".join(writers[name]() for name in NAMES if name in asked)
    return xml_reply(document("GetObjectAttributesResponse", content), headers=headers)


def _checksum(found: StoredObject) -> str:
    checksum = found.checksum
    # Here without the number of parts behind it, which ObjectParts tells.
    value = checksum.value.partition("-")[0]
    return element("Checksum", fields((checksum.element_name, value), ("ChecksumType", checksum.type)))


def _parts(call: Call, found: StoredObject) -> str:
    """The parts of what was uploaded in parts, page by page; nothing for other objects."""
    if not found.part_count:
        return ""
    limit = min(_number(call, "x-amz-max-parts", PAGE_LIMIT), PAGE_LIMIT)
    after = _number(call, "x-amz-part-number-marker", 0)
    parts = list_parts(call.storage, found.body_id, after, limit + 1)
    if not parts and not after:
        raise BodyGone(found.body_id)
    page, truncated = parts[:limit], len(parts) > limit > 0
    elements = (
        element(
            "Part",
            fields(
                ("PartNumber", part.part_number),
                ("Size", part.size_bytes),
                (found.checksum.element_name, encode(part.checksum)),
            ),
        )
        for part in page
    )
    return element(
        "ObjectParts",
        fields(
            ("PartsCount", found.part_count),
            ("PartNumberMarker", after),
            ("NextPartNumberMarker", page[-1].part_number if page else after),
            ("MaxParts", limit),
            ("IsTruncated", truncated),
        ),
        *elements,
    )


def _number(call: Call, header: str, default: int) -> int:
    text = call.header(header)
    if not text:
        return default
    number = whole_number(text)
    if number is None or number >= _PART_NUMBER_LIMIT:
        facts = {"ArgumentName": header, "ArgumentValue": text}
        message = f"Provided {header} not an integer or within integer range"
        raise S3Error("InvalidArgument", message, facts=facts)
    return number


OPERATIONS = (
    Operation(
        "GetObjectAttributes",
        OBJECT,
        "GET",
        ("attributes",),
        "s3:GetObjectAttributes",
        get_object_attributes,
    ),
)
