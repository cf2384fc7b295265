"""CreateMultipartUpload, UploadPart, AbortMultipartUpload."""

from __future__ import annotations

from s3portal.server.access.payload import Payload, open_payload
from s3portal.server.api.acl.requested import owner_and_acl
from s3portal.server.api.encryption.encryption import (
    Encryption,
    Receiving,
    answer_headers,
    encryption_of_upload,
)
from s3portal.server.api.objects.description import description_of
from s3portal.server.api.objects.expiration import upload_headers
from s3portal.server.api.objects.locks import require_digest
from s3portal.server.api.objects.reading import PART_NUMBER_LIMIT, invalid_part_number
from s3portal.server.api.versions.version_ids import refuse_version_id
from s3portal.server.gateway.begun_uploads import kept_with
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.operation import OBJECT, Operation
from s3portal.server.http.values import parse_date, whole_number
from s3portal.server.storage import quotas, uploads
from s3portal.server.storage.blobs import SMALL_CONTENT_BYTES, new_body_id
from s3portal.server.storage.records import Part, Upload
from s3portal.server.storage.storage import now_ms
from s3portal.server.wire.checksums import (
    ALGORITHMS,
    COMPOSITE,
    DEFAULT_ALGORITHM,
    FULL_OBJECT,
    Algorithm,
    algorithm_named,
    encode,
)
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.reply import NO_CONTENT, Reply, xml_reply
from s3portal.server.wire.xml_documents import document, fields

# https://docs.aws.amazon.com/AmazonS3/latest/API/API_AbortMultipartUpload.html
_INITIATED = "x-amz-if-match-initiated-time"


def create_multipart_upload(call: Call) -> Reply:
    refuse_version_id(call)
    named = call.header("x-amz-checksum-algorithm") or None
    algorithm = algorithm_named(named or DEFAULT_ALGORITHM)
    asked_type = (call.header("x-amz-checksum-type") or "").upper() or None
    checksum_type = _checksum_type(asked_type, algorithm, named is not None)
    description = description_of(call)
    owner, acl = owner_and_acl(call)
    upload = Upload(
        upload_id=new_body_id(),
        bucket=call.bucket,
        key=call.key,
        initiated_at=now_ms(),
        headers=kept_with(description.headers, call.request),
        checksum_algorithm=algorithm.name,
        checksum_type=checksum_type,
        checksum_asked=named is not None,
        initiator=call.proof.caller.arn,
        owner=owner,
        tags=description.tags,
        lock=description.lock,
        acl=acl,
        writer=call.proof.caller.writer,
    )
    uploads.create(call.storage, upload)
    return xml_reply(
        document(
            "InitiateMultipartUploadResult",
            fields(("Bucket", call.bucket), ("Key", call.key), ("UploadId", upload.upload_id)),
        ),
        headers=checksum_headers(upload)
        | upload_headers(call, upload)
        | answer_headers(upload.headers, description.encryption.customer_key)
        | description.encryption.context_headers(),
    )


def _checksum_type(asked: str | None, algorithm: Algorithm, algorithm_asked: bool) -> str:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html, the table of
    full-object and composite checksum types."""
    if asked is None:
        return algorithm.default_type
    if not algorithm_asked:
        raise S3Error(
            "InvalidRequest",
            "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.",
        )
    if asked not in (COMPOSITE, FULL_OBJECT):
        raise S3Error("InvalidRequest", "Value for x-amz-checksum-type header is invalid.")
    possible = [COMPOSITE] * algorithm.composite + [FULL_OBJECT] * (algorithm.combine is not None)
    if asked not in possible:
        raise S3Error(
            "InvalidRequest",
            f"The {asked} checksum type cannot be used with the {algorithm.name.lower()} checksum algorithm.",
        )
    return asked


def checksum_headers(upload: Upload) -> dict[str, str]:
    """Returns what S3 says of an upload's checksums: nothing, unless an algorithm was asked for."""
    if not upload.checksum_asked:
        return {}
    return {
        "x-amz-checksum-algorithm": upload.checksum_algorithm,
        "x-amz-checksum-type": upload.checksum_type,
    }


def upload_part(call: Call) -> Reply:
    upload, part_number = target_of(call)
    require_digest(call, upload.lock, "Part")
    encryption = encryption_of_upload(call, upload.headers)
    algorithm = ALGORITHMS[upload.checksum_algorithm]
    payload = open_payload(call.request, call.body, call.proof, algorithms=[algorithm])
    given = payload.given_algorithm
    if upload.checksum_asked and given is not None and given != algorithm:
        raise S3Error(
            "InvalidRequest",
            f"Checksum Type mismatch occurred, expected checksum Type: {algorithm.name.lower()}, "
            f"actual checksum Type: {given.name.lower()}",
        )
    part = store_part(call, upload, part_number, payload, encryption)
    # The caller hears of the algorithm it sent, else of the one the upload has.
    shown = given or algorithm
    headers = {"ETag": f'"{part.etag}"', shown.header: encode(payload.digest(shown))}
    return Reply(200, headers | answer_headers(upload.headers, encryption.customer_key))


def target_of(call: Call) -> tuple[Upload, int]:
    """Returns the upload and the part number that a request names. Raises NoSuchUpload, InvalidArgument."""
    text = call.parameter("partNumber") or ""
    number = whole_number(text)
    if number is None or not 1 <= number <= PART_NUMBER_LIMIT:
        raise invalid_part_number(text)
    upload_id = call.parameter("uploadId") or ""
    return uploads.find(call.storage, call.bucket, call.key, upload_id), number


def store_part(
    call: Call, upload: Upload, part_number: int, payload: Payload, encryption: Encryption
) -> Part:
    """Reads a payload to its end and makes it a part of the upload. Raises QuotaExceeded."""
    if payload.size_is_exact and payload.size_bytes > SMALL_CONTENT_BYTES:
        quotas.foresee_part(call.storage, upload, part_number, payload.size_bytes)
    receiving = Receiving(payload, encryption.wrapping)
    with call.storage.receive(receiving.source, upload.upload_id, part_number) as (blob, content):
        part = receiving.part(
            Part(
                part_number=part_number,
                blob=blob,
                start=0,
                size_bytes=payload.size_bytes,
                etag=payload.md5_hex,
                checksum=payload.digest(ALGORITHMS[upload.checksum_algorithm]),
                modified_at=now_ms(),
                content=content,
            )
        )
        uploads.put_part(call.storage, upload, part)
    return part


def abort_multipart_upload(call: Call) -> Reply:
    asked = call.header(_INITIATED)
    asked_s = parse_date(asked)
    if asked and asked_s is None:
        facts = {"ArgumentName": _INITIATED, "ArgumentValue": asked}
        raise S3Error("InvalidArgument", f"{_INITIATED} cannot be read", facts=facts)

    def check(upload: Upload) -> None:
        if asked_s is not None and asked_s != upload.initiated_at // 1000:
            raise S3Error("PreconditionFailed", facts={"Condition": _INITIATED})

    uploads.abort(call.storage, call.bucket, call.key, call.parameter("uploadId") or "", check)
    return NO_CONTENT


OPERATIONS = (
    Operation(
        "CreateMultipartUpload",
        OBJECT,
        "POST",
        ("uploads",),
        "s3:PutObject",
        create_multipart_upload,
        creates_object=False,
        begins_object=True,
    ),
    Operation(
        "UploadPart",
        OBJECT,
        "PUT",
        ("partNumber", "uploadId"),
        "s3:PutObject",
        upload_part,
        creates_object=False,
    ),
    Operation(
        "AbortMultipartUpload",
        OBJECT,
        "DELETE",
        ("uploadId",),
        "s3:AbortMultipartUpload",
        abort_multipart_upload,
    ),
)
