"""ListObjectsV2, ListObjects, ListMultipartUploads, ListParts."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from urllib.parse import quote

from s3portal.server.api.buckets.buckets import initiator_element, owner_element
from s3portal.server.api.multipart.uploading import checksum_headers
from s3portal.server.gateway.service import Call
from s3portal.server.storage import listing, uploads
from s3portal.server.storage.records import ListedObject, Upload
from s3portal.server.wire.checksums import encode
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.reply import Reply, xml_reply
from s3portal.server.wire.xml_documents import document, element, field, fields, timestamp

PAGE_LIMIT = 1000


def list_objects_v2(call: Call) -> Reply:
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
                ("Delimiter", _optional(name, call.parameter("delimiter") or None)),
                ("StartAfter", _optional(name, start_after)),
                ("MaxKeys", limit),
                ("EncodingType", call.parameter("encoding-type") or None),
                ("KeyCount", len(page.entries)),
                ("IsTruncated", next_token is not None),
                ("ContinuationToken", token),
                ("NextContinuationToken", next_token),
            ),
            *_object_elements(page, name, with_owner),
        )
    )


def list_objects(call: Call) -> Reply:
    """The first version of the call, still used by many clients. A marker may be a common prefix."""
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
                ("NextMarker", _optional(name, next_marker)),
                ("Delimiter", _optional(name, delimiter or None)),
                ("MaxKeys", limit),
                ("EncodingType", call.parameter("encoding-type") or None),
                ("IsTruncated", page.next_after is not None),
            ),
            *_object_elements(page, name, with_owner=True),
        )
    )


def _page_of_objects(call: Call, after: bytes) -> tuple[listing.ObjectPage, int, Callable[[str], str]]:
    limit = call.number("max-keys", default=PAGE_LIMIT, limit=PAGE_LIMIT)
    name = _encoder(call)
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


def _object_elements(page: listing.ObjectPage, name: Callable[[str], str], with_owner: bool) -> list[str]:
    owner = owner_element() if with_owner else ""
    contents, prefixes = [], []
    for entry in page.entries:
        if isinstance(entry, str):
            prefixes.append(element("CommonPrefixes", field("Prefix", name(entry))))
            continue
        contents.append(
            element(
                "Contents",
                fields(
                    ("Key", name(entry.key)),
                    ("LastModified", timestamp(entry.modified_at)),
                    ("ETag", f'"{entry.etag}"'),
                    ("ChecksumAlgorithm", entry.checksum_algorithm),
                    ("ChecksumType", entry.checksum_type),
                    ("Size", entry.size_bytes),
                ),
                owner,
                "<StorageClass>STANDARD</StorageClass>",
            )
        )
    return contents + prefixes


def list_multipart_uploads(call: Call) -> Reply:
    limit = call.number("max-uploads", default=PAGE_LIMIT, limit=PAGE_LIMIT, least=1)
    name = _encoder(call)
    marker = (call.parameter("key-marker") or "", call.parameter("upload-id-marker") or "")
    page = listing.list_uploads(
        call.storage,
        call.bucket,
        prefix=call.parameter("prefix") or "",
        delimiter=call.parameter("delimiter") or "",
        # An upload id alone says nothing: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html
        marker=marker if marker[0] else ("", ""),
        limit=limit,
    )
    next_key, next_upload_id = page.next_marker or (None, None)
    found = [_upload_element(entry, name) for entry in page.entries if isinstance(entry, Upload)]
    prefixes = [
        element("CommonPrefixes", field("Prefix", name(entry)))
        for entry in page.entries
        if isinstance(entry, str)
    ]
    return xml_reply(
        document(
            "ListMultipartUploadsResult",
            fields(
                ("Bucket", call.bucket),
                ("KeyMarker", name(marker[0])),
                ("UploadIdMarker", marker[1]),
                ("NextKeyMarker", _optional(name, next_key)),
                ("NextUploadIdMarker", next_upload_id),
                ("Prefix", _optional(name, call.parameter("prefix"))),
                ("Delimiter", _optional(name, call.parameter("delimiter") or None)),
                ("EncodingType", call.parameter("encoding-type") or None),
                ("MaxUploads", limit),
                ("IsTruncated", page.next_marker is not None),
            ),
            *found,
            *prefixes,
        )
    )


def _upload_element(upload: Upload, name: Callable[[str], str]) -> str:
    return element(
        "Upload",
        fields(("Key", name(upload.key)), ("UploadId", upload.upload_id)),
        initiator_element(upload.initiator),
        owner_element(),
        fields(("StorageClass", "STANDARD"), ("Initiated", timestamp(upload.initiated_at))),
        _checksum_fields(upload),
    )


def _checksum_fields(upload: Upload) -> str:
    if not upload.checksum_asked:
        return ""
    return fields(("ChecksumAlgorithm", upload.checksum_algorithm), ("ChecksumType", upload.checksum_type))


def list_parts(call: Call) -> Reply:
    limit = call.number("max-parts", default=PAGE_LIMIT, limit=PAGE_LIMIT)
    after = call.number("part-number-marker", default=0, limit=2**31)
    upload = uploads.find(call.storage, call.bucket, call.key, call.parameter("uploadId") or "")
    parts = uploads.list_parts(call.storage, upload.upload_id, after, limit + 1)
    page, truncated = parts[:limit], len(parts) > limit > 0
    elements = [
        element(
            "Part",
            fields(
                ("PartNumber", part.part_number),
                ("LastModified", timestamp(part.modified_at)),
                ("ETag", f'"{part.etag}"'),
                ("Size", part.size_bytes),
            ),
            field(f"Checksum{upload.checksum_algorithm}", encode(part.checksum))
            if upload.checksum_asked
            else "",
        )
        for part in page
    ]
    return xml_reply(
        document(
            "ListPartsResult",
            fields(
                ("Bucket", call.bucket),
                ("Key", call.key),
                ("UploadId", upload.upload_id),
                ("PartNumberMarker", after),
                ("NextPartNumberMarker", page[-1].part_number if page else after),
                ("MaxParts", limit),
                ("IsTruncated", truncated),
            ),
            *elements,
            initiator_element(upload.initiator),
            owner_element(),
            field("StorageClass", "STANDARD"),
            _checksum_fields(upload),
        ),
        headers=checksum_headers(upload),
    )


def _encoder(call: Call) -> Callable[[str], str]:
    """Returns how names are written: with encoding-type=url, as URLs have them (``/`` kept)."""
    kind = call.parameter("encoding-type")
    if not kind:
        return str
    if kind != "url":
        facts = {"ArgumentName": "encoding-type", "ArgumentValue": kind}
        raise S3Error("InvalidArgument", "Invalid Encoding Method specified in Request", facts=facts)
    return lambda name: quote(name, safe="/-_.~*")


def _optional(name: Callable[[str], str], value: str | None) -> str | None:
    return None if value is None else name(value)


def _decode_token(token: str) -> bytes:
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as problem:
        message = "The continuation token provided is incorrect"
        raise S3Error("InvalidArgument", message, facts={"ArgumentName": "continuation-token"}) from problem
