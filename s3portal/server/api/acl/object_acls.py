"""The ACL of an object, or of one of its versions: put, shown."""

from __future__ import annotations

from dataclasses import replace

from s3portal.server.api.acl.requested import name_of, owners_of, replacement
from s3portal.server.api.objects.named_versions import change_named, find_named, version_header
from s3portal.server.bucket_settings import acl, acl_documents
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.operation import OBJECT, Operation
from s3portal.server.storage import journal
from s3portal.server.storage.attributes import VersionAttributes
from s3portal.server.wire.reply import Reply, xml_reply


def put_object_acl(call: Call) -> Reply:
    bucket = call.bucket_row.require()
    asked = replacement(call, bucket, owners_of(call, find_named(call).owner, bucket.owner))

    def with_acl(found: VersionAttributes) -> VersionAttributes:
        return replace(found, acl=acl.write(asked, found.owner))

    return Reply(200, version_header(change_named(call, with_acl, journal.ACL_PUT)))


def get_object_acl(call: Call) -> Reply:
    found = find_named(call)
    shown = acl.read(found.acl, found.owner)
    body = acl_documents.to_xml(shown, found.owner, lambda named: name_of(call, named))
    return xml_reply(body, headers=version_header(found))


OPERATIONS = (
    Operation("PutObjectAcl", OBJECT, "PUT", ("acl",), "s3:PutObjectAcl", put_object_acl),
    Operation("GetObjectAcl", OBJECT, "GET", ("acl",), "s3:GetObjectAcl", get_object_acl),
)
