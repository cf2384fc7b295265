"""The tags of a bucket: put, shown, deleted."""

from __future__ import annotations

from s3portal.server.api.buckets import stored
from s3portal.server.bucket_settings import tagging
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.operation import BUCKET, Operation
from s3portal.server.wire.reply import NO_CONTENT, Reply, xml_reply

_PUT, _GET = "s3:PutBucketTagging", "s3:GetBucketTagging"


def put_bucket_tagging(call: Call) -> Reply:
    tags = tagging.of_xml(stored.setting_document(call, "Tagging"))
    stored.put(call, tagging.KIND, tagging.write(tags) if tags else None)
    return NO_CONTENT


def get_bucket_tagging(call: Call) -> Reply:
    return xml_reply(tagging.to_xml(tagging.read(stored.require(call, tagging.KIND, "NoSuchTagSet"))))


def delete_bucket_tagging(call: Call) -> Reply:
    stored.put(call, tagging.KIND, None)
    return NO_CONTENT


OPERATIONS = (
    Operation("PutBucketTagging", BUCKET, "PUT", ("tagging",), _PUT, put_bucket_tagging),
    Operation("GetBucketTagging", BUCKET, "GET", ("tagging",), _GET, get_bucket_tagging),
    Operation("DeleteBucketTagging", BUCKET, "DELETE", ("tagging",), _PUT, delete_bucket_tagging),
)
