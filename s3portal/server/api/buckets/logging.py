"""The logging configuration of a bucket: put, shown. An empty document turns it off."""

from __future__ import annotations

from s3portal.server.api.buckets import stored
from s3portal.server.bucket_settings import kept_trees, logging
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.operation import BUCKET, Operation
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.reply import Reply, xml_reply

_ROOT = "BucketLoggingStatus"


def put_bucket_logging(call: Call) -> Reply:
    root = stored.setting_document(call, _ROOT)
    target = logging.target_bucket(root)
    if target is not None and call.owner_of(target) != call.bucket_row.require().owner:
        raise S3Error("InvalidTargetBucketForLogging", facts={"TargetBucket": target})
    stored.put(call, logging.KIND, None if target is None else kept_trees.write(root))
    return Reply(200)


def get_bucket_logging(call: Call) -> Reply:
    return xml_reply(kept_trees.to_xml(_ROOT, stored.find(call, logging.KIND)))


OPERATIONS = (
    Operation("PutBucketLogging", BUCKET, "PUT", ("logging",), "s3:PutBucketLogging", put_bucket_logging),
    Operation("GetBucketLogging", BUCKET, "GET", ("logging",), "s3:GetBucketLogging", get_bucket_logging),
)
