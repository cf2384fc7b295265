"""UploadPartCopy: a part out of an object that is there already."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial

from s3portal.server.api.encryption.encryption import (
    Encryption,
    answer_headers,
    encryption_of_upload,
    is_same,
)
from s3portal.server.api.multipart.uploading import store_part, target_of
from s3portal.server.api.objects.copy_source import CopySource, read_copy_source
from s3portal.server.api.objects.object_body import ObjectBody, while_it_stays
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.operation import OBJECT, Operation
from s3portal.server.http.values import whole_number
from s3portal.server.storage import uploads
from s3portal.server.storage.parts import parts_between
from s3portal.server.storage.records import Part, Upload
from s3portal.server.storage.storage import now_ms
from s3portal.server.wire.checksums import ALGORITHMS, encode
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.reply import Reply, xml_reply
from s3portal.server.wire.xml_documents import document, field, fields, to_the_second

_FORM = (
    "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the "
    "zero-based offsets of the first and last bytes to copy"
)


def upload_part_copy(call: Call) -> Reply:
    return while_it_stays(partial(_copy_part, call))


def _copy_part(call: Call) -> Reply:
    upload, part_number = target_of(call)
    encryption = encryption_of_upload(call, upload.headers)
    with read_copy_source(call) as source:
        first, last = 0, source.found.size_bytes - 1
        header = call.header("x-amz-copy-source-range")
        if header:
            first, last = _copy_range(header, source.found.size_bytes)
        source.require_copyable(last - first + 1)
        # Made before: where the source goes meanwhile, its bytes are still there, but nothing knows of them.
        payload = source.payload(upload.checksum_algorithm, first, last)
        part = _share(source, upload, encryption, part_number, first, last)
        if part is None:
            part = store_part(call, upload, part_number, payload, encryption)
    return xml_reply(
        document(
            "CopyPartResult",
            fields(("LastModified", to_the_second(part.modified_at)), ("ETag", f'"{part.etag}"')),
            field(f"Checksum{upload.checksum_algorithm}", encode(part.checksum)),
        ),
        headers=source.headers() | answer_headers(upload.headers, encryption.customer_key),
    )


def _share(
    source: CopySource, upload: Upload, encryption: Encryption, part_number: int, first: int, last: int
) -> Part | None:
    """Makes a part that shares a blob of the source, where the range is one: its MD5 is known.

    Its checksum is too, if it was computed by the algorithm of the upload; else the bytes are read for it,
    but not written again. Returns None where the range is no blob, or is encrypted in another way, or the
    source was replaced meanwhile.
    """
    storage, found = source.call.storage, source.found
    parts = parts_between(storage, found.body_id, first, last)
    if (
        len(parts) != 1
        or parts[0].blob is None
        or (parts[0].start, parts[0].size_bytes) != (first, last - first + 1)
        or not is_same(encryption, {parts[0].key_id}, found.headers)
    ):
        return None
    (shared,) = parts
    checksum = shared.checksum
    if found.checksum.algorithm != upload.checksum_algorithm:
        digest = ALGORITHMS[upload.checksum_algorithm].start()
        for chunk in ObjectBody(source.segments(first, last), lambda: None):
            digest.update(chunk)
        checksum = digest.digest()
    part = replace(shared, part_number=part_number, start=0, checksum=checksum, modified_at=now_ms())
    return part if uploads.put_part(storage, upload, part, (found.body_id, shared)) else None


def _copy_range(header: str, size_bytes: int) -> tuple[int, int]:
    """Unlike GET, a copy takes only ``bytes=first-last`` inside the source."""
    match = re.fullmatch(r"bytes=([0-9]+)-([0-9]+)", header)
    facts = {"ArgumentName": "x-amz-copy-source-range", "ArgumentValue": header}
    first, last = (whole_number(match[1]), whole_number(match[2])) if match else (None, None)
    if first is None or last is None or first > last:
        raise S3Error("InvalidArgument", _FORM, facts=facts)
    if first >= size_bytes:
        raise S3Error("InvalidRequest", "The specified copy range is invalid for the source object size")
    if last >= size_bytes:
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
