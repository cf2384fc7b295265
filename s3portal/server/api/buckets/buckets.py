"""Operations on the service and on buckets."""

from __future__ import annotations

from s3portal.server.access.authenticator import DEFAULT_REGION
from s3portal.server.api.owners import owner_element
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.operation import BUCKET, SERVICE, Operation
from s3portal.server.storage import buckets
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.reply import NO_CONTENT, Reply, xml_reply
from s3portal.server.wire.s3_request import valid_bucket_name
from s3portal.server.wire.xml_documents import (
    document,
    element,
    fields,
    parse_document,
    refuse_unknown_children,
    text_of,
    timestamp,
)


def list_buckets(call: Call) -> Reply:
    """The buckets of the caller's account: others are nobody's business."""
    entries = (
        element("Bucket", fields(("Name", bucket.name), ("CreationDate", timestamp(bucket.created_at))))
        for bucket in buckets.find_all(call.storage)
        if bucket.owner == call.account_id
    )
    owner = owner_element(call, call.account_id)
    return xml_reply(document("ListAllMyBucketsResult", owner, element("Buckets", *entries)))


def create_bucket(call: Call) -> Reply:
    if not valid_bucket_name(call.bucket):
        raise S3Error("InvalidBucketName", facts={"BucketName": call.bucket})
    payload = call.payload_for_document() if call.header("content-length") not in (None, "0") else None
    if payload is not None:
        _check_location(call, payload.read_all())
    created = buckets.create(call.storage, call.bucket, owner=call.account_id)
    call.bucket_row.forget()
    if not created and call.bucket_row.require().owner != call.account_id:
        raise S3Error("BucketAlreadyExists", facts={"BucketName": call.bucket})
    # Only in us-east-1 is a bucket of one's own created again without complaint:
    # https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html
    if not created and (call.service.region or DEFAULT_REGION) != DEFAULT_REGION:
        raise S3Error("BucketAlreadyOwnedByYou", facts={"BucketName": call.bucket})
    return Reply(200, {"Location": f"/{call.bucket}"})


def _check_location(call: Call, body: bytes) -> None:
    root = parse_document(body, "CreateBucketConfiguration")
    refuse_unknown_children(root, ["LocationConstraint"])
    location = text_of(root, "LocationConstraint")
    if location and call.service.region and location != call.service.region:
        raise S3Error("IllegalLocationConstraintException", facts={"LocationConstraint": location})


def head_bucket(call: Call) -> Reply:
    call.bucket_row.require()
    return Reply(200, {"x-amz-bucket-region": call.service.region or DEFAULT_REGION})


def delete_bucket(call: Call) -> Reply:
    buckets.delete(call.storage, call.bucket)
    call.bucket_row.forget()
    return NO_CONTENT


def get_bucket_location(call: Call) -> Reply:
    call.bucket_row.require()
    # us-east-1 is written as nothing: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLocation.html
    region = call.service.region
    return xml_reply(document("LocationConstraint", "" if region in (None, DEFAULT_REGION) else str(region)))


OPERATIONS = (
    Operation("ListBuckets", SERVICE, "GET", (), "s3:ListAllMyBuckets", list_buckets),
    Operation("CreateBucket", BUCKET, "PUT", (), "s3:CreateBucket", create_bucket, creates_bucket=True),
    Operation("HeadBucket", BUCKET, "HEAD", (), "s3:ListBucket", head_bucket),
    Operation("DeleteBucket", BUCKET, "DELETE", (), "s3:DeleteBucket", delete_bucket),
    Operation("GetBucketLocation", BUCKET, "GET", ("location",), "s3:GetBucketLocation", get_bucket_location),
)
