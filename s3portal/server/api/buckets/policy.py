"""The policy of a bucket: put, shown, deleted, and whether it lets the public in."""

from __future__ import annotations

from s3portal.server.api.buckets import stored
from s3portal.server.api.named_principals import unknown_principal
from s3portal.server.authority.bucket_policy import read_bucket_policy
from s3portal.server.authority.policy_patterns import PolicyError
from s3portal.server.bucket_settings import policy, public_access_block
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.operation import BUCKET, Operation
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.json_documents import parse_json
from s3portal.server.wire.reply import NO_CONTENT, Reply, xml_reply
from s3portal.server.wire.xml_documents import document, field

_JSON = "application/json"


def put_bucket_policy(call: Call) -> Reply:
    _refuse_other_accounts(call)
    return _store(call, _text(stored.setting_text(call)))


def put_bucket_policy_unsummed(call: Call) -> Reply:
    """The same without a checksum of the body, which MyFSIO's route does not ask for."""
    _refuse_other_accounts(call)
    return _store(call, _text(call.document_text()))


def _store(call: Call, text: str) -> Reply:
    try:
        found = read_bucket_policy(text, call.bucket)
    except PolicyError as problem:
        raise _malformed(str(problem)) from problem
    for number, statement in enumerate(found.statements, 1):
        if unknown := unknown_principal(call, statement.principals):
            raise _malformed(f"statement {number}: Invalid principal in policy: {unknown!r} does not exist")
    settings = call.bucket_row.require().settings
    if public_access_block.of_settings(settings).block_public_policy and policy.is_public(text):
        raise S3Error("AccessDenied")
    stored.put(call, policy.KIND, text)
    return NO_CONTENT


def get_bucket_policy(call: Call) -> Reply:
    found = _require(call)
    _refuse_other_accounts(call)
    return Reply(200, {"Content-Type": _JSON}, found.encode())


def delete_bucket_policy(call: Call) -> Reply:
    _refuse_other_accounts(call)
    stored.put(call, policy.KIND, None)
    return NO_CONTENT


def get_bucket_policy_status(call: Call) -> Reply:
    return xml_reply(document("PolicyStatus", field("IsPublic", policy.is_public(_require(call)))))


def _require(call: Call) -> str:
    return stored.require(call, policy.KIND, "NoSuchBucketPolicy")


def _text(body: bytes) -> str:
    """Returns a policy's text; raises MalformedPolicy for one that is too long, or no JSON object."""
    if len(body) > policy.LIMIT_BYTES:
        raise _malformed("Policy exceeds the maximum allowed document size.")
    try:
        text = body.decode()
        if not text.lstrip(" \t\r\n").startswith("{"):
            raise _malformed("Policies must be valid JSON and the first byte must be '{'")
        parse_json(text)
    except ValueError as problem:
        raise _malformed(f"This policy contains invalid Json: {problem}") from problem
    return text


def _refuse_other_accounts(call: Call) -> None:
    """A policy may let another account do this, and S3 still leaves it to the bucket's owner."""
    if call.proof.caller.account_id != call.bucket_row.require().owner:
        facts = {"Method": call.request.method, "ResourceType": "BUCKETPOLICY"}
        raise S3Error("MethodNotAllowed", facts=facts)


def _malformed(message: str) -> S3Error:
    return S3Error("MalformedPolicy", message)


_STATUS = "s3:GetBucketPolicyStatus"
OPERATIONS = (
    Operation("PutBucketPolicy", BUCKET, "PUT", ("policy",), "s3:PutBucketPolicy", put_bucket_policy),
    Operation("GetBucketPolicy", BUCKET, "GET", ("policy",), "s3:GetBucketPolicy", get_bucket_policy),
    Operation(
        "DeleteBucketPolicy", BUCKET, "DELETE", ("policy",), "s3:DeleteBucketPolicy", delete_bucket_policy
    ),
    Operation("GetBucketPolicyStatus", BUCKET, "GET", ("policyStatus",), _STATUS, get_bucket_policy_status),
)
