"""Which operation a request asks for, and what one must be allowed to do for it: one table.

Source of the names and permissions:
https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html and
https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from s3portal.server.api.buckets import buckets
from s3portal.server.api.multipart import completing
from s3portal.server.api.multipart import uploading as multipart
from s3portal.server.api.objects import listing, posting, reading, writing
from s3portal.server.gateway.service import Call
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.reply import Reply
from s3portal.server.wire.s3_request import S3Request

SERVICE, BUCKET, OBJECT = "service", "bucket", "object"
# Parameters that make a request speak of something else than the bucket or the object itself.
# fmt: off
SUBRESOURCES = frozenset({
    "abac", "accelerate", "acl", "analytics", "annotation", "attributes", "cors", "delete", "encryption",
    "intelligent-tiering", "inventory", "legal-hold", "lifecycle", "list-type", "location", "logging",
    "metadataAnnotationTable", "metadataConfiguration", "metadataInventoryTable", "metadataJournalTable",
    "metadataTable", "metrics", "notification", "object-lock", "ownershipControls", "partNumber",
    "policy", "policyStatus", "publicAccessBlock", "renameObject", "replication", "requestPayment",
    "restore", "retention", "select", "session", "tagging", "torrent", "uploadId", "uploads",
    "versioning", "versions", "website",
})
# fmt: on
COPY_HEADER = "x-amz-copy-source"
# x-id is what some SDKs add to say the operation's name.
_HARMLESS = {"versionId", "x-id"}
_WRITE_CONDITIONS = ("if-match", "if-none-match")


@dataclass(frozen=True)
class Operation:
    """One row: ``needs`` are the sub-resources in the query, ``copies`` whether x-amz-copy-source is there.

    ``action`` is what the caller must be allowed on the bucket or object; '' where the handler asks for
    each object by itself. ``creates_object`` is the condition key s3:ObjectCreationOperation, None where the
    action is not s3:PutObject; ``conditional`` names the headers that make the change a conditional one.
    """

    name: str
    level: str
    method: str
    needs: tuple[str, ...]
    action: str
    handler: Callable[[Call], Reply]
    copies: bool = False
    creates_object: bool | None = None
    conditional: tuple[str, ...] = ()


# The one operation that is authenticated by its body.
POST_OBJECT = Operation(
    "PostObject", BUCKET, "POST", (), "s3:PutObject", posting.post_object, creates_object=True
)

OPERATIONS = (
    Operation("ListBuckets", SERVICE, "GET", (), "s3:ListAllMyBuckets", buckets.list_buckets),
    Operation("CreateBucket", BUCKET, "PUT", (), "s3:CreateBucket", buckets.create_bucket),
    Operation("HeadBucket", BUCKET, "HEAD", (), "s3:ListBucket", buckets.head_bucket),
    Operation("DeleteBucket", BUCKET, "DELETE", (), "s3:DeleteBucket", buckets.delete_bucket),
    Operation(
        "GetBucketLocation", BUCKET, "GET", ("location",), "s3:GetBucketLocation", buckets.get_bucket_location
    ),
    Operation(
        "GetBucketVersioning",
        BUCKET,
        "GET",
        ("versioning",),
        "s3:GetBucketVersioning",
        buckets.get_bucket_versioning,
    ),
    Operation("PutBucketCors", BUCKET, "PUT", ("cors",), "s3:PutBucketCORS", buckets.put_bucket_cors),
    Operation("GetBucketCors", BUCKET, "GET", ("cors",), "s3:GetBucketCORS", buckets.get_bucket_cors),
    Operation(
        "DeleteBucketCors", BUCKET, "DELETE", ("cors",), "s3:PutBucketCORS", buckets.delete_bucket_cors
    ),
    Operation("ListObjects", BUCKET, "GET", (), "s3:ListBucket", listing.list_objects),
    Operation("ListObjectsV2", BUCKET, "GET", ("list-type",), "s3:ListBucket", listing.list_objects_v2),
    Operation(
        "ListMultipartUploads",
        BUCKET,
        "GET",
        ("uploads",),
        "s3:ListBucketMultipartUploads",
        listing.list_multipart_uploads,
    ),
    Operation("DeleteObjects", BUCKET, "POST", ("delete",), "", writing.delete_objects),
    POST_OBJECT,
    Operation("GetObject", OBJECT, "GET", (), "s3:GetObject", reading.get_object),
    Operation("GetObject", OBJECT, "GET", ("partNumber",), "s3:GetObject", reading.get_object),
    Operation("HeadObject", OBJECT, "HEAD", (), "s3:GetObject", reading.head_object),
    Operation("HeadObject", OBJECT, "HEAD", ("partNumber",), "s3:GetObject", reading.head_object),
    Operation(
        "PutObject",
        OBJECT,
        "PUT",
        (),
        "s3:PutObject",
        writing.put_object,
        creates_object=True,
        conditional=_WRITE_CONDITIONS,
    ),
    Operation(
        "CopyObject",
        OBJECT,
        "PUT",
        (),
        "s3:PutObject",
        writing.copy_object,
        copies=True,
        creates_object=True,
        conditional=_WRITE_CONDITIONS,
    ),
    Operation(
        "DeleteObject",
        OBJECT,
        "DELETE",
        (),
        "s3:DeleteObject",
        writing.delete_object,
        conditional=("if-match",),
    ),
    Operation(
        "CreateMultipartUpload",
        OBJECT,
        "POST",
        ("uploads",),
        "s3:PutObject",
        multipart.create_multipart_upload,
        creates_object=False,
    ),
    Operation(
        "UploadPart",
        OBJECT,
        "PUT",
        ("partNumber", "uploadId"),
        "s3:PutObject",
        multipart.upload_part,
        creates_object=False,
    ),
    Operation(
        "UploadPartCopy",
        OBJECT,
        "PUT",
        ("partNumber", "uploadId"),
        "s3:PutObject",
        multipart.upload_part_copy,
        copies=True,
        creates_object=False,
    ),
    Operation(
        "CompleteMultipartUpload",
        OBJECT,
        "POST",
        ("uploadId",),
        "s3:PutObject",
        completing.complete_multipart_upload,
        creates_object=True,
        conditional=_WRITE_CONDITIONS,
    ),
    Operation(
        "AbortMultipartUpload",
        OBJECT,
        "DELETE",
        ("uploadId",),
        "s3:AbortMultipartUpload",
        multipart.abort_multipart_upload,
    ),
    Operation("ListParts", OBJECT, "GET", ("uploadId",), "s3:ListMultipartUploadParts", listing.list_parts),
)

_BY_REQUEST = {(o.level, o.method, frozenset(o.needs), o.copies): o for o in OPERATIONS}
_METHODS = {level: {o.method for o in OPERATIONS if o.level == level} for level in (SERVICE, BUCKET, OBJECT)}


def is_sts(request: S3Request) -> bool:
    """Whether a request is for STS, which lives at POST /."""
    return request.method == "POST" and request.bucket is None


def find_operation(request: S3Request) -> Operation:
    """Returns the operation a request asks for.

    Raises MethodNotAllowed, with the methods that are, and NotImplemented for what S3 has and we have not.
    """
    level = SERVICE if request.bucket is None else BUCKET if request.key is None else OBJECT
    subresources = frozenset(name for name, _ in request.query if name in SUBRESOURCES)
    copies = COPY_HEADER in request.headers and level == OBJECT and request.method == "PUT"
    operation = _BY_REQUEST.get((level, request.method, subresources, copies))
    if operation is not None:
        _refuse_unknown_parameters(request)
        return operation
    if request.method in _METHODS[level] and subresources:
        raise S3Error("NotImplemented", facts={"Header": ", ".join(sorted(subresources))})
    facts = {"Method": request.method, "ResourceType": level.upper()}
    raise S3Error("MethodNotAllowed", facts=facts, headers={"Allow": ", ".join(sorted(_METHODS[level]))})


def _refuse_unknown_parameters(request: S3Request) -> None:
    """Raises NotImplemented for a change with a parameter nobody here knows: it may be a sub-resource that S3
    has since we were written, and must not be taken for the object itself."""
    if request.method in ("GET", "HEAD"):
        return
    known = SUBRESOURCES | _HARMLESS
    unknown = [n for n, _ in request.query if n not in known and not n.lower().startswith("x-amz-")]
    if unknown:
        raise S3Error("NotImplemented", facts={"Header": ", ".join(unknown)})
