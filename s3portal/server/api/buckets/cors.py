"""The CORS rules of a bucket: put, shown, deleted."""

from __future__ import annotations

from s3portal.server.bucket_settings import cors
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.operation import BUCKET, Operation
from s3portal.server.storage import buckets
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.reply import NO_CONTENT, Reply, xml_reply


def put_bucket_cors(call: Call) -> Reply:
    rules = cors.rules_of_xml(call.document("CORSConfiguration"))
    buckets.set_cors(call.storage, call.bucket, cors.rules_to_json(rules))
    call.bucket_row.forget()
    return Reply(200)


def get_bucket_cors(call: Call) -> Reply:
    rules = cors.stored_rules(call.bucket_row.require().cors)
    if not rules:
        raise S3Error("NoSuchCORSConfiguration", facts={"BucketName": call.bucket})
    return xml_reply(cors.rules_to_xml(rules))


def delete_bucket_cors(call: Call) -> Reply:
    buckets.set_cors(call.storage, call.bucket, None)
    call.bucket_row.forget()
    return NO_CONTENT


OPERATIONS = (
    Operation("PutBucketCors", BUCKET, "PUT", ("cors",), "s3:PutBucketCORS", put_bucket_cors),
    Operation("GetBucketCors", BUCKET, "GET", ("cors",), "s3:GetBucketCORS", get_bucket_cors),
    Operation("DeleteBucketCors", BUCKET, "DELETE", ("cors",), "s3:PutBucketCORS", delete_bucket_cors),
)
