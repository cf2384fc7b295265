"""The ACL of a bucket: put, shown."""

from __future__ import annotations

from s3portal.server.api.acl.requested import name_of, owners_of, replacement
from s3portal.server.api.buckets import stored
from s3portal.server.bucket_settings import acl, acl_documents
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.operation import BUCKET, Operation
from s3portal.server.wire.reply import Reply, xml_reply


def put_bucket_acl(call: Call) -> Reply:
    bucket = call.bucket_row.require()
    found = replacement(call, bucket, owners_of(call, bucket.owner, None))
    stored.put(call, acl.KIND, acl.write(found, bucket.owner))
    return Reply(200)


def get_bucket_acl(call: Call) -> Reply:
    bucket = call.bucket_row.require()
    found = acl.read(bucket.settings.get(acl.KIND), bucket.owner)
    return xml_reply(acl_documents.to_xml(found, bucket.owner, lambda named: name_of(call, named)))


OPERATIONS = (
    Operation("PutBucketAcl", BUCKET, "PUT", ("acl",), "s3:PutBucketAcl", put_bucket_acl),
    Operation("GetBucketAcl", BUCKET, "GET", ("acl",), "s3:GetBucketAcl", get_bucket_acl),
)
