"""The notifications of a bucket: put, shown. An empty document ends them."""

from __future__ import annotations

from s3portal.server.api.buckets import stored
from s3portal.server.bucket_settings import notification, notification_documents
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.operation import BUCKET, Operation
from s3portal.server.wire.reply import Reply, xml_reply


def put_bucket_notification_configuration(call: Call) -> Reply:
    root = stored.setting_document(call, "NotificationConfiguration")
    rules = notification_documents.of_xml(root, call.service.notification_targets)
    stored.put(call, notification.KIND, notification.write(rules))
    return Reply(200)


def get_bucket_notification_configuration(call: Call) -> Reply:
    rules = notification.read(stored.find(call, notification.KIND))
    return xml_reply(notification_documents.to_xml(rules))


OPERATIONS = (
    Operation(
        "PutBucketNotificationConfiguration",
        BUCKET,
        "PUT",
        ("notification",),
        "s3:PutBucketNotification",
        put_bucket_notification_configuration,
    ),
    Operation(
        "GetBucketNotificationConfiguration",
        BUCKET,
        "GET",
        ("notification",),
        "s3:GetBucketNotification",
        get_bucket_notification_configuration,
    ),
)
