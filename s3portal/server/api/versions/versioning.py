"""Whether a bucket keeps versions: PutBucketVersioning, GetBucketVersioning."""

from __future__ import annotations

from s3portal.server.gateway.call import Call
from s3portal.server.gateway.operation import BUCKET, Operation
from s3portal.server.storage import versioning
from s3portal.server.storage.records import Versioning
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.reply import Reply, xml_reply
from s3portal.server.wire.xml_documents import document, field, refuse_unknown_children, text_of

_STATES = {"Enabled": Versioning.ENABLED, "Suspended": Versioning.SUSPENDED}


def put_bucket_versioning(call: Call) -> Reply:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketVersioning.html; MFA delete needs a device
    that this server knows nothing of."""
    root = call.document("VersioningConfiguration")
    refuse_unknown_children(root, ["Status", "MfaDelete"])
    status, mfa_delete = text_of(root, "Status"), text_of(root, "MfaDelete") or "Disabled"
    if mfa_delete not in ("Enabled", "Disabled"):
        raise S3Error("MalformedXML")
    if not status:
        raise S3Error("IllegalVersioningConfigurationException", "The Versioning element must be specified")
    if status not in _STATES:
        raise S3Error("MalformedXML")
    if mfa_delete == "Enabled":
        raise S3Error(
            "NotImplemented",
            "MFA delete is not offered by this server. Leave MfaDelete out, and let a policy say who may use "
            "s3:DeleteObjectVersion.",
        )
    versioning.put(call.storage, call.bucket, _STATES[status])
    call.bucket_row.forget()
    return Reply(200)


def get_bucket_versioning(call: Call) -> Reply:
    """A bucket that has never kept versions has an empty document."""
    state = call.bucket_row.require().versioning
    return xml_reply(document("VersioningConfiguration", field("Status", state.value or None)))


OPERATIONS = (
    Operation(
        "PutBucketVersioning",
        BUCKET,
        "PUT",
        ("versioning",),
        "s3:PutBucketVersioning",
        put_bucket_versioning,
    ),
    Operation(
        "GetBucketVersioning",
        BUCKET,
        "GET",
        ("versioning",),
        "s3:GetBucketVersioning",
        get_bucket_versioning,
    ),
)
