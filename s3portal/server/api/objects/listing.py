"""ListObjectsV2, ListObjects."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable

from s3portal.server.api.names import PAGE_LIMIT, name_encoder, optional
from s3portal.server.api.objects.object_headers import STANDARD
from s3portal.server.api.owners import owner_element, owner_in_effect
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.operation import BUCKET, Operation
from s3portal.server.http.values import list_of
from s3portal.server.storage import listing
from s3portal.server.storage.records import ListedObject
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.reply import Reply, xml_reply
from s3portal.server.wire.xml_documents import document, element, escape, field, fields, to_the_second

_OPTIONAL_ATTRIBUTES = "x-amz-optional-object-attributes"


def list_objects_v2(call: Call) -> Reply:
    _refuse_unknown(call)
    token, start_after = call.parameter("continuation-token"), call.parameter("start-after")
    after = (start_after or "").encode() if token is None else _decode_token(token)
    page, limit, name = _page_of_objects(call, after)
    with_owner = call.parameter("fetch-owner") == "true"
    next_token = None if page.next_after is None else base64.urlsafe_b64encode(page.next_after).decode()
    return xml_reply(
        document(
            "ListBucketResult",
            fields(
                ("Name", call.bucket),
                ("Prefix", name(call.parameter("prefix") or "")),
                ("Delimiter", optional(name, call.parameter("delimiter") or None)),
                ("StartAfter", optional(name, start_after)),
                ("MaxKeys", limit),
                ("EncodingType", call.parameter("encoding-type") or None),
                ("KeyCount", len(page.entries)),
                ("IsTruncated", next_token is not None),
                ("ContinuationToken", token),
                ("NextContinuationToken", next_token),
            ),
            *_object_elements(call, page, name, with_owner),
        )
    )


def list_objects(call: Call) -> Reply:
    """The first version of the call, still used by many clients. A marker may be a common prefix."""
    _refuse_unknown(call)
    marker, delimiter = call.parameter("marker") or "", call.parameter("delimiter") or ""
    prefix = call.parameter("prefix") or ""
    is_prefix = bool(delimiter) and marker.startswith(prefix) and marker[len(prefix) :].endswith(delimiter)
    after = listing.end_of_prefix(marker.encode()) if is_prefix else marker.encode()
    page, limit, name = _page_of_objects(call, after)
    last = page.entries[-1] if page.entries else None
    last_name = last.key if isinstance(last, ListedObject) else last
    # NextMarker is only given with a delimiter; without one the last key serves.
    next_marker = last_name if page.next_after is not None and delimiter else None
    return xml_reply(
        document(
            "ListBucketResult",
            fields(
                ("Name", call.bucket),
                ("Prefix", name(prefix)),
                ("Marker", name(marker)),
                ("NextMarker", optional(name, next_marker)),
                ("Delimiter", optional(name, delimiter or None)),
                ("MaxKeys", limit),
                ("EncodingType", call.parameter("encoding-type") or None),
                ("IsTruncated", page.next_after is not None),
            ),
            *_object_elements(call, page, name, with_owner=True),
        )
    )


def _refuse_unknown(call: Call) -> None:
    """Raises InvalidArgument for another type of listing, and for attributes that no listing has.

    RestoreStatus is of objects that are being restored from an archive, of which there are none here.
    """
    kind = call.parameter("list-type")
    if kind and kind != "2":
        facts = {"ArgumentName": "list-type", "ArgumentValue": kind}
        raise S3Error("InvalidArgument", "Invalid List Type specified in Request", facts=facts)
    if any(name != "RestoreStatus" for name in list_of(call.header(_OPTIONAL_ATTRIBUTES))):
        facts = {
            "ArgumentName": _OPTIONAL_ATTRIBUTES,
            "ArgumentValue": call.header(_OPTIONAL_ATTRIBUTES) or "",
        }
        raise S3Error("InvalidArgument", "Invalid attribute name specified", facts=facts)


def _page_of_objects(call: Call, after: bytes) -> tuple[listing.ObjectPage, int, Callable[[str], str]]:
    limit = call.number("max-keys", default=PAGE_LIMIT, limit=PAGE_LIMIT)
    name = name_encoder(call)
    page = listing.list_objects(
        call.storage,
        call.bucket,
        prefix=call.parameter("prefix") or "",
        delimiter=call.parameter("delimiter") or "",
        after=after,
        limit=limit,
    )
    # A page of nothing is never followed by another.
    return (page if limit else listing.ObjectPage([], None)), limit, name


def _object_elements(
    call: Call, page: listing.ObjectPage, name: Callable[[str], str], with_owner: bool
) -> list[str]:
    # Usually one; each is looked up and written once.
    ids = {entry.owner for entry in page.entries if isinstance(entry, ListedObject)} if with_owner else ()
    owners = {account_id: owner_element(call, owner_in_effect(call, account_id)) for account_id in ids}
    contents, prefixes = [], []
    for entry in page.entries:
        if isinstance(entry, str):
            prefixes.append(element("CommonPrefixes", field("Prefix", name(entry))))
            continue
        key, modified_at, etag, size_bytes, algorithm, checksum_type, owner, storage_class = entry
        # Written in one piece, because a page has a thousand. Only the key can hold special characters.
        contents.append(
            f"<Contents><Key>{escape(name(key))}</Key><LastModified>{to_the_second(modified_at)}</LastModified>"
            f"<ETag>&quot;{etag}&quot;</ETag><ChecksumAlgorithm>{algorithm}</ChecksumAlgorithm>"
            f"<ChecksumType>{checksum_type}</ChecksumType><Size>{size_bytes}</Size>{owners.get(owner, '')}"
            f"<StorageClass>{storage_class or STANDARD}</StorageClass></Contents>"
        )
    return contents + prefixes


def _decode_token(token: str) -> bytes:
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as problem:
        message = "The continuation token provided is incorrect"
        raise S3Error("InvalidArgument", message, facts={"ArgumentName": "continuation-token"}) from problem


OPERATIONS = (
    Operation("ListObjects", BUCKET, "GET", (), "s3:ListBucket", list_objects),
    Operation("ListObjectsV2", BUCKET, "GET", ("list-type",), "s3:ListBucket", list_objects_v2),
)
