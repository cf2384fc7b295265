"""PutObject."""

from __future__ import annotations

from s3portal.server.access.payload import Payload, open_payload, trailer_names
from s3portal.server.api.acl.requested import owner_and_acl
from s3portal.server.api.encryption.encryption import Encryption, Receiving, answer_headers
from s3portal.server.api.objects.conditions import write_precondition
from s3portal.server.api.objects.description import Description, description_of
from s3portal.server.api.objects.expiration import expiration_headers
from s3portal.server.api.objects.locks import require_digest
from s3portal.server.api.objects.object_headers import replica_header
from s3portal.server.api.versions.version_ids import refuse_version_id, version_headers
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.operation import OBJECT, WRITE_CONDITIONS, Operation
from s3portal.server.storage import journal, objects, quotas
from s3portal.server.storage.blobs import SMALL_CONTENT_BYTES, new_body_id
from s3portal.server.storage.records import Part, StoredObject
from s3portal.server.storage.replicas import NOT_NEEDED_HEADER, NotNeeded
from s3portal.server.storage.storage import now_ms
from s3portal.server.wire.checksums import (
    ALGORITHMS,
    DEFAULT_ALGORITHM,
    HEADERS,
    Algorithm,
    Checksum,
    encode,
)
from s3portal.server.wire.reply import Reply


def put_object(call: Call) -> Reply:
    refuse_version_id(call)
    description = description_of(call)
    require_digest(call, description.lock)
    precondition = write_precondition(call.request)
    if any(call.header(name) for name in WRITE_CONDITIONS):
        # Asked before the body comes, so that a refused gigabyte is not sent; asked again when it is stored.
        precondition(objects.find(call.storage, call.bucket, call.key))
    payload = open_payload(call.request, call.body, call.proof, algorithms=algorithms_beside(call))
    not_needed: dict[str, str] = {}
    try:
        stored = store(call, payload, description, precondition)
    except NotNeeded as replica:
        stored, not_needed = replica.stored, {NOT_NEEDED_HEADER: "true"}
    return Reply(200, headers_of(call, stored, description.encryption) | not_needed)


def headers_of(call: Call, stored: StoredObject, encryption: Encryption) -> dict[str, str]:
    """Returns what an answer says of an object that was just stored."""
    return (
        version_headers(call, stored)
        | expiration_headers(call, stored)
        | {
            "ETag": f'"{stored.etag}"',
            stored.checksum.header: stored.checksum.value,
            "x-amz-checksum-type": stored.checksum.type,
            **answer_headers(stored.headers, encryption.customer_key),
            **encryption.context_headers(),
            **replica_header(stored.headers),
        }
    )


def algorithms_beside(call: Call) -> list[Algorithm]:
    """Returns what is computed of a content whose sender gave no checksum."""
    headers = call.request.headers
    given = any(name in headers for name in HEADERS)
    if given or any(name in HEADERS for name in trailer_names(call.request)):
        return []
    return [ALGORITHMS[DEFAULT_ALGORITHM]]


def store(
    call: Call,
    payload: Payload,
    description: Description,
    precondition: objects.Precondition,
    event: str = journal.PUT,
) -> StoredObject:
    """Reads a payload to its end and puts it, whole, where the call's key is. Raises QuotaExceeded."""
    owner, acl = owner_and_acl(call)
    writer = call.proof.caller.writer
    if payload.size_is_exact and payload.size_bytes > SMALL_CONTENT_BYTES:
        # So that a refused gigabyte is not sent. A few bytes are taken faster than asked about.
        quotas.foresee(call.storage, call.bucket, call.key, writer, payload.size_bytes)
    body_id = new_body_id()
    receiving = Receiving(payload, description.encryption.wrapping)
    with call.storage.receive(receiving.source, body_id, 1) as (blob, content):
        algorithm = payload.given_algorithm or payload.algorithms[0]
        digest = payload.digest(algorithm)
        modified_at = now_ms()
        part = receiving.part(
            Part(1, blob, 0, payload.size_bytes, payload.md5_hex, digest, modified_at, content)
        )
        stored = StoredObject(
            bucket=call.bucket,
            key=call.key,
            body_id=body_id,
            size_bytes=payload.size_bytes,
            etag=part.etag,
            modified_at=modified_at,
            headers=description.headers,
            checksum=Checksum(algorithm.name, encode(digest)),
            part_count=0,
            owner=owner,
            tags=description.tags,
            lock=description.lock,
            acl=acl,
            writer=writer,
        )
        return objects.put(call.storage, stored, [part], precondition, event)


OPERATIONS = (
    Operation(
        "PutObject",
        OBJECT,
        "PUT",
        (),
        "s3:PutObject",
        put_object,
        creates_object=True,
        begins_object=True,
        conditional=WRITE_CONDITIONS,
    ),
)
