"""CopyObject: within the server, by reference to the same bytes wherever that is possible."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from s3portal.server.api.acl.requested import owner_and_acl
from s3portal.server.api.encryption.encryption import answer_headers, is_same
from s3portal.server.api.objects.conditions import write_precondition
from s3portal.server.api.objects.copy_source import CopySource, read_copy_source
from s3portal.server.api.objects.description import Description, description_of
from s3portal.server.api.objects.expiration import expiration_headers
from s3portal.server.api.objects.object_body import while_it_stays
from s3portal.server.api.objects.object_headers import SYSTEM_HEADERS
from s3portal.server.api.objects.writing import store
from s3portal.server.api.versions.version_ids import refuse_version_id, version_headers
from s3portal.server.authority.actions import action_on_version
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.operation import OBJECT, WRITE_CONDITIONS, Operation
from s3portal.server.storage import journal, objects
from s3portal.server.storage.blobs import new_body_id
from s3portal.server.storage.parts import kinds_of, list_parts
from s3portal.server.storage.records import Part, StoredObject, Versioning
from s3portal.server.storage.replicas import STATUS_HEADER
from s3portal.server.storage.storage import now_ms
from s3portal.server.wire.checksums import (
    ALGORITHMS,
    COMPOSITE,
    FULL_OBJECT,
    Checksum,
    algorithm_named,
    checksum_of_parts,
)
from s3portal.server.wire.encryption_headers import CUSTOMER_ALGORITHM, ENCRYPTION
from s3portal.server.wire.encryption_headers import STORED as ENCRYPTION_HEADERS
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.reply import Reply, xml_reply
from s3portal.server.wire.xml_documents import document, field, to_the_second

_MORE_THAN_ANY_UPLOAD = 10_001
_NEVER_COPIED = (*SYSTEM_HEADERS, *ENCRYPTION_HEADERS)
# A copy of a replica is none.
_NOT_OF_SOURCE = (*_NEVER_COPIED, STATUS_HEADER)


@dataclass(frozen=True)
class Directives:
    """Whether metadata and tags are the request's; else they come along from the source."""

    replaces_metadata: bool
    replaces_tags: bool


def copy_object(call: Call) -> Reply:
    return while_it_stays(partial(_copy, call))


def _copy(call: Call) -> Reply:
    """Copies within the server. Metadata and tags come along (COPY) or from this request (REPLACE)."""
    refuse_version_id(call)
    # The target's bucket comes first, whatever the source is.
    call.bucket_row.require()
    precondition = write_precondition(call.request)
    directives = Directives(
        _is_replaced(call, "x-amz-metadata-directive", "metadata"),
        _is_replaced(call, "x-amz-tagging-directive", "tagging"),
    )
    with read_copy_source(call) as source:
        source.require_copyable(source.found.size_bytes)
        named = algorithm_named(call.header("x-amz-checksum-algorithm") or source.found.checksum.algorithm)
        _refuse_no_change(call, source, directives, named.name != source.found.checksum.algorithm)
        description = _description(call, source, directives)
        # Made before: where the source goes meanwhile, its bytes are still there, but nothing knows of them.
        payload = source.payload(named.name, 0, source.found.size_bytes - 1)
        stored = None
        can_share = is_same(
            description.encryption, kinds_of(call.storage, source.found.body_id), source.found.headers
        )
        if can_share and named.name == source.found.checksum.algorithm:
            stored = _share(call, source.found, description, precondition)
        if stored is None:
            stored = store(call, payload, description, precondition, journal.COPY)
        headers_of_versions = (
            version_headers(call, stored) | expiration_headers(call, stored) | source.headers()
        )
    return xml_reply(
        document(
            "CopyObjectResult",
            field("LastModified", to_the_second(stored.modified_at)),
            field("ETag", f'"{stored.etag}"'),
            field(stored.checksum.element_name, stored.checksum.value),
            field("ChecksumType", stored.checksum.type),
        ),
        headers=headers_of_versions
        | answer_headers(stored.headers, description.encryption.customer_key)
        | description.encryption.context_headers(),
    )


def _is_replaced(call: Call, header: str, subject: str) -> bool:
    directive = call.header(header) or "COPY"
    if directive not in ("COPY", "REPLACE"):
        facts = {"ArgumentName": header, "ArgumentValue": directive}
        raise S3Error("InvalidArgument", f"Unknown {subject} directive.", facts=facts)
    return directive == "REPLACE"


def _is_itself(call: Call, source: CopySource) -> bool:
    """Whether a copy would put what is there in its own place: a version that is named becomes the current
    one again."""
    if (source.found.bucket, source.found.key) != (call.bucket, call.key):
        return False
    return source.version_id is None or call.versioning_of(call.bucket) is Versioning.NEVER


def _refuse_no_change(call: Call, source: CopySource, directives: Directives, new_checksum: bool) -> None:
    """Raises InvalidRequest for a copy of an object onto itself that changes nothing."""
    if not _is_itself(call, source):
        return
    named = any(call.header(name) for name in (*SYSTEM_HEADERS, ENCRYPTION, CUSTOMER_ALGORITHM))
    if not directives.replaces_metadata and not named and not new_checksum:
        raise S3Error(
            "InvalidRequest",
            "This copy request is illegal because it is trying to copy an object to itself without "
            "changing the object's metadata, storage class, website redirect location or encryption "
            "attributes.",
        )


def _description(call: Call, source: CopySource, directives: Directives) -> Description:
    """Returns what the copy is stored with. Lock, storage class, redirect and encryption never come along."""
    description, found = description_of(call), source.found
    if not directives.replaces_metadata:
        kept = {name: value for name, value in found.headers.items() if name not in _NOT_OF_SOURCE}
        own = {name: value for name, value in description.headers.items() if name in _NEVER_COPIED}
        description = replace(description, headers=kept | own)
    if not directives.replaces_tags:
        description = replace(description, tags=found.tags)
        if found.tags:
            action = action_on_version("s3:GetObjectTagging", source.version_id)
            call.require(action, found.bucket, found.key, version_id=source.version_id)
            call.require("s3:PutObjectTagging", call.bucket, call.key)
    return description


def _share(
    call: Call, source: StoredObject, description: Description, precondition: objects.Precondition
) -> StoredObject | None:
    """Makes a copy that shares the source's bytes, and its parts, however many they are.

    Returns None where the source was replaced meanwhile: then its bytes have to be read.
    """
    owner, acl = owner_and_acl(call)
    copy = StoredObject(
        bucket=call.bucket,
        key=call.key,
        body_id=new_body_id(),
        size_bytes=source.size_bytes,
        etag=source.etag,
        modified_at=now_ms(),
        headers=description.headers,
        checksum=_checksum_of_copy(call, source),
        part_count=source.part_count,
        owner=owner,
        tags=description.tags,
        lock=description.lock,
        acl=acl,
        writer=call.proof.caller.writer,
    )
    return objects.put_copy(call.storage, copy, source, precondition)


def _checksum_of_copy(call: Call, source: StoredObject) -> Checksum:
    """A copy has the checksum of its whole content, also where the source had one of its parts' checksums.

    CRCs combine; a SHA would need all bytes again, so it stays that of the parts, which the copy has too.
    """
    algorithm = ALGORITHMS[source.checksum.algorithm]
    if source.checksum.type != COMPOSITE or algorithm.combine is None:
        return source.checksum
    parts: Sequence[Part] = list_parts(call.storage, source.body_id, 0, _MORE_THAN_ANY_UPLOAD)
    if not parts:
        return source.checksum
    digests, sizes_bytes = [part.checksum for part in parts], [part.size_bytes for part in parts]
    return checksum_of_parts(algorithm, FULL_OBJECT, digests, sizes_bytes)


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
