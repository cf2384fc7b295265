"""What policies are asked about a request before its operation is done."""

from __future__ import annotations

from collections.abc import Sequence

from s3portal.server.authority.actions import (
    READING_TOO,
    action_on_version,
    actions_of_bucket_headers,
    actions_of_headers,
)
from s3portal.server.authority.decision import Answer, Decision
from s3portal.server.authority.denied import AccessDenied
from s3portal.server.authority.facts import BucketFacts
from s3portal.server.gateway.begun_uploads import as_begun, named_upload
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.operation import Operation
from s3portal.server.gateway.replication_agent import REPLICATED_BY, is_replication_agent
from s3portal.server.gateway.request_context import Circumstances
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.s3_request import S3Request
from s3portal.server.wire.tag_sets import tags_of_document

OVERRIDE_PREFIX = "response-"


def authorise(call: Call, operation: Operation) -> None:
    """Raises AccessDenied unless the caller may do all that an operation needs; InvalidRequest for an
    anonymous one that wants to choose the headers of the answer."""
    circumstances = Circumstances(
        call.request,
        call.proof,
        call.service.authenticator.now,
        lambda: call.owner_if_any(call.request.bucket),
        creates_object=operation.creates_object,
        conditional=operation.conditional,
        copies=operation.copies,
        as_begun=(lambda: as_begun(call)) if "uploadId" in operation.needs else None,
        tags_in_body=(lambda: tags_of_document(call.document("Tagging"))) if operation.tags_in_body else None,
    )
    bucket = None if operation.creates_bucket else call.bucket_row.facts()
    for action in actions_of(operation, call.request):
        decision = call.decide(
            action,
            call.target,
            bucket,
            circumstances,
            is_writer=lambda: operation.begins_object or _began_upload(call, operation),
        )
        if not decision.allowed and not _may_replicate(call, decision, circumstances, bucket):
            raise AccessDenied(decision)
    if not call.proof.caller.is_anonymous:
        return
    if not operation.action and not (bucket and bucket.may_be_open):
        # Each object would be decided on separately, with an answer that the caller has to read to the end.
        raise S3Error("AccessDenied")
    if any(name.startswith(OVERRIDE_PREFIX) for name, _ in call.request.query):
        raise S3Error(
            "InvalidRequest",
            "Request specific response headers cannot be used for anonymous GET requests.",
        )


def _may_replicate(
    call: Call, decision: Decision, circumstances: Circumstances, bucket: BucketFacts | None
) -> bool:
    """Whether another server may replicate what nothing allows, or denies, it to do otherwise."""
    action = REPLICATED_BY.get(decision.action)
    if action is None or decision.answer is not Answer.NOT_MENTIONED or not is_replication_agent(call):
        return False
    return call.decide(action, call.target, bucket, circumstances).allowed


def _began_upload(call: Call, operation: Operation) -> bool:
    """Whether the caller has begun the upload that the operation is about."""
    if call.proof.caller.is_anonymous or "uploadId" not in operation.needs:
        return False
    upload = named_upload(call)
    return upload is not None and upload.initiator == call.proof.caller.arn


def actions_of(operation: Operation, request: S3Request) -> Sequence[str]:
    """Returns all that the caller must be allowed; nothing where the handler asks by itself."""
    if not operation.action:
        return ()
    named = [operation.action, READING_TOO.get(operation.action, operation.action)]
    version_id = request.parameter("versionId")
    actions = list(dict.fromkeys(action_on_version(action, version_id) for action in named))
    if operation.begins_object:
        actions += actions_of_headers(request.headers)
    if operation.creates_bucket:
        actions += actions_of_bucket_headers(request.headers)
    return actions
