"""Whether a bucket keeps versions."""

from __future__ import annotations

from s3portal.server.gateway.call import Call
from s3portal.server.gateway.operation import BUCKET, Operation
from s3portal.server.wire.reply import Reply, xml_reply
from s3portal.server.wire.xml_documents import document


def get_bucket_versioning(call: Call) -> Reply:
    """Buckets here have never been versioned, which S3 says by an empty document."""
    call.bucket_row.require()
    return xml_reply(document("VersioningConfiguration"))


OPERATIONS = (
    Operation(
        "GetBucketVersioning",
        BUCKET,
        "GET",
        ("versioning",),
        "s3:GetBucketVersioning",
        get_bucket_versioning,
    ),
)
