"""STS on the same address: AssumeRole and GetCallerIdentity, in the AWS query protocol.

Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
"""

from __future__ import annotations

import re
from datetime import datetime, timezone

from s3portal.server.access.directory import Role
from s3portal.server.access.session_tokens import Session, new_access_key_id, role_id
from s3portal.server.api.session_tags import is_tag_parameter, session_tags
from s3portal.server.authority.arns import role_arn, session_arn
from s3portal.server.authority.callers import Caller
from s3portal.server.authority.decision import decide, no_object
from s3portal.server.authority.policy import PolicyError, read_policy
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.operation import QueryOperation
from s3portal.server.gateway.request_context import RequestContext
from s3portal.server.http.values import whole_number
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.xml_documents import element, field, fields

VERSION = "2011-06-15"
LEAST_SESSION_S = 900
DEFAULT_SESSION_S = 3600
# A role that assumes a role: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html#iam-term-role-chaining
CHAINED_SESSION_LIMIT_S = 3600
POLICY_LIMIT_CHARACTERS = 2048
_SESSION_NAME = re.compile(r"[A-Za-z0-9_+=,.@-]{2,64}")
_ROLE_ARN = re.compile(r"arn:aws:iam::([0-9]{12}):role/(.+)")
_EXTERNAL_ID = re.compile(r"[A-Za-z0-9_+=,.@:/-]{2,1224}")
_ASSUME_ROLE_PARAMETERS = {
    *("Action", "Version", "RoleArn", "RoleSessionName", "DurationSeconds", "Policy", "ExternalId")
}


def get_caller_identity(call: Call) -> str:
    caller = call.proof.caller
    return fields(("Arn", caller.arn), ("UserId", caller.user_id), ("Account", caller.account_id))


def assume_role(call: Call) -> str:
    """Grants a session of a role: what the role's policy and the session policy both allow, for a while."""
    service, caller = call.service, call.proof.caller
    parameters = dict(call.request.query)
    # Empty, as lists without members are sent, they ask for nothing.
    given = {name for name, value in parameters.items() if value and not is_tag_parameter(name)}
    unknown = given - _ASSUME_ROLE_PARAMETERS
    if unknown:
        raise _invalid(f"this server does not evaluate {', '.join(sorted(unknown))}")
    external_id, tags = _external_id(parameters.get("ExternalId", "")), session_tags(parameters)
    role = _allowed_role(call, parameters.get("RoleArn", ""), external_id)
    if tags:
        _require(call, "sts:TagSession", role.arn)
    name = parameters.get("RoleSessionName", "")
    if not _SESSION_NAME.fullmatch(name):
        raise _invalid(
            f"Value '{name}' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular "
            r"expression pattern: [\w+=,.@-]* and have a length from 2 to 64"
        )
    session_policy = _session_policy(parameters.get("Policy", ""))
    duration_s = _duration_s(parameters.get("DurationSeconds"), role, caller)
    now = int(service.authenticator.now().timestamp())
    session = Session(
        access_key_id=new_access_key_id(),
        role=role.name,
        role_id=role_id(role.name, role.account_id),
        name=name,
        policy=session_policy,
        expires_at=now + duration_s,
        account_id=role.account_id,
        issued_at=now,
        tags=tags,
    )
    sealer = service.authenticator.sealer
    expiration = datetime.fromtimestamp(session.expires_at, timezone.utc)
    credentials = fields(
        ("AccessKeyId", session.access_key_id),
        ("SecretAccessKey", sealer.secret_access_key(session.access_key_id)),
        ("SessionToken", sealer.seal(session)),
        ("Expiration", f"{expiration:%Y-%m-%dT%H:%M:%SZ}"),
    )
    assumed = fields(
        ("AssumedRoleId", f"{session.role_id}:{name}"),
        ("Arn", session_arn(role.account_id, role.name, name)),
    )
    packed = f"{len(session_policy) * 100 // POLICY_LIMIT_CHARACTERS}" if session_policy else None
    return (
        element("Credentials", credentials)
        + element("AssumedRoleUser", assumed)
        + field("PackedPolicySize", packed)
    )


def _external_id(text: str) -> str | None:
    if text and not _EXTERNAL_ID.fullmatch(text):
        raise _invalid(
            f"Value '{text}' at 'externalId' failed to satisfy constraint: Member must satisfy regular "
            r"expression pattern: [\w+=,.@:\/-]* and have a length from 2 to 1224"
        )
    return text or None


def _allowed_role(call: Call, asked_arn: str, external_id: str | None) -> Role:
    """The role must trust the caller, and the caller's own policy must allow to assume it. A role that does
    not exist is refused in the same words."""
    service, caller = call.service, call.proof.caller
    match = _ROLE_ARN.fullmatch(asked_arn)
    role = service.authenticator.directory.role_named(match[1], match[2]) if match else None
    if role is None or not _is_trusted(role, caller) or role.external_id not in (None, external_id):
        raise _denied(caller, "sts:AssumeRole", asked_arn)
    _require(call, "sts:AssumeRole", asked_arn)
    return role


def _require(call: Call, action: str, asked_arn: str) -> None:
    caller = call.proof.caller
    context = RequestContext(call.circumstances(None), action, None, no_object)
    if not decide(caller, action, asked_arn, context, None).allowed:
        raise _denied(caller, action, asked_arn)


def _denied(caller: Caller, action: str, asked_arn: str) -> S3Error:
    return S3Error(
        "AccessDenied", f"User: {caller.arn} is not authorized to perform: {action} on resource: {asked_arn}"
    )


def _is_trusted(role: Role, caller: Caller) -> bool:
    """Whether a role names a caller as one that may assume it."""
    if caller.account_id is None:
        return False
    name, arn = caller.name, caller.arn
    if caller.role is not None:
        name, arn = f"role/{caller.role}", role_arn(caller.account_id, caller.role)
    return arn in role.trusted or (name in role.trusted and caller.account_id == role.account_id)


def _session_policy(policy: str) -> str:
    if len(policy) > POLICY_LIMIT_CHARACTERS:
        raise _invalid(
            "Value at 'policy' failed to satisfy constraint: Member must have length less than or equal to "
            f"{POLICY_LIMIT_CHARACTERS}"
        )
    if policy:
        try:
            read_policy(policy, strict=True)
        except PolicyError as problem:
            raise S3Error("MalformedPolicyDocument", str(problem)) from problem
    return policy


def _duration_s(text: str | None, role: Role, caller: Caller) -> int:
    limit_s = role.max_session_s if caller.role is None else min(role.max_session_s, CHAINED_SESSION_LIMIT_S)
    if not text:
        return min(DEFAULT_SESSION_S, limit_s)
    duration_s = whole_number(text)
    if duration_s is None or not LEAST_SESSION_S <= duration_s <= limit_s:
        raise _invalid(
            "The requested DurationSeconds must be at least "
            f"{LEAST_SESSION_S} and must not exceed the MaxSessionDuration set for this role: {limit_s}"
        )
    return duration_s


def _invalid(message: str) -> S3Error:
    return S3Error("ValidationError", message)


OPERATIONS = (
    QueryOperation("sts", VERSION, "AssumeRole", assume_role),
    QueryOperation("sts", VERSION, "GetCallerIdentity", get_caller_identity),
)
