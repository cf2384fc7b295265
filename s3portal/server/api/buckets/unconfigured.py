"""What no bucket here has, answered as S3 answers for a bucket without it."""

from __future__ import annotations

from s3portal.server.api.buckets import stored
from s3portal.server.bucket_settings.xml_values import choice_of
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.operation import BUCKET, Operation
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.reply import Reply, xml_reply
from s3portal.server.wire.xml_documents import document, field, refuse_unknown_children

_OWNER, _REQUESTER = "BucketOwner", "Requester"
# Sub-resource, its name in operations and actions, and the document of its list.
_LISTS = (
    ("analytics", "Analytics", "ListBucketAnalyticsConfigurationResult"),
    ("intelligent-tiering", "IntelligentTiering", "ListBucketIntelligentTieringConfigurationsOutput"),
    ("inventory", "Inventory", "ListInventoryConfigurationsResult"),
    ("metrics", "Metrics", "ListMetricsConfigurationsResult"),
)


def get_bucket_accelerate_configuration(call: Call) -> Reply:
    call.bucket_row.require()
    return xml_reply(document("AccelerateConfiguration"))


def get_bucket_request_payment(call: Call) -> Reply:
    call.bucket_row.require()
    return xml_reply(document("RequestPaymentConfiguration", field("Payer", _OWNER)))


def put_bucket_request_payment(call: Call) -> Reply:
    call.bucket_row.require()
    root = stored.setting_document(call, "RequestPaymentConfiguration")
    refuse_unknown_children(root, ["Payer"])
    if choice_of(root, "Payer", (_OWNER, _REQUESTER)) == _REQUESTER:
        message = "Nobody pays for requests to this server, so that no requester can."
        raise S3Error("NotImplemented", message, facts={"Header": "Payer"})
    return Reply(200)


def _none_of(name: str, subresource: str, root_name: str) -> tuple[Operation, Operation]:
    def get_or_list(call: Call) -> Reply:
        call.bucket_row.require()
        if call.parameter("id"):
            raise S3Error("NoSuchConfiguration")
        return xml_reply(document(root_name, field("IsTruncated", False)))

    def delete(call: Call) -> Reply:
        call.bucket_row.require()
        raise S3Error("NoSuchConfiguration")

    get_action, put_action = (f"s3:{verb}{name}Configuration" for verb in ("Get", "Put"))
    needs = (subresource,)
    return (
        Operation(f"ListBucket{name}Configurations", BUCKET, "GET", needs, get_action, get_or_list),
        Operation(f"DeleteBucket{name}Configuration", BUCKET, "DELETE", needs, put_action, delete),
    )


OPERATIONS = (
    Operation(
        "GetBucketAccelerateConfiguration",
        BUCKET,
        "GET",
        ("accelerate",),
        "s3:GetAccelerateConfiguration",
        get_bucket_accelerate_configuration,
    ),
    Operation(
        "GetBucketRequestPayment",
        BUCKET,
        "GET",
        ("requestPayment",),
        "s3:GetBucketRequestPayment",
        get_bucket_request_payment,
    ),
    Operation(
        "PutBucketRequestPayment",
        BUCKET,
        "PUT",
        ("requestPayment",),
        "s3:PutBucketRequestPayment",
        put_bucket_request_payment,
    ),
    *(each for subresource, name, root_name in _LISTS for each in _none_of(name, subresource, root_name)),
)
