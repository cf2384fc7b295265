"""GetObjectLockConfiguration, PutObjectLockConfiguration."""

from __future__ import annotations

from s3portal.server.bucket_settings import object_lock
from s3portal.server.bucket_settings.object_lock import OBJECT_LOCK
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.operation import BUCKET, Operation
from s3portal.server.storage import versioning
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.reply import Reply, xml_reply


def get_object_lock_configuration(call: Call) -> Reply:
    stored = call.bucket_row.require().settings.get(OBJECT_LOCK)
    if stored is None:
        raise S3Error("ObjectLockConfigurationNotFoundError", facts={"BucketName": call.bucket})
    return xml_reply(object_lock.configuration_document(object_lock.read(stored)))


def put_object_lock_configuration(call: Call) -> Reply:
    """Changes what new objects are retained for. Once a bucket has Object Lock, it keeps it."""
    configuration = object_lock.configuration_of_document(call.document("ObjectLockConfiguration"))
    versioning.put_object_lock(call.storage, call.bucket, object_lock.write(configuration))
    call.bucket_row.forget()
    return Reply(200)


OPERATIONS = (
    Operation(
        "GetObjectLockConfiguration",
        BUCKET,
        "GET",
        ("object-lock",),
        "s3:GetBucketObjectLockConfiguration",
        get_object_lock_configuration,
    ),
    Operation(
        "PutObjectLockConfiguration",
        BUCKET,
        "PUT",
        ("object-lock",),
        "s3:PutBucketObjectLockConfiguration",
        put_object_lock_configuration,
    ),
)
