"""Block Public Access of a bucket: put, shown, deleted."""

from __future__ import annotations

from s3portal.server.api.buckets import stored
from s3portal.server.bucket_settings import public_access_block
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.operation import BUCKET, Operation
from s3portal.server.wire.reply import NO_CONTENT, Reply, xml_reply

_PUT, _GET = "s3:PutBucketPublicAccessBlock", "s3:GetBucketPublicAccessBlock"


def put_public_access_block(call: Call) -> Reply:
    block = public_access_block.of_xml(stored.setting_document(call, "PublicAccessBlockConfiguration"))
    stored.put(call, public_access_block.KIND, public_access_block.write(block))
    return Reply(200)


def get_public_access_block(call: Call) -> Reply:
    found = stored.require(call, public_access_block.KIND, "NoSuchPublicAccessBlockConfiguration")
    return xml_reply(public_access_block.to_xml(public_access_block.read(found)))


def delete_public_access_block(call: Call) -> Reply:
    stored.put(call, public_access_block.KIND, None)
    return NO_CONTENT


OPERATIONS = (
    Operation("PutPublicAccessBlock", BUCKET, "PUT", ("publicAccessBlock",), _PUT, put_public_access_block),
    Operation("GetPublicAccessBlock", BUCKET, "GET", ("publicAccessBlock",), _GET, get_public_access_block),
    Operation(
        "DeletePublicAccessBlock", BUCKET, "DELETE", ("publicAccessBlock",), _PUT, delete_public_access_block
    ),
)
