"""CompleteMultipartUpload: the parts become an object, by reference; nothing is copied."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

from s3portal.server.api.encryption.customer_keys import customer_key_of
from s3portal.server.api.encryption.encryption import answer_headers, encryption_of_upload
from s3portal.server.api.objects.conditions import write_precondition
from s3portal.server.api.objects.expiration import expiration_headers
from s3portal.server.api.objects.object_headers import replica_header
from s3portal.server.api.versions.version_ids import version_headers
from s3portal.server.gateway.begun_uploads import of_the_object
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.operation import OBJECT, WRITE_CONDITIONS, Operation
from s3portal.server.http.values import whole_number
from s3portal.server.storage import uploads, versions
from s3portal.server.storage.records import Part, StoredObject, Upload
from s3portal.server.storage.replicas import NOT_NEEDED_HEADER, NotNeeded
from s3portal.server.storage.storage import now_ms
from s3portal.server.wire.checksums import (
    ALGORITHMS,
    COMPOSITE,
    FULL_OBJECT,
    HEADERS,
    Algorithm,
    checksum_of_parts,
    decode,
    encode,
)
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.reply import Reply, xml_reply
from s3portal.server.wire.xml_documents import document, field, fields, refuse_unknown_children, text_of

MIB = 1024**2
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
PART_MINIMUM_BYTES = 5 * MIB
OBJECT_LIMIT_BYTES = 50_000 * 1024**3  # 48.8 TiB
PARTS_LIMIT = 10_000


@dataclass(frozen=True)
class GivenPart:
    """A part as the caller lists it; ``checksum`` is base64 and ``algorithm`` its name, None when not
    given."""

    part_number: int
    etag: str
    checksum: str | None
    algorithm: str | None


def complete_multipart_upload(call: Call) -> Reply:
    upload_id = call.parameter("uploadId") or ""
    given = _read_given_parts(call)
    not_needed: dict[str, str] = {}
    try:
        stored = uploads.complete(
            call.storage,
            call.bucket,
            call.key,
            upload_id,
            partial(_assemble, call, given),
            write_precondition(call.request),
        )
    except NotNeeded as replica:
        uploads.abort(call.storage, call.bucket, call.key, upload_id)
        stored, not_needed = replica.stored, {NOT_NEEDED_HEADER: "true"}
    except S3Error as refused:
        if refused.code != "NoSuchUpload":
            raise
        stored = _completed_before(call, upload_id, given, refused)
    location = f"{call.request.scheme}://{call.header('host') or ''}{call.request.raw_path}"
    return xml_reply(
        document(
            "CompleteMultipartUploadResult",
            fields(("Location", location), ("Bucket", call.bucket), ("Key", call.key)),
            field("ETag", f'"{stored.etag}"'),
            field(stored.checksum.element_name, stored.checksum.value),
            field("ChecksumType", stored.checksum.type),
        ),
        headers=version_headers(call, stored)
        | expiration_headers(call, stored)
        | answer_headers(stored.headers)
        | replica_header(stored.headers)
        | not_needed,
    )


def _read_given_parts(call: Call) -> list[GivenPart]:
    if whole_number(call.header("content-length")) == 0:
        # An SDK that is given no parts at all sends nothing.
        raise S3Error("InvalidRequest", "You must specify at least one part")
    root = call.document("CompleteMultipartUpload", checksum_headers=False)
    refuse_unknown_children(root, ["Part"])
    checksum_names = [f"Checksum{name}" for name in ALGORITHMS]
    given = []
    for node in root:
        refuse_unknown_children(node, ["PartNumber", "ETag", *checksum_names])
        number, etag = whole_number((text_of(node, "PartNumber") or "").strip()), text_of(node, "ETag")
        if number is None or etag is None:
            raise S3Error("MalformedXML")
        checksums = [(value, name) for name in ALGORITHMS if (value := text_of(node, f"Checksum{name}"))]
        if len(checksums) > 1:
            raise S3Error("InvalidRequest", "Expecting a single checksum for each part.")
        checksum, algorithm = checksums[0] if checksums else (None, None)
        given.append(GivenPart(number, etag.strip().strip('"'), checksum, algorithm))
    if not 0 < len(given) <= PARTS_LIMIT:
        raise S3Error("MalformedXML")
    if any(a.part_number >= b.part_number for a, b in pairwise(given)):
        raise S3Error("InvalidPartOrder", facts={"UploadId": call.parameter("uploadId") or ""})
    return given


def _assemble(
    call: Call, given: Sequence[GivenPart], upload: Upload, stored: dict[int, Part]
) -> tuple[StoredObject, list[Part]]:
    """Compares the caller's list with what is stored and returns the object it makes."""
    if customer_key_of(call) is not None:
        # It need not be given again; if it is, it must be the upload's.
        encryption_of_upload(call, upload.headers)
    used: list[Part] = []
    start = 0
    for listed in given:
        part = stored.get(listed.part_number)
        if part is None or part.etag != listed.etag or not _has_checksum(upload, part, listed):
            facts = {"UploadId": upload.upload_id, "PartNumber": str(listed.part_number), "ETag": listed.etag}
            raise S3Error("InvalidPart", facts=facts)
        used.append(replace(part, start=start))
        start += part.size_bytes
    _check_sizes(used, start)
    size_given = call.header("x-amz-mp-object-size")
    if size_given and whole_number(size_given) != start:
        raise S3Error(
            "InvalidRequest",
            f"The provided 'x-amz-mp-object-size' header value {size_given} does not match what was "
            f"computed: {start}",
        )
    algorithm = ALGORITHMS[upload.checksum_algorithm]
    checksum = checksum_of_parts(
        algorithm, upload.checksum_type, [p.checksum for p in used], [p.size_bytes for p in used]
    )
    expected = _expected_checksum(call, algorithm)
    if expected is not None:
        # A composite checksum may be given with or without the number of parts behind it.
        value = checksum.value if "-" in expected else checksum.value.partition("-")[0]
        if expected != value:
            raise S3Error(
                "BadDigest",
                f"The {algorithm.name.lower()} you specified did not match the calculated checksum.",
            )
    asked_type = (call.header("x-amz-checksum-type") or "").upper()
    if asked_type not in ("", COMPOSITE, FULL_OBJECT):
        raise S3Error("InvalidRequest", "Value for x-amz-checksum-type header is invalid.")
    if asked_type and asked_type != upload.checksum_type:
        raise S3Error(
            "InvalidRequest",
            f"The upload was created using the {upload.checksum_type} checksum mode. The complete request "
            "must use the same checksum mode.",
        )
    if upload.checksum_asked and upload.checksum_type == COMPOSITE:
        _require_checksums(given, algorithm.name.lower())
    new = StoredObject(
        bucket=upload.bucket,
        key=upload.key,
        body_id=upload.upload_id,
        size_bytes=start,
        etag=_etag_of_parts([part.etag for part in used]),
        modified_at=now_ms(),
        headers=of_the_object(upload.headers),
        checksum=checksum,
        part_count=len(used),
        owner=upload.owner,
        tags=upload.tags,
        lock=upload.lock,
        acl=upload.acl,
        writer=upload.writer,
    )
    return new, used


def _has_checksum(upload: Upload, part: Part, listed: GivenPart) -> bool:
    """Whether a part is as listed.

    Where nobody chose an algorithm for the upload, each part may have been sent with another one; it was
    compared then, and the part's ETag says that it is still the same.
    """
    if listed.checksum is None:
        return True
    if listed.algorithm != upload.checksum_algorithm:
        return not upload.checksum_asked
    return listed.checksum == encode(part.checksum)


def _expected_checksum(call: Call, algorithm: Algorithm) -> str | None:
    """Returns what the caller says of the whole object, None for nothing.

    Raises InvalidRequest for a checksum that the upload does not have.
    """
    given = [known for name, known in HEADERS.items() if call.header(name)]
    if len(given) > 1:
        raise S3Error(
            "InvalidRequest",
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
        )
    if not given:
        return None
    if given[0] != algorithm:
        raise S3Error(
            "InvalidRequest",
            f"Checksum Type mismatch occurred, expected checksum Type: {algorithm.name.lower()}, "
            f"actual checksum Type: {given[0].name.lower()}",
        )
    expected = call.header(algorithm.header) or ""
    if decode(expected.partition("-")[0], algorithm.size_bytes) is None:
        raise S3Error("InvalidRequest", f"Value for {algorithm.header} header is invalid.")
    return expected


def _check_sizes(used: Sequence[Part], size_bytes: int) -> None:
    for part in used[:-1]:
        if part.size_bytes < PART_MINIMUM_BYTES:
            facts = {
                "ProposedSize": str(part.size_bytes),
                "MinSizeAllowed": str(PART_MINIMUM_BYTES),
                "PartNumber": str(part.part_number),
                "ETag": part.etag,
            }
            raise S3Error("EntityTooSmall", facts=facts)
    if size_bytes > OBJECT_LIMIT_BYTES:
        raise S3Error(
            "EntityTooLarge",
            facts={"ProposedSize": str(size_bytes), "MaxSizeAllowed": str(OBJECT_LIMIT_BYTES)},
        )


def _require_checksums(given: Sequence[GivenPart], algorithm_name: str) -> None:
    missing = next((part.part_number for part in given if part.checksum is None), None)
    if missing is not None:
        raise S3Error(
            "InvalidRequest",
            f"The upload was created using a {algorithm_name} checksum. The complete request must include "
            f"the checksum for each part. It was missing for part {missing} in the request.",
        )


def _etag_of_parts(etags: Sequence[str]) -> str:
    digest = hashlib.md5(b"".join(bytes.fromhex(etag) for etag in etags), usedforsecurity=False)
    return f"{digest.hexdigest()}-{len(etags)}"


def _completed_before(
    call: Call, upload_id: str, given: Sequence[GivenPart], refused: S3Error
) -> StoredObject:
    """Answers a repeated call as the first one, as long as the object is the one that this upload made.

    The first answer may have been lost on its way; a caller who repeats must not be told that there is no
    such upload while the object is there.
    """
    found = versions.find_body(call.storage, call.bucket, call.key, upload_id)
    try:
        same = found is not None and _etag_of_parts([part.etag for part in given]) == found.etag
    except ValueError:  # an ETag that is not hexadecimal
        same = False
    if found is None or not same:
        raise refused
    return found


OPERATIONS = (
    Operation(
        "CompleteMultipartUpload",
        OBJECT,
        "POST",
        ("uploadId",),
        "s3:PutObject",
        complete_multipart_upload,
        creates_object=True,
        conditional=WRITE_CONDITIONS,
    ),
)
