"""S3's REST dialect: method, path and sub-resources say which operation it is."""

from __future__ import annotations

import io
from collections.abc import Iterable

from s3portal.server.access.authenticator import Authenticator
from s3portal.server.access.headers_in_query import ENTITY_HEADERS, PREFIX, with_headers_of_query
from s3portal.server.gateway.authorisation import authorise
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.dialects.dialect import UNKNOWN, Asked
from s3portal.server.gateway.operation import BUCKET, OBJECT, SERVICE, Incoming, Operation
from s3portal.server.gateway.unsupported import refuse_unsupported
from s3portal.server.wire.error_documents import error_reply
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.reply import Reply
from s3portal.server.wire.s3_request import COPY_HEADER, S3Request

# Parameters that make a request speak of something else than the bucket or the object itself.
# fmt: off
SUBRESOURCES = frozenset({
    "abac", "accelerate", "acl", "analytics", "annotation", "attributes", "audit", "cors", "delete",
    "encryption", "intelligent-tiering", "inventory", "legal-hold", "lifecycle", "list-type", "location",
    "logging", "metadataAnnotationTable", "metadataConfiguration", "metadataInventoryTable",
    "metadataJournalTable", "metadataTable", "metrics", "notification", "object-lock", "ownershipControls",
    "partNumber", "policy", "policyStatus", "publicAccessBlock", "quota", "quota-user", "renameObject",
    "replication", "requestPayment", "restore", "retention", "select", "session", "tagging", "torrent",
    "uploadId", "uploads", "versioning", "versions", "website",
})
# fmt: on
_HALVES_OF_A_PART = (frozenset({"uploadId"}), frozenset({"partNumber"}))
# x-id is what some SDKs add to say the operation's name; the rest is a signature of version 2.
_KNOWN = SUBRESOURCES | {"versionId", "x-id", "AWSAccessKeyId", "Expires", "Signature"}


class RestDialect:
    """Owns every request that no other dialect has claimed."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        rows = tuple(operations)
        self._by_request = {(o.level, o.method, frozenset(o.needs), o.copies): o for o in rows}
        self._methods = {
            level: {o.method for o in rows if o.level == level} for level in (SERVICE, BUCKET, OBJECT)
        }

    def owns(self, request: S3Request) -> bool:
        return True

    def ask(self, request: S3Request, body: io.RawIOBase) -> Asked[Operation]:
        try:
            operation = self.find_operation(with_headers_of_query(request))
        except S3Error as refused:
            return Asked(UNKNOWN, None, refused)
        return Asked(operation.name, operation)

    def prove(
        self, authenticator: Authenticator, request: S3Request, body: io.RawIOBase, asked: Asked[Operation]
    ) -> Incoming:
        if asked.operation is not None and asked.operation.open_form is not None:
            return asked.operation.open_form(authenticator, request, body)
        proof = authenticator.authenticate(request)
        return Incoming(request if asked.operation is None else with_headers_of_query(request), body, proof)

    def authorise(self, call: Call, operation: Operation) -> None:
        authorise(call, operation)
        bucket = None if operation.creates_bucket else call.bucket_row.facts()
        owner = bucket.owner if bucket else call.proof.caller.account_id
        refuse_unsupported(call.request, owner=owner)

    def perform(self, call: Call, operation: Operation) -> Reply:
        return operation.handler(call)

    def error_reply(self, error: S3Error, request: S3Request, request_id: str) -> Reply:
        return error_reply(error, request.resource, request_id)

    def find_operation(self, request: S3Request) -> Operation:
        """Returns the operation a request asks for.

        Raises MethodNotAllowed, with the methods that are, and NotImplemented for what S3 has and we have
        not.
        """
        level = SERVICE if request.bucket is None else BUCKET if request.key is None else OBJECT
        subresources = frozenset(name for name, _ in request.query if name in SUBRESOURCES)
        copies = COPY_HEADER in request.headers and level == OBJECT and request.method == "PUT"
        operation = self._by_request.get((level, request.method, subresources, copies))
        if operation is not None:
            _refuse_unknown_parameters(request, operation)
            return operation
        methods = self._methods[level]
        if request.method == "PUT" and subresources in _HALVES_OF_A_PART:
            # One without the other; see https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPart.html
            facts = {"ArgumentName": "ResourceType", "ArgumentValue": ", ".join(subresources)}
            raise S3Error("InvalidArgument", "This operation does not accept a query-string.", facts=facts)
        if request.method in methods and subresources:
            raise S3Error("NotImplemented", facts={"Header": ", ".join(sorted(subresources))})
        facts = {"Method": request.method, "ResourceType": level.upper()}
        raise S3Error("MethodNotAllowed", facts=facts, headers={"Allow": ", ".join(sorted(methods))})


def _refuse_unknown_parameters(request: S3Request, operation: Operation) -> None:
    """Raises NotImplemented for a change with a parameter nobody here knows: it may be a sub-resource that S3
    has since we were written, and must not be taken for the object itself."""
    if request.method in ("GET", "HEAD"):
        return
    # Configurations of which a bucket may have several are told apart by their id.
    known = _KNOWN | {"id"} if operation.level == BUCKET and operation.needs else _KNOWN
    unknown = [
        name
        for name, _ in request.query
        if name not in known and not name.lower().startswith(PREFIX) and name.lower() not in ENTITY_HEADERS
    ]
    if unknown:
        raise S3Error("NotImplemented", facts={"Header": ", ".join(unknown)})
