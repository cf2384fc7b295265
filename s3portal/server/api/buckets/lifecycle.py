"""The lifecycle rules of a bucket: put, shown, deleted."""

from __future__ import annotations

from s3portal.server.api.buckets import stored
from s3portal.server.bucket_settings import lifecycle, lifecycle_documents
from s3portal.server.bucket_settings.lifecycle_documents import MINIMUM_SIZE_HEADER
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.operation import BUCKET, Operation
from s3portal.server.wire.reply import Reply, xml_reply

_PUT, _GET = "s3:PutLifecycleConfiguration", "s3:GetLifecycleConfiguration"


def put_bucket_lifecycle_configuration(call: Call) -> Reply:
    root = stored.setting_document(call, "LifecycleConfiguration")
    found = lifecycle_documents.of_xml(root, call.header(MINIMUM_SIZE_HEADER))
    stored.put(call, lifecycle.KIND, lifecycle.write(found))
    return Reply(200, {MINIMUM_SIZE_HEADER: found.minimum_size})


def get_bucket_lifecycle_configuration(call: Call) -> Reply:
    found = lifecycle.read(stored.require(call, lifecycle.KIND, "NoSuchLifecycleConfiguration"))
    return xml_reply(lifecycle_documents.to_xml(found), headers={MINIMUM_SIZE_HEADER: found.minimum_size})


_NEEDS = ("lifecycle",)
OPERATIONS = (
    Operation(
        "PutBucketLifecycleConfiguration", BUCKET, "PUT", _NEEDS, _PUT, put_bucket_lifecycle_configuration
    ),
    Operation(
        "GetBucketLifecycleConfiguration", BUCKET, "GET", _NEEDS, _GET, get_bucket_lifecycle_configuration
    ),
    Operation("DeleteBucketLifecycle", BUCKET, "DELETE", _NEEDS, _PUT, stored.removal(lifecycle.KIND)),
)
