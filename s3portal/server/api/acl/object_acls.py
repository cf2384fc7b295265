"""The ACL of an object, or of one of its versions: put, shown."""

from __future__ import annotations

from dataclasses import replace

from s3portal.server.api.acl.requested import name_of, owners_of, replacement
from s3portal.server.api.objects.named_versions import change_named, find_named, version_header
from s3portal.server.api.owners import owner_in_effect
from s3portal.server.bucket_settings import acl, acl_documents, ownership
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.operation import OBJECT, Operation
from s3portal.server.storage import journal
from s3portal.server.storage.attributes import VersionAttributes
from s3portal.server.wire.reply import Reply, xml_reply


def put_object_acl(call: Call) -> Reply:
    bucket = call.bucket_row.require()
    owner = owner_in_effect(call, find_named(call).owner)
    asked = replacement(call, bucket, owners_of(call, owner, bucket.owner))
    disabled = ownership.of_settings(bucket.settings).acls_are_disabled

    def with_acl(found: VersionAttributes) -> VersionAttributes:
        # What was asked for is so already; the ACL that is stored counts again once ACLs are enabled.
        return found if disabled else replace(found, acl=acl.write(asked, found.owner))

    return Reply(200, version_header(change_named(call, with_acl, journal.ACL_PUT)))


def get_object_acl(call: Call) -> Reply:
    """Where ACLs are disabled, shows the one that gives the bucket's owner full control:
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAcl.html
    """
    found = find_named(call)
    disabled = ownership.of_settings(call.bucket_row.require().settings).acls_are_disabled
    owner = owner_in_effect(call, found.owner)
    shown = acl.private(owner) if disabled else acl.read(found.acl, found.owner)
    body = acl_documents.to_xml(shown, owner, lambda named: name_of(call, named))
    return xml_reply(body, headers=version_header(found))


OPERATIONS = (
    Operation("PutObjectAcl", OBJECT, "PUT", ("acl",), "s3:PutObjectAcl", put_object_acl),
    Operation("GetObjectAcl", OBJECT, "GET", ("acl",), "s3:GetObjectAcl", get_object_acl),
)
