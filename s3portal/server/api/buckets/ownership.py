"""Object Ownership of a bucket: put, shown, deleted."""

from __future__ import annotations

from s3portal.server.api.buckets import stored
from s3portal.server.bucket_settings import acl, ownership
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.operation import BUCKET, Operation
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.reply import Reply, xml_reply

_PUT, _GET = "s3:PutBucketOwnershipControls", "s3:GetBucketOwnershipControls"


def put_bucket_ownership_controls(call: Call) -> Reply:
    """Refuses to disable ACLs while the bucket's own one lets others in: they would be locked out unseen."""
    controls = ownership.of_xml(stored.setting_document(call, "OwnershipControls"))
    bucket = call.bucket_row.require()
    own = acl.private(bucket.owner)
    if controls.acls_are_disabled and acl.read(bucket.settings.get(acl.KIND), bucket.owner) != own:
        raise S3Error("InvalidBucketAclWithObjectOwnership", facts={"BucketName": call.bucket})
    stored.put(call, ownership.KIND, ownership.write(controls))
    return Reply(200)


def get_bucket_ownership_controls(call: Call) -> Reply:
    found = stored.require(call, ownership.KIND, "OwnershipControlsNotFoundError")
    return xml_reply(ownership.to_xml(ownership.read(found)))


_NEEDS = ("ownershipControls",)
OPERATIONS = (
    Operation("PutBucketOwnershipControls", BUCKET, "PUT", _NEEDS, _PUT, put_bucket_ownership_controls),
    Operation("GetBucketOwnershipControls", BUCKET, "GET", _NEEDS, _GET, get_bucket_ownership_controls),
    Operation(
        "DeleteBucketOwnershipControls", BUCKET, "DELETE", _NEEDS, _PUT, stored.removal(ownership.KIND)
    ),
)
