"""ListBuckets: the buckets of the caller's account, by name, whole or in pages.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html
"""

from __future__ import annotations

import base64
import binascii

from s3portal.server.api.owners import owner_element
from s3portal.server.bucket_settings import location
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.operation import SERVICE, Operation
from s3portal.server.http.values import whole_number
from s3portal.server.storage import buckets
from s3portal.server.storage.records import Bucket
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.reply import Reply, xml_reply
from s3portal.server.wire.xml_documents import document, element, field, fields, to_the_second

BUCKETS_LIMIT = 10_000
_PARAMETERS = ("bucket-region", "continuation-token", "max-buckets", "prefix")


def list_buckets(call: Call) -> Reply:
    """Others' buckets are nobody's business. Without a parameter all are listed, without their regions."""
    asked = any(call.parameter(name) for name in _PARAMETERS)
    prefix, after, limit = call.parameter("prefix") or "", _position(call), _limit(call)
    region = call.parameter("bucket-region")
    here = call.service.region
    if region and here and region != here:
        raise _invalid(
            "bucket-region", region, "The bucket-region is not that of the endpoint this request was sent to."
        )
    found = [
        bucket
        for bucket in buckets.find_all(call.storage)
        if bucket.owner == call.account_id
        and bucket.name.startswith(prefix)
        and bucket.name > after
        and region in (None, "", _region(bucket, here))
    ]
    page = found[:limit]
    token = _token(page[-1].name) if len(found) > len(page) else None
    return xml_reply(
        document(
            "ListAllMyBucketsResult",
            owner_element(call, call.account_id),
            element(
                "Buckets", *(_entry(bucket, _region(bucket, here) if asked else None) for bucket in page)
            ),
            field("Prefix", prefix or None),
            field("ContinuationToken", token),
        )
    )


def _region(bucket: Bucket, here: str | None) -> str:
    return location.region_of(bucket.settings.get(location.KIND), here)


def _entry(bucket: Bucket, region: str | None) -> str:
    return element(
        "Bucket",
        fields(
            ("Name", bucket.name),
            ("CreationDate", to_the_second(bucket.created_at)),
            ("BucketRegion", region),
        ),
    )


def _limit(call: Call) -> int:
    text = call.parameter("max-buckets")
    if not text:
        return BUCKETS_LIMIT
    number = whole_number(text)
    if number is None or not 1 <= number <= BUCKETS_LIMIT:
        raise _invalid("max-buckets", text, f"max-buckets must be between 1 and {BUCKETS_LIMIT}")
    return number


def _token(name: str) -> str:
    return base64.urlsafe_b64encode(name.encode()).decode()


def _position(call: Call) -> str:
    """Returns the name that the page before ended with."""
    token = call.parameter("continuation-token")
    if not token:
        return ""
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as problem:
        message = "The continuation token provided is incorrect"
        raise _invalid("continuation-token", token, message) from problem


def _invalid(name: str, value: str, message: str) -> S3Error:
    return S3Error("InvalidArgument", message, facts={"ArgumentName": name, "ArgumentValue": value})


OPERATIONS = (Operation("ListBuckets", SERVICE, "GET", (), "s3:ListAllMyBuckets", list_buckets),)
