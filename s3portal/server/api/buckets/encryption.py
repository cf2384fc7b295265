"""Default encryption of a bucket: put, shown, put back."""

from __future__ import annotations

from s3portal.server.api.buckets import stored
from s3portal.server.bucket_settings import encryption
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.operation import BUCKET, Operation
from s3portal.server.wire.reply import NO_CONTENT, Reply, xml_reply

_PUT, _GET = "s3:PutEncryptionConfiguration", "s3:GetEncryptionConfiguration"


def put_bucket_encryption(call: Call) -> Reply:
    found = encryption.of_xml(stored.setting_document(call, "ServerSideEncryptionConfiguration"))
    stored.put(call, encryption.KIND, encryption.write(found))
    return Reply(200)


def get_bucket_encryption(call: Call) -> Reply:
    return xml_reply(encryption.to_xml(encryption.read(stored.find(call, encryption.KIND))))


def delete_bucket_encryption(call: Call) -> Reply:
    """From then on the bucket has what every bucket has."""
    stored.put(call, encryption.KIND, None)
    return NO_CONTENT


OPERATIONS = (
    Operation("PutBucketEncryption", BUCKET, "PUT", ("encryption",), _PUT, put_bucket_encryption),
    Operation("GetBucketEncryption", BUCKET, "GET", ("encryption",), _GET, get_bucket_encryption),
    Operation("DeleteBucketEncryption", BUCKET, "DELETE", ("encryption",), _PUT, delete_bucket_encryption),
)
