"""The website configuration of a bucket: put, shown, deleted."""

from __future__ import annotations

from s3portal.server.api.buckets import stored
from s3portal.server.bucket_settings import kept_trees, website
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.operation import BUCKET, Operation
from s3portal.server.wire.reply import NO_CONTENT, Reply, xml_reply

_ROOT = "WebsiteConfiguration"


def put_bucket_website(call: Call) -> Reply:
    root = stored.setting_document(call, _ROOT)
    website.check(root)
    stored.put(call, website.KIND, kept_trees.write(root))
    return Reply(200)


def get_bucket_website(call: Call) -> Reply:
    found = stored.require(call, website.KIND, "NoSuchWebsiteConfiguration")
    return xml_reply(kept_trees.to_xml(_ROOT, found))


def delete_bucket_website(call: Call) -> Reply:
    stored.put(call, website.KIND, None)
    return NO_CONTENT


_DELETE = "s3:DeleteBucketWebsite"
OPERATIONS = (
    Operation("PutBucketWebsite", BUCKET, "PUT", ("website",), "s3:PutBucketWebsite", put_bucket_website),
    Operation("GetBucketWebsite", BUCKET, "GET", ("website",), "s3:GetBucketWebsite", get_bucket_website),
    Operation("DeleteBucketWebsite", BUCKET, "DELETE", ("website",), _DELETE, delete_bucket_website),
)
