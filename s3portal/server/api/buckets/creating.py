"""CreateBucket: a name, a place, an owner, and the settings a bucket begins with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from s3portal.server.api.acl.requested import owners_of
from s3portal.server.bucket_settings import acl, acl_documents, location, ownership, tagging
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.operation import BUCKET, Operation
from s3portal.server.storage import buckets
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.reply import Reply
from s3portal.server.wire.s3_request import valid_bucket_name
from s3portal.server.wire.xml_documents import parse_document, refuse_unknown_children, text_of

OWNERSHIP_HEADER = "x-amz-object-ownership"
LOCK_HEADER = "x-amz-bucket-object-lock-enabled"
# As the operations on versioning and on object lock store them.
_VERSIONED, _LOCKED = ("versioning", "Enabled"), ("object-lock", "{}")


@dataclass(frozen=True)
class _Configuration:
    """What the body of the request says."""

    constraint: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


def create_bucket(call: Call) -> Reply:
    """Creates a bucket of the caller's account; in us-east-1, where the caller has it already, only its ACL
    is put back to what this request says (https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html).
    """
    if not valid_bucket_name(call.bucket) or not _has_labels(call.bucket):
        raise S3Error("InvalidBucketName", facts={"BucketName": call.bucket})
    if call.bucket in call.service.reserved_names and call.bucket_row.find() is None:
        message = f"This server answers at /{call.bucket} itself. Choose another name."
        raise S3Error("InvalidBucketName", message, facts={"BucketName": call.bucket})
    configuration = _configuration(call)
    settings = _settings(call, configuration)
    _refuse_foreign(call)
    if configuration.tags:
        call.require("s3:TagResource", call.bucket)
    if buckets.create(call.storage, call.bucket, owner=call.account_id, settings=settings):
        call.bucket_row.forget()
        return Reply(200, {"Location": f"/{call.bucket}"})
    call.bucket_row.forget()
    _refuse_foreign(call)
    if (call.service.region or location.DEFAULT_REGION) != location.DEFAULT_REGION:
        raise S3Error("BucketAlreadyOwnedByYou", facts={"BucketName": call.bucket})
    found = call.bucket_row.require()
    if found.settings.get(acl.KIND) != settings.get(acl.KIND):
        _refuse_acl_where_disabled(ownership.of_settings(found.settings), settings.get(acl.KIND))
        buckets.put_setting(call.storage, call.bucket, acl.KIND, settings.get(acl.KIND))
        call.bucket_row.forget()
    return Reply(200, {"Location": f"/{call.bucket}"})


def _has_labels(name: str) -> bool:
    """Whether every part of a new bucket's name can be one of a host name, as S3 demands: there is neither
    ``.-`` nor ``-.`` in it."""
    return ".-" not in name and "-." not in name


def _refuse_foreign(call: Call) -> None:
    found = call.bucket_row.find()
    if found is not None and found.owner != call.account_id:
        raise S3Error("BucketAlreadyExists", facts={"BucketName": call.bucket})


def _configuration(call: Call) -> _Configuration:
    if call.header("content-length") in (None, "0"):
        return _Configuration()
    body = call.document_text()
    if not body:
        return _Configuration()
    root = parse_document(body, "CreateBucketConfiguration")
    refuse_unknown_children(root, ["LocationConstraint", "Location", "Bucket", "Tags"])
    for name in ("Location", "Bucket"):
        node = root.find(name)
        if node is not None and (len(node) or (node.text or "").strip()):
            # They make a directory bucket.
            raise S3Error("NotImplemented", "Directory buckets are not offered.", facts={"Header": name})
    constraint = (text_of(root, "LocationConstraint") or "").strip() or None
    if constraint is not None:
        location.check_constraint(constraint, call.service.region)
    return _Configuration(constraint, _tags(root.find("Tags")))


def _tags(node: Element | None) -> Mapping[str, str]:
    return {} if node is None else tagging.tags_of_nodes(node)


def _settings(call: Call, configuration: _Configuration) -> dict[str, str]:
    """Returns the documents that the bucket begins with."""
    controls = ownership.of_header(call.header(OWNERSHIP_HEADER))
    settings = {ownership.KIND: ownership.write(controls)}
    asked = acl_documents.of_headers(call.request.headers, owners_of(call, call.account_id, None))
    document = None if asked is None else acl.write(asked, call.account_id)
    _refuse_acl_where_disabled(controls, document)
    if document is not None:
        settings[acl.KIND] = document
    place = location.stored_constraint(configuration.constraint, call.service.region)
    if place is not None:
        settings[location.KIND] = place
    if configuration.tags:
        settings[tagging.KIND] = tagging.write(configuration.tags)
    if _is_locked(call):
        settings |= (_VERSIONED, _LOCKED)
    return settings


def _refuse_acl_where_disabled(controls: ownership.OwnershipControls, document: str | None) -> None:
    """An ACL that gives others anything would be void where they are disabled, which is the default."""
    if controls.acls_are_disabled and document is not None:
        raise S3Error("InvalidBucketAclWithObjectOwnership")


def _is_locked(call: Call) -> bool:
    value = (call.header(LOCK_HEADER) or "false").lower()
    if value not in ("true", "false"):
        facts = {"ArgumentName": LOCK_HEADER, "ArgumentValue": value}
        raise S3Error("InvalidArgument", f"{LOCK_HEADER} must be true or false", facts=facts)
    return value == "true"


OPERATIONS = (
    Operation("CreateBucket", BUCKET, "PUT", (), "s3:CreateBucket", create_bucket, creates_bucket=True),
)
