"""The ACL of an object, or of one of its versions: put, shown."""

from __future__ import annotations

from s3portal.server.api.acl.requested import name_of, owners_of, replacement
from s3portal.server.bucket_settings import acl, acl_documents
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.operation import OBJECT, Operation
from s3portal.server.storage import attached, journal, objects
from s3portal.server.storage.objects import no_such_key
from s3portal.server.storage.records import StoredObject
from s3portal.server.storage.versions import find_version
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.reply import Reply, xml_reply


def put_object_acl(call: Call) -> Reply:
    bucket = call.bucket_row.require()
    found = _target(call)
    asked = replacement(call, bucket, owners_of(call, found.owner, bucket.owner))
    version_id = call.parameter("versionId") or None
    document = acl.write(asked, found.owner)
    if not attached.change(
        call.storage, call.bucket, call.key, version_id, attached.ACL, document, journal.ACL_PUT
    ):
        raise no_such_key(call.key)
    return Reply(200, _version_header(found, call))


def get_object_acl(call: Call) -> Reply:
    found = _target(call)
    shown = acl.read(found.acl, found.owner)
    body = acl_documents.to_xml(shown, found.owner, lambda named: name_of(call, named))
    return xml_reply(body, headers=_version_header(found, call))


def _target(call: Call) -> StoredObject:
    """The version that the request names, or the current one.

    Raises NoSuchKey, NoSuchVersion, and MethodNotAllowed for a delete marker.
    """
    version_id = call.parameter("versionId") or None
    if version_id is None:
        found = objects.find(call.storage, call.bucket, call.key)
        if found is None:
            raise no_such_key(call.key)
        return found
    version = find_version(call.storage, call.bucket, call.key, version_id)
    if version is None:
        raise S3Error("NoSuchVersion", facts={"Key": call.key, "VersionId": version_id})
    if version.found is None:
        facts = {"Method": call.request.method, "ResourceType": "DeleteMarker"}
        raise S3Error("MethodNotAllowed", facts=facts, headers={"x-amz-delete-marker": "true"})
    return version.found


def _version_header(found: StoredObject, call: Call) -> dict[str, str]:
    return {"x-amz-version-id": found.version_id} if call.parameter("versionId") else {}


OPERATIONS = (
    Operation("PutObjectAcl", OBJECT, "PUT", ("acl",), "s3:PutObjectAcl", put_object_acl),
    Operation("GetObjectAcl", OBJECT, "GET", ("acl",), "s3:GetObjectAcl", get_object_acl),
)
