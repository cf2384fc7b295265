"""CopyObject: within the server, by reference to the same bytes wherever that is possible."""

from __future__ import annotations

from s3portal.server.api.acl.requested import owner_and_acl
from s3portal.server.api.objects.conditions import write_precondition
from s3portal.server.api.objects.copy_source import CopySource, read_copy_source
from s3portal.server.api.objects.description import Description
from s3portal.server.api.objects.object_headers import stored_headers
from s3portal.server.api.objects.writing import store
from s3portal.server.api.versions.version_ids import refuse_version_id, version_headers
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.operation import OBJECT, WRITE_CONDITIONS, Operation
from s3portal.server.storage import journal, objects
from s3portal.server.storage.blobs import new_body_id
from s3portal.server.storage.records import StoredObject, Versioning
from s3portal.server.storage.storage import now_ms
from s3portal.server.wire.checksums import algorithm_named
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.reply import Reply, xml_reply
from s3portal.server.wire.xml_documents import document, field, timestamp


def copy_object(call: Call) -> Reply:
    """Copies within the server. The metadata comes along (COPY) or from this request (REPLACE)."""
    refuse_version_id(call)
    precondition = write_precondition(call.request)
    directive = call.header("x-amz-metadata-directive") or "COPY"
    if directive not in ("COPY", "REPLACE"):
        raise S3Error("InvalidArgument", "Unknown metadata directive.", facts={"ArgumentValue": directive})
    with read_copy_source(call) as source:
        if _is_itself(call, source) and directive == "COPY":
            raise S3Error(
                "InvalidRequest",
                "This copy request is illegal because it is trying to copy an object to itself without "
                "changing the object's metadata, storage class, website redirect location or encryption "
                "attributes.",
            )
        headers = dict(source.found.headers) if directive == "COPY" else stored_headers(call.request)
        description = Description(headers, tags=source.found.tags)
        named = call.header("x-amz-checksum-algorithm") or source.found.checksum.algorithm
        payload = source.payload(named, 0, source.found.size_bytes - 1)
        stored = _share(call, source.found, named, description, precondition) or store(
            call, payload, description, precondition, journal.COPY
        )
        headers_of_versions = version_headers(call, stored) | source.headers()
    return xml_reply(
        document(
            "CopyObjectResult",
            field("LastModified", timestamp(stored.modified_at)),
            field("ETag", f'"{stored.etag}"'),
            field(stored.checksum.element_name, stored.checksum.value),
            field("ChecksumType", stored.checksum.type),
        ),
        headers=headers_of_versions,
    )


def _is_itself(call: Call, source: CopySource) -> bool:
    """Whether a copy would put what is there in its own place: a version that is named becomes the current
    one again."""
    if (source.found.bucket, source.found.key) != (call.bucket, call.key):
        return False
    return source.version_id is None or call.versioning_of(call.bucket) is Versioning.NEVER


def _share(
    call: Call,
    source: StoredObject,
    algorithm_name: str,
    description: Description,
    precondition: objects.Precondition,
) -> StoredObject | None:
    """Makes a copy that shares the source's bytes, however many they are.

    Returns None where they have to be read: for another checksum, for the ETag of what was uploaded in parts
    (a copy has one part), and where the source was replaced meanwhile.
    """
    if source.part_count or algorithm_named(algorithm_name).name != source.checksum.algorithm:
        return None
    owner, acl = owner_and_acl(call)
    copy = StoredObject(
        bucket=call.bucket,
        key=call.key,
        body_id=new_body_id(),
        size_bytes=source.size_bytes,
        etag=source.etag,
        modified_at=now_ms(),
        headers=description.headers,
        checksum=source.checksum,
        part_count=0,
        owner=owner,
        tags=description.tags,
        lock=description.lock,
        acl=acl,
    )
    return objects.put_copy(call.storage, copy, source, precondition)


OPERATIONS = (
    Operation(
        "CopyObject",
        OBJECT,
        "PUT",
        (),
        "s3:PutObject",
        copy_object,
        copies=True,
        creates_object=True,
        begins_object=True,
        conditional=WRITE_CONDITIONS,
    ),
)
