"""PutObject, DeleteObject, DeleteObjects."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from s3portal.server.access.payload import Payload, open_payload, trailer_names
from s3portal.server.api.objects.conditions import etag_matches, write_precondition
from s3portal.server.api.objects.object_headers import stored_headers
from s3portal.server.api.versions.version_ids import refuse_versions
from s3portal.server.authority.actions import action_on_version
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.operation import BUCKET, OBJECT, WRITE_CONDITIONS, Operation
from s3portal.server.storage import journal, objects
from s3portal.server.storage.blobs import new_body_id
from s3portal.server.storage.records import Part, StoredObject
from s3portal.server.storage.storage import now_ms
from s3portal.server.wire.checksums import (
    ALGORITHMS,
    DEFAULT_ALGORITHM,
    HEADERS,
    Algorithm,
    Checksum,
    encode,
)
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.reply import NO_CONTENT, Reply, xml_reply
from s3portal.server.wire.xml_documents import (
    document,
    element,
    field,
    fields,
    refuse_unknown_children,
    required_text,
    text_of,
)

DELETE_LIMIT = 1000


def put_object(call: Call) -> Reply:
    headers = stored_headers(call.request)
    precondition = write_precondition(call.request)
    # Asked before the body comes, so that a refused gigabyte is not sent; asked again when it is stored.
    precondition(objects.find(call.storage, call.bucket, call.key))
    payload = open_payload(call.request, call.body, call.proof, algorithms=algorithms_beside(call))
    return Reply(200, headers_of(store(call, payload, headers, precondition)))


def headers_of(stored: StoredObject) -> dict[str, str]:
    """Returns what an answer says of an object that was just stored."""
    return {
        "ETag": f'"{stored.etag}"',
        stored.checksum.header: stored.checksum.value,
        "x-amz-checksum-type": stored.checksum.type,
    }


def algorithms_beside(call: Call) -> list[Algorithm]:
    """Returns what is computed of a content whose sender gave no checksum."""
    given = {*call.request.headers, *trailer_names(call.request)}
    return [] if given & set(HEADERS) else [ALGORITHMS[DEFAULT_ALGORITHM]]


def store(
    call: Call,
    payload: Payload,
    headers: dict[str, str],
    precondition: objects.Precondition,
    event: str = journal.PUT,
) -> StoredObject:
    """Reads a payload to its end and puts it, whole, where the call's key is."""
    body_id = new_body_id()
    with call.storage.receive(payload, body_id, 1) as (blob, content):
        algorithm = payload.given_algorithm or payload.algorithms[0]
        digest = payload.digest(algorithm)
        modified_at = now_ms()
        stored = StoredObject(
            bucket=call.bucket,
            key=call.key,
            body_id=body_id,
            size_bytes=payload.size_bytes,
            etag=payload.md5_hex,
            modified_at=modified_at,
            headers=headers,
            checksum=Checksum(algorithm.name, encode(digest)),
            part_count=0,
            owner=call.bucket_row.owner,
        )
        part = Part(1, blob, 0, payload.size_bytes, stored.etag, digest, modified_at, content)
        objects.put(call.storage, stored, [part], precondition, event)
    return stored


def delete_object(call: Call) -> Reply:
    refuse_versions(call)
    if_match = call.header("if-match") or None

    def check(found: StoredObject | None) -> None:
        if if_match is not None and (found is None or not etag_matches(if_match, found.etag)):
            raise S3Error("PreconditionFailed", facts={"Condition": "If-Match"})

    objects.delete(call.storage, call.bucket, [call.key], check)
    return NO_CONTENT


def delete_objects(call: Call) -> Reply:
    """Deletes up to 1,000 objects; each is allowed or refused by itself."""
    call.bucket_row.require()
    root = call.document("Delete")
    refuse_unknown_children(root, ["Object", "Quiet"])
    nodes = root.findall("Object")
    if not 0 < len(nodes) <= DELETE_LIMIT:
        raise S3Error("MalformedXML")
    quiet = (text_of(root, "Quiet") or "false").lower() == "true"
    refused, deletable = [], []
    for node in nodes:
        key = required_text(node, "Key")
        error = _refusal(call, node, key)
        if error is None:
            deletable.append(key)
        else:
            refused.append(
                element("Error", fields(("Key", key), ("Code", error.code), ("Message", error.message)))
            )
    objects.delete(call.storage, call.bucket, deletable, lambda found: None)
    deleted = [] if quiet else [element("Deleted", field("Key", key)) for key in deletable]
    return xml_reply(document("DeleteResult", *deleted, *refused))


def _refusal(call: Call, node: Element, key: str) -> S3Error | None:
    refuse_unknown_children(node, ["Key", "VersionId"])
    if text_of(node, "VersionId") not in (None, "", "null"):
        return S3Error("NoSuchVersion")
    version_id = text_of(node, "VersionId")
    if not call.may(action_on_version("s3:DeleteObject", version_id), call.bucket, key):
        return S3Error("AccessDenied")
    return None


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
    Operation(
        "DeleteObject",
        OBJECT,
        "DELETE",
        (),
        "s3:DeleteObject",
        delete_object,
        conditional=("if-match",),
    ),
    Operation("DeleteObjects", BUCKET, "POST", ("delete",), "", delete_objects),
)
