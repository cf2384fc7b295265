"""Operations on buckets as they are: is it there, where is it, away with it."""

from __future__ import annotations

from s3portal.server.bucket_settings import location
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.operation import BUCKET, Operation
from s3portal.server.gateway.replication_agent import is_replication_agent
from s3portal.server.storage import buckets
from s3portal.server.storage.replicas import REPLICA, STATUS_HEADER
from s3portal.server.wire.reply import NO_CONTENT, Reply, xml_reply
from s3portal.server.wire.xml_documents import document


def head_bucket(call: Call) -> Reply:
    place = call.bucket_row.require().settings.get(location.KIND)
    region = location.region_of(place, call.service.region)
    headers = {"x-amz-bucket-region": region, "x-amz-access-point-alias": "false"}
    if is_replication_agent(call):
        # So that it knows what its requests will be taken for, before it deletes anything.
        headers[STATUS_HEADER] = REPLICA
    return Reply(200, headers)


def delete_bucket(call: Call) -> Reply:
    buckets.delete(call.storage, call.bucket)
    call.bucket_row.forget()
    return NO_CONTENT


def get_bucket_location(call: Call) -> Reply:
    # us-east-1 is written as nothing: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLocation.html
    place = call.bucket_row.require().settings.get(location.KIND)
    return xml_reply(document("LocationConstraint", location.constraint_of(place, call.service.region)))


OPERATIONS = (
    Operation("HeadBucket", BUCKET, "HEAD", (), "s3:ListBucket", head_bucket),
    Operation("DeleteBucket", BUCKET, "DELETE", (), "s3:DeleteBucket", delete_bucket),
    Operation("GetBucketLocation", BUCKET, "GET", ("location",), "s3:GetBucketLocation", get_bucket_location),
)
