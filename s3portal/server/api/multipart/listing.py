"""ListMultipartUploads, ListParts."""

from __future__ import annotations

from collections.abc import Callable

from s3portal.server.api.multipart.uploading import checksum_headers
from s3portal.server.api.names import PAGE_LIMIT, name_encoder, optional
from s3portal.server.api.objects.object_headers import storage_class_of
from s3portal.server.api.owners import initiator_element, owner_element, owner_in_effect
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.operation import BUCKET, OBJECT, Operation
from s3portal.server.storage import listing, uploads
from s3portal.server.storage.parts import list_parts as list_parts_of
from s3portal.server.storage.records import Upload
from s3portal.server.wire.checksums import encode
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.reply import Reply, xml_reply
from s3portal.server.wire.xml_documents import document, element, field, fields, to_the_second


def list_multipart_uploads(call: Call) -> Reply:
    limit = call.number("max-uploads", default=PAGE_LIMIT, limit=PAGE_LIMIT, least=1)
    name = name_encoder(call)
    marker = (call.parameter("key-marker") or "", call.parameter("upload-id-marker") or "")
    if not marker[0]:
        # An upload id alone says nothing: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html
        marker = ("", "")
    if marker[1] and not uploads.may_be_an_id(marker[1]):
        facts = {"ArgumentName": "upload-id-marker", "ArgumentValue": marker[1]}
        raise S3Error("InvalidArgument", "Invalid uploadId marker", facts=facts)
    page = listing.list_uploads(
        call.storage,
        call.bucket,
        prefix=call.parameter("prefix") or "",
        delimiter=call.parameter("delimiter") or "",
        marker=marker,
        limit=limit,
    )
    next_key, next_upload_id = page.next_marker or (None, None)
    found = [_upload_element(call, entry, name) for entry in page.entries if isinstance(entry, Upload)]
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
                ("NextKeyMarker", optional(name, next_key)),
                ("NextUploadIdMarker", next_upload_id),
                ("Prefix", optional(name, call.parameter("prefix"))),
                ("Delimiter", optional(name, call.parameter("delimiter") or None)),
                ("EncodingType", call.parameter("encoding-type") or None),
                ("MaxUploads", limit),
                ("IsTruncated", page.next_marker is not None),
            ),
            *found,
            *prefixes,
        )
    )


def _upload_element(call: Call, upload: Upload, name: Callable[[str], str]) -> str:
    return element(
        "Upload",
        fields(("Key", name(upload.key)), ("UploadId", upload.upload_id)),
        initiator_element(call, upload.initiator),
        owner_element(call, owner_in_effect(call, upload.owner)),
        fields(
            ("StorageClass", storage_class_of(upload.headers)),
            ("Initiated", to_the_second(upload.initiated_at)),
        ),
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
    parts = list_parts_of(call.storage, upload.upload_id, after, limit + 1)
    page, truncated = parts[:limit], len(parts) > limit > 0
    elements = [
        element(
            "Part",
            fields(
                ("PartNumber", part.part_number),
                ("LastModified", to_the_second(part.modified_at)),
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
            initiator_element(call, upload.initiator),
            owner_element(call, owner_in_effect(call, upload.owner)),
            field("StorageClass", storage_class_of(upload.headers)),
            _checksum_fields(upload),
        ),
        headers=checksum_headers(upload),
    )


OPERATIONS = (
    Operation(
        "ListMultipartUploads",
        BUCKET,
        "GET",
        ("uploads",),
        "s3:ListBucketMultipartUploads",
        list_multipart_uploads,
    ),
    Operation("ListParts", OBJECT, "GET", ("uploadId",), "s3:ListMultipartUploadParts", list_parts),
)
