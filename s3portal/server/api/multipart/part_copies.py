"""UploadPartCopy: a part out of an object that is there already."""

from __future__ import annotations

import re

from s3portal.server.api.multipart.uploading import store_part, target_of
from s3portal.server.api.objects.copy_source import read_copy_source
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.operation import OBJECT, Operation
from s3portal.server.http.values import whole_number
from s3portal.server.wire.checksums import encode
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.reply import Reply, xml_reply
from s3portal.server.wire.xml_documents import document, field, fields, timestamp


def upload_part_copy(call: Call) -> Reply:
    upload, part_number = target_of(call)
    with read_copy_source(call) as source:
        first, last = 0, source.found.size_bytes - 1
        header = call.header("x-amz-copy-source-range")
        if header:
            first, last = _copy_range(header, source.found.size_bytes)
        payload = source.payload(upload.checksum_algorithm, first, last)
        part = store_part(call, upload, part_number, payload)
    return xml_reply(
        document(
            "CopyPartResult",
            fields(("LastModified", timestamp(part.modified_at)), ("ETag", f'"{part.etag}"')),
            field(f"Checksum{upload.checksum_algorithm}", encode(part.checksum)),
        ),
        headers=source.headers(),
    )


def _copy_range(header: str, size_bytes: int) -> tuple[int, int]:
    """Unlike GET, a copy takes only ``bytes=first-last`` inside the source."""
    match = re.fullmatch(r"bytes=([0-9]+)-([0-9]+)", header)
    facts = {"ArgumentName": "x-amz-copy-source-range", "ArgumentValue": header}
    first, last = (whole_number(match[1]), whole_number(match[2])) if match else (None, None)
    if first is None or last is None:
        message = "The x-amz-copy-source-range value must be of the form bytes=first-last"
        raise S3Error("InvalidArgument", message, facts=facts)
    if not first <= last < size_bytes:
        message = f"Range specified is not valid for source object of size: {size_bytes}"
        raise S3Error("InvalidArgument", message, facts=facts)
    return first, last


OPERATIONS = (
    Operation(
        "UploadPartCopy",
        OBJECT,
        "PUT",
        ("partNumber", "uploadId"),
        "s3:PutObject",
        upload_part_copy,
        copies=True,
        creates_object=False,
    ),
)
