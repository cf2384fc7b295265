"""AssumeRole: a session of a role that trusts the caller.

Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from s3portal.server.access.directory import Role
from s3portal.server.access.session_callers import id_of_role
from s3portal.server.access.session_tokens import Session, new_access_key_id
from s3portal.server.api.caller_permissions import (
    context_of,
    denied,
    request_tags,
    require,
    resource_tags,
)
from s3portal.server.api.query_parameters import Parameters
from s3portal.server.api.sts.callers import refuse_sessions
from s3portal.server.api.sts.granted import (
    Narrowing,
    credentials_element,
    duration_key,
    duration_of,
    invalid,
    narrowing_of,
    now_s,
    packed_size_field,
    refuse_unknown,
)
from s3portal.server.api.sts.session_tags import session_tags, transitive_keys
from s3portal.server.authority.arns import session_arn
from s3portal.server.authority.callers import Caller
from s3portal.server.authority.decision import Answer, Decision
from s3portal.server.authority.identity_keys import (
    EXTERNAL_ID,
    ROLE_SESSION_NAME,
    SOURCE_IDENTITY,
    TRANSITIVE_TAG_KEYS,
)
from s3portal.server.authority.policy_patterns import PolicyError, Values
from s3portal.server.authority.trust_policy import decide_on_role, read_trust_policy
from s3portal.server.gateway.call import Call
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.xml_documents import element, field, fields

DEFAULT_SESSION_S = 3600
# A role that assumes a role: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html#iam-term-role-chaining
CHAINED_SESSION_LIMIT_S = 3600
SESSION_NAME = re.compile(r"[A-Za-z0-9_+=,.@-]{2,64}")
ROLE_ARN = re.compile(r"arn:aws:iam::([0-9]{12}):role/(?:.*/)?([^/]+)")
_EXTERNAL_ID = re.compile(r"[A-Za-z0-9_+=,.@:/-]{2,1224}")
_SOURCE_IDENTITY_KEY = "aws:sourceidentity"
_PARAMETERS = {
    *("RoleArn", "RoleSessionName", "DurationSeconds", "Policy", "ExternalId", "SourceIdentity"),
}
_LISTS = ("Tags", "TransitiveTagKeys", "PolicyArns")


@dataclass(frozen=True)
class _Asked:
    """What a call says of the session that it wants."""

    role_arn: str
    name: str
    external_id: str | None
    source_identity: str
    inherited_identity: str
    tags: Mapping[str, str]
    inherited_tags: Mapping[str, str]
    transitive: tuple[str, ...]
    duration: Mapping[str, Values]

    @property
    def values(self) -> Mapping[str, Values]:
        """The condition keys of the request."""
        values: dict[str, Values] = {
            ROLE_SESSION_NAME: self.name,
            **self.duration,
            **request_tags(self.tags),
        }
        if self.external_id is not None:
            values[EXTERNAL_ID] = self.external_id
        if identity := self.source_identity or self.inherited_identity:
            values[SOURCE_IDENTITY] = identity
        if self.transitive:
            values[TRANSITIVE_TAG_KEYS] = list(self.transitive)
        return values


def assume_role(call: Call) -> str:
    """Grants a session of a role: what role and session policies both allow, for a while."""
    refuse_sessions(call, "AssumeRole")
    parameters, caller = Parameters(dict(call.request.query)), call.proof.caller
    refuse_unknown(parameters, _PARAMETERS, _LISTS)
    asked = _asked(parameters, caller)
    role = _allowed_role(call, asked)
    check_session_name(asked.name)
    narrowing = narrowing_of(call, parameters, role.account_id)
    limit_s = role.max_session_s if caller.role is None else min(role.max_session_s, CHAINED_SESSION_LIMIT_S)
    duration_s = duration_of(parameters, default_s=DEFAULT_SESSION_S, limit_s=limit_s)
    now = now_s(call)
    session = Session(
        access_key_id=new_access_key_id(),
        role=role.name,
        role_id=id_of_role(role),
        name=asked.name,
        policy=narrowing.policy,
        expires_at=now + duration_s,
        account_id=role.account_id,
        issued_at=now,
        tags=dict(asked.inherited_tags) | dict(asked.tags),
        ends_with=caller.ends_with,
        source_identity=asked.source_identity or asked.inherited_identity,
        transitive_tags=(*asked.inherited_tags, *asked.transitive),
        policy_arns=narrowing.policy_arns,
        provider=caller.provider,
    )
    return assumed(call, session, narrowing)


def assumed(call: Call, session: Session, narrowing: Narrowing) -> str:
    """Returns what is answered of a session of a role."""
    user = fields(
        ("AssumedRoleId", f"{session.role_id}:{session.name}"),
        ("Arn", session_arn(session.account_id, session.role, session.name)),
    )
    return (
        credentials_element(call, session)
        + element("AssumedRoleUser", user)
        + packed_size_field(narrowing)
        + field("SourceIdentity", session.source_identity or None)
    )


def check_session_name(name: str) -> None:
    if not SESSION_NAME.fullmatch(name):
        raise invalid(
            f"Value '{name}' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular "
            r"expression pattern: [\w+=,.@-]* and have a length from 2 to 64"
        )


def _asked(parameters: Parameters, caller: Caller) -> _Asked:
    tags = session_tags(parameters.given)
    inherited = {name: value for name, value in caller.tags.items() if name in caller.transitive_tags}
    repeated = {name.lower() for name in inherited} & {name.lower() for name in tags}
    if repeated:
        raise S3Error(
            "InvalidParameterValue",
            f"The tags {', '.join(sorted(repeated))} are transitive ones of the calling session and cannot "
            "be given again.",
        )
    return _Asked(
        role_arn=parameters.given.get("RoleArn", ""),
        name=parameters.given.get("RoleSessionName", ""),
        external_id=_external_id(parameters.given.get("ExternalId", "")),
        source_identity=_source_identity(parameters.given.get("SourceIdentity", ""), caller),
        inherited_identity=str(caller.session_keys.get(_SOURCE_IDENTITY_KEY, "")),
        tags=tags,
        inherited_tags=inherited,
        transitive=transitive_keys(parameters, tags),
        duration=duration_key(parameters, default_s=DEFAULT_SESSION_S),
    )


def _external_id(text: str) -> str | None:
    if text and not _EXTERNAL_ID.fullmatch(text):
        raise invalid(
            f"Value '{text}' at 'externalId' failed to satisfy constraint: Member must satisfy regular "
            r"expression pattern: [\w+=,.@:\/-]* and have a length from 2 to 1224"
        )
    return text or None


def _source_identity(text: str, caller: Caller) -> str:
    """Once set it stays: a session that has one hands it on and cannot take another."""
    if text and (not SESSION_NAME.fullmatch(text) or text.lower().startswith("aws")):
        raise invalid(
            f"Value '{text}' at 'sourceIdentity' failed to satisfy constraint: Member must satisfy regular "
            r"expression pattern: [\w+=,.@-]*, have a length from 2 to 64 and not begin with aws"
        )
    own = caller.session_keys.get(_SOURCE_IDENTITY_KEY)
    if text and own is not None and text != own:
        raise S3Error("AccessDenied", "The source identity of a session cannot be changed.")
    return text


def _allowed_role(call: Call, asked: _Asked) -> Role:
    """Returns the role, once it trusts the caller and the caller's own policies allow what is asked for. A
    role that does not exist is refused in the same words."""
    match = ROLE_ARN.fullmatch(asked.role_arn)
    directory = call.service.authenticator.directory
    role = directory.role_named(match[1], match[2]) if match else None
    if role is None or role.arn != asked.role_arn:
        decision = Decision(Answer.NOT_MENTIONED, "sts:AssumeRole", asked.role_arn, "a role that exists")
        raise denied(call, decision)
    actions = ["sts:AssumeRole"]
    if asked.tags:
        actions.append("sts:TagSession")
    if asked.source_identity or (asked.inherited_identity and role.trust_policy is not None):
        actions.append("sts:SetSourceIdentity")
    for action in actions:
        _require_on_role(call, action, role, asked)
    return role


def _require_on_role(call: Call, action: str, role: Role, asked: _Asked) -> None:
    values = dict(asked.values) | resource_tags(role.tags)
    if role.trust_policy is None:
        if not _is_trusted(role, call.proof.caller) or role.external_id not in (None, asked.external_id):
            name = f"the list of those whom role {role.name} trusts"
            raise denied(call, Decision(Answer.NOT_MENTIONED, action, role.arn, name))
        require(call, action, role.arn, values)
        return
    try:
        policy = read_trust_policy(role.trust_policy, role.name)
    except PolicyError as problem:
        # Another version of this server stored it: whom it keeps out cannot be told.
        name = f"the trust policy of role {role.name}, which cannot be read ({problem})"
        raise denied(call, Decision(Answer.DENIED, action, role.arn, name)) from problem
    context = context_of(call, action, values)
    decision = decide_on_role(call.proof.caller, policy, role.account_id, action, role.arn, context)
    if not decision.allowed:
        raise denied(call, decision)


def _is_trusted(role: Role, caller: Caller) -> bool:
    """Whether a role of the configuration file names a caller as one that may assume it."""
    if caller.account_id is None:
        return False
    name = caller.name if caller.role is None else f"role/{caller.role}"
    return caller.identity_arn in role.trusted or (
        name in role.trusted and caller.account_id == role.account_id
    )
