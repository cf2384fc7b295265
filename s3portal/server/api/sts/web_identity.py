"""AssumeRoleWithWebIdentity: a session for somebody whom a configured identity provider vouches for.

Nobody signs the request: the provider's token is the proof. Source:
https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
"""

from __future__ import annotations

from collections.abc import Mapping

from s3portal.server.access.directory import Role
from s3portal.server.access.session_callers import id_of_role
from s3portal.server.access.session_tokens import Session, new_access_key_id
from s3portal.server.access.web_identity import TOKEN_LIMIT, WebIdentity
from s3portal.server.api.caller_permissions import context_of
from s3portal.server.api.query_parameters import Parameters
from s3portal.server.api.sts.assuming import DEFAULT_SESSION_S, ROLE_ARN, assumed, check_session_name
from s3portal.server.api.sts.granted import duration_key, duration_of, narrowing_of, now_s, refuse_unknown
from s3portal.server.authority.decision import Answer, Decision
from s3portal.server.authority.denied import AccessDenied
from s3portal.server.authority.identity_keys import ROLE_SESSION_NAME
from s3portal.server.authority.policy_patterns import Context, PolicyError, Values
from s3portal.server.authority.trust_policy import read_trust_policy
from s3portal.server.gateway.call import Call
from s3portal.server.wire.xml_documents import fields

_ACTION = "sts:AssumeRoleWithWebIdentity"
_PARAMETERS = {"RoleArn", "RoleSessionName", "WebIdentityToken", "Policy", "DurationSeconds"}


def assume_role_with_web_identity(call: Call) -> str:
    """Grants a session of a role that the provider's settings map the person to, or whose trust policy names
    the provider."""
    parameters = Parameters(dict(call.request.query))
    refuse_unknown(parameters, _PARAMETERS, ("PolicyArns",))
    role_arn = parameters.required("RoleArn", most=2048, least=20)
    name = parameters.required("RoleSessionName", most=64, least=2)
    check_session_name(name)
    token = parameters.required("WebIdentityToken", most=TOKEN_LIMIT, least=4)
    identity = call.service.web_identities.open(token)
    values = {ROLE_SESSION_NAME: name, **duration_key(parameters, default_s=DEFAULT_SESSION_S)}
    role = _allowed_role(call, role_arn, identity, values)
    narrowing = narrowing_of(call, parameters, role.account_id)
    duration_s = duration_of(parameters, default_s=DEFAULT_SESSION_S, limit_s=role.max_session_s)
    now = now_s(call)
    session = Session(
        access_key_id=new_access_key_id(),
        role=role.name,
        role_id=id_of_role(role),
        name=name,
        policy=narrowing.policy,
        expires_at=now + duration_s,
        account_id=role.account_id,
        issued_at=now,
        policy_arns=narrowing.policy_arns,
        keys=dict(identity.keys),
        provider=identity.provider.arn,
    )
    return assumed(call, session, narrowing) + fields(
        ("SubjectFromWebIdentityToken", identity.subject),
        ("Audience", identity.audience),
        ("Provider", identity.provider.issuer),
    )


def _allowed_role(call: Call, role_arn: str, identity: WebIdentity, values: Mapping[str, Values]) -> Role:
    """A role that does not exist is refused in the same words as one that is closed."""
    match = ROLE_ARN.fullmatch(role_arn)
    directory = call.service.authenticator.directory
    role = directory.role_named(match[1], match[2]) if match else None
    if role is None or role.arn != role_arn:
        raise _denied(Decision(Answer.NOT_MENTIONED, _ACTION, role_arn, "a role that exists"))
    context = context_of(call, _ACTION, {**values, **identity.keys})
    decision = decision_on(role, identity, context)
    if not is_open_to(role, identity, decision):
        raise _denied(decision)
    return role


def is_open_to(role: Role, identity: WebIdentity, decision: Decision) -> bool:
    """Whether somebody may have a role, after the ``decision_on`` it: their provider's settings may give it,
    unless the role itself denies it."""
    provider = identity.provider
    is_mapped = role.account_id == provider.account_id and provider.maps(
        role.name, identity.subject, identity.groups
    )
    return decision.answer is not Answer.DENIED and (is_mapped or decision.allowed)


def decision_on(role: Role, identity: WebIdentity, context: Context) -> Decision:
    """Returns what the role itself says of the provider and the person. ``context`` has their keys, too."""
    if role.trust_policy is None:
        name = f"the role mappings of {identity.provider.issuer}"
        return Decision(Answer.NOT_MENTIONED, _ACTION, role.arn, name)
    try:
        policy = read_trust_policy(role.trust_policy, role.name)
    except PolicyError as problem:
        name = f"the trust policy of role {role.name}, which cannot be read ({problem})"
        return Decision(Answer.DENIED, _ACTION, role.arn, name)
    return policy.decide_on_provider(identity.provider.arn, _ACTION, role.arn, context)


def _denied(decision: Decision) -> AccessDenied:
    return AccessDenied(decision, f"Not authorized to perform {_ACTION}")
