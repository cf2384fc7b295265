"""GetSessionToken and GetFederationToken: temporary credentials that a user asks for with a long-lived key.

They end with the user, and with that key. Sources:
https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html and
https://docs.aws.amazon.com/STS/latest/APIReference/API_GetFederationToken.html
"""

from __future__ import annotations

from dataclasses import replace

from s3portal.server.access.session_tokens import Session, new_access_key_id
from s3portal.server.api.caller_permissions import context_of, denied, request_tags, require
from s3portal.server.api.query_parameters import Parameters
from s3portal.server.api.sts.callers import refuse_sessions
from s3portal.server.api.sts.granted import (
    credentials_element,
    duration_key,
    duration_of,
    narrowing_of,
    now_s,
    packed_size_field,
    refuse_unknown,
)
from s3portal.server.api.sts.session_tags import session_tags
from s3portal.server.authority.arns import federated_user_arn
from s3portal.server.authority.callers import SessionKind
from s3portal.server.authority.decision import Answer, decide
from s3portal.server.gateway.call import Call
from s3portal.server.wire.xml_documents import element, fields

DEFAULT_S, LIMIT_S = 43_200, 129_600
ROOT_LIMIT_S = 3600
_NAME = r"[A-Za-z0-9_+=,.@-]+"


def get_session_token(call: Call) -> str:
    """Needs no permission, as on AWS; a Deny counts all the same."""
    refuse_sessions(call, "GetSessionToken")
    parameters = Parameters(dict(call.request.query))
    refuse_unknown(parameters, {"DurationSeconds"})
    action, caller = "sts:GetSessionToken", call.proof.caller
    values = duration_key(parameters, default_s=DEFAULT_S)
    decision = decide(caller, action, "*", context_of(call, action, values), None)
    if decision.answer is Answer.DENIED:
        raise denied(call, decision)
    return credentials_element(call, _session(call, parameters, SessionKind.OWN))


def get_federation_token(call: Call) -> str:
    """What the user may do and the policies of the call allow, both; without any, only what the policy of a
    bucket gives to the federated user by its ARN."""
    refuse_sessions(call, "GetFederationToken")
    parameters = Parameters(dict(call.request.query))
    refuse_unknown(parameters, {"Name", "DurationSeconds", "Policy"}, ("Tags", "PolicyArns"))
    name = parameters.required("Name", _NAME, most=32, least=2)
    tags, arn = session_tags(parameters.given), federated_user_arn(call.account_id, name)
    values = {**request_tags(tags), **duration_key(parameters, default_s=DEFAULT_S)}
    require(call, "sts:GetFederationToken", arn, values)
    if tags:
        require(call, "sts:TagSession", arn, request_tags(tags))
    narrowing = narrowing_of(call, parameters, call.account_id)
    session = replace(
        _session(call, parameters, SessionKind.FEDERATED),
        name=name,
        tags=tags,
        policy=narrowing.policy,
        policy_arns=narrowing.policy_arns,
    )
    user = fields(("FederatedUserId", f"{call.account_id}:{name}"), ("Arn", arn))
    return credentials_element(call, session) + element("FederatedUser", user) + packed_size_field(narrowing)


def _session(call: Call, parameters: Parameters, kind: SessionKind) -> Session:
    caller = call.proof.caller
    limit_s = ROOT_LIMIT_S if caller.is_root else LIMIT_S
    now = now_s(call)
    return Session(
        access_key_id=new_access_key_id(),
        role="",
        role_id="",
        name=caller.name,
        policy="",
        expires_at=now + duration_of(parameters, default_s=DEFAULT_S, limit_s=limit_s),
        account_id=call.account_id,
        issued_at=now,
        kind=kind.value,
        ends_with=caller.ends_with,
        parent_key_id=caller.access_key_id,
    )
