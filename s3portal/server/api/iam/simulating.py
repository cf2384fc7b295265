"""SimulatePrincipalPolicy and SimulateCustomPolicy: what ``decide`` would say, and why.

Source: https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from s3portal.server.api.caller_permissions import require, resource_tags
from s3portal.server.api.iam.answers import members, page, texts
from s3portal.server.api.iam.asked import ARN_LIMIT, parameters_of
from s3portal.server.api.iam.row import row
from s3portal.server.api.query_parameters import Parameters
from s3portal.server.authority.bucket_policy import read_bucket_policy
from s3portal.server.authority.callers import ANONYMOUS, Caller
from s3portal.server.authority.condition_keys import PRINCIPAL_TAG, is_known_key
from s3portal.server.authority.decision import Answer, decide
from s3portal.server.authority.facts import BucketFacts
from s3portal.server.authority.policy import Policy, PolicyError, read_policy
from s3portal.server.authority.policy_patterns import Values
from s3portal.server.bucket_settings import policy as policy_setting
from s3portal.server.gateway.call import Call
from s3portal.server.iam.records import Identity, Kind
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.xml_documents import element, fields

ACTIONS_LIMIT, RESOURCES_LIMIT, POLICIES_LIMIT = 128, 1000, 100
_QUESTIONS_LIMIT = 5000
#: The CallerArn of somebody without a signature.
NOBODY = "anonymous"
_ACTION = re.compile(r"[A-Za-z0-9-]+:[A-Za-z0-9]+")
_SOURCE_ARN = re.compile(r"arn:aws:iam::([0-9]{12}):(user|group|role)/(?:.*/)?([^/]+)")
_BUCKET_ARN = re.compile(r"arn:aws:s3:::([^/*]+)")
_ANSWERS = {
    Answer.ALLOWED: "allowed",
    Answer.DENIED: "explicitDeny",
    Answer.NOT_MENTIONED: "implicitDeny",
}


@dataclass
class _Context:
    """The condition keys that the simulation is given; ``missing`` are those that policies asked for."""

    values: dict[str, Values]
    missing: set[str] = field(default_factory=set)

    def get(self, key: str, /) -> Values | None:
        found = self.values.get(key)
        if found is None:
            self.missing.add(key)
        return found


def _simulate_custom(call: Call) -> str:
    parameters = parameters_of(call)
    require(call, "iam:SimulateCustomPolicy", "*")
    policies = _policies(parameters, "PolicyInputList")
    if not policies:
        raise S3Error("ValidationError", "PolicyInputList must have at least one policy")
    arn = parameters.text("CallerArn", most=ARN_LIMIT) or f"arn:aws:iam::{call.account_id}:user/simulated"
    caller = Caller("simulated", arn, "simulated", call.account_id, policies, boundary=_boundary(parameters))
    if arn == NOBODY:
        # Not AWS's own: what a resource policy says of those who have not signed in.
        caller = ANONYMOUS
    return _results(call, parameters, caller)


def _simulate_principal(call: Call) -> str:
    parameters, people = parameters_of(call), call.service.people
    identity = _source(call, parameters)
    policies = (*people.policies_of(identity), *_policies(parameters, "PolicyInputList"))
    # A boundary of the call takes the place of the identity's own.
    boundary = _boundary(parameters) or people.boundary_of(identity)
    caller = Caller(
        identity.name,
        parameters.text("CallerArn", most=ARN_LIMIT) or identity.arn,
        identity.identity_id,
        identity.account_id,
        policies,
        tags=identity.tags,
        boundary=boundary,
    )
    return _results(call, parameters, caller)


def _source(call: Call, parameters: Parameters) -> Identity:
    """Returns whose policies are asked about, once the caller may ask. Raises NoSuchEntity, InvalidInput."""
    arn = parameters.required("PolicySourceArn", most=ARN_LIMIT, least=20)
    match = _SOURCE_ARN.fullmatch(arn)
    if match is None:
        raise S3Error(
            "InvalidInput", f"Invalid Entity Arn: {arn} does not clearly define entity type and name."
        )
    found = None
    if match[1] == call.account_id:
        found = call.service.people.find(Kind(match[2]), match[1], match[3])
    require(call, "iam:SimulatePrincipalPolicy", arn, resource_tags(found.tags) if found else None)
    if found is None or found.arn != arn:
        raise S3Error("NoSuchEntity", f"The entity {arn} cannot be found.")
    return found


def _policies(parameters: Parameters, name: str) -> tuple[Policy, ...]:
    texts_given = parameters.members(name)
    if len(texts_given) > POLICIES_LIMIT:
        raise S3Error("ValidationError", f"{name} can have {POLICIES_LIMIT} policies at most")
    try:
        return tuple(read_policy(text, f"{name}.{number}") for number, text in enumerate(texts_given, 1))
    except PolicyError as problem:
        raise S3Error("InvalidInput", f"{name}: {problem}") from problem


def _boundary(parameters: Parameters) -> Policy | None:
    found = _policies(parameters, "PermissionsBoundaryPolicyInputList")
    return found[0] if found else None


def _results(call: Call, parameters: Parameters, caller: Caller) -> str:
    actions = parameters.members("ActionNames")
    resources = parameters.members("ResourceArns") or ["*"]
    if not actions or len(actions) > ACTIONS_LIMIT or len(resources) > RESOURCES_LIMIT:
        raise S3Error(
            "ValidationError",
            f"There must be 1 to {ACTIONS_LIMIT} ActionNames and at most {RESOURCES_LIMIT} ResourceArns",
        )
    unknown = next((action for action in actions if not _ACTION.fullmatch(action)), None)
    if unknown is not None:
        raise S3Error("InvalidInput", f"Invalid action: {unknown}")
    asked = [(action, resource) for action in actions for resource in resources]
    if len(asked) > _QUESTIONS_LIMIT:
        raise S3Error("ValidationError", f"A simulation can ask {_QUESTIONS_LIMIT} questions at most")
    numbered = [(f"{number:06}", pair) for number, pair in enumerate(asked)]
    shown, more = page(parameters, numbered, lambda one: one[0])
    values = _keys_of_caller(call, caller) | _context_values(parameters)
    answers = (
        _result(parameters, caller, action, resource, _Context(dict(values)))
        for _, (action, resource) in shown
    )
    return members("EvaluationResults", answers) + more


def _result(parameters: Parameters, caller: Caller, action: str, resource: str, context: _Context) -> str:
    decision = decide(caller, action, resource, context, _bucket(parameters, caller, resource))
    matched = ""
    if decision.statement is not None:
        matched = fields(("SourcePolicyId", decision.policy), ("SourcePolicyType", "IAM Policy"))
    bounded = ""
    if caller.boundary is not None:
        within = caller.boundary.allows(action, resource, context)
        bounded = element(
            "PermissionsBoundaryDecisionDetail", fields(("AllowedByPermissionsBoundary", within))
        )
    return (
        fields(
            ("EvalActionName", action),
            ("EvalResourceName", resource),
            ("EvalDecision", _ANSWERS[decision.answer]),
        )
        + members("MatchedStatements", (matched,) if matched else ())
        + texts("MissingContextValues", sorted(context.missing))
        + bounded
    )


def _bucket(parameters: Parameters, caller: Caller, resource: str) -> BucketFacts | None:
    """Returns the bucket that a resource is in, with the policy that the call gives to it. Raises
    InvalidInput."""
    text = parameters.text("ResourcePolicy", most=131_072)
    match = _BUCKET_ARN.match(resource)
    if match is None:
        return None
    owner = parameters.text("ResourceOwner", r"(?:arn:aws:iam::)?[0-9]{12}(?::.*)?", most=ARN_LIMIT)
    account_id = re.sub(r"\D", "", owner or "")[:12] or caller.account_id or ""
    if text is not None:
        try:
            read_bucket_policy(text, match[1])
        except PolicyError as problem:
            raise S3Error("InvalidInput", f"ResourcePolicy: {problem}") from problem
    return BucketFacts(match[1], account_id, {policy_setting.KIND: text} if text else {})


def _keys_of_caller(call: Call, caller: Caller) -> dict[str, Values]:
    """Returns the condition keys that follow from who is asked about, and when."""
    now = call.service.authenticator.now()
    match = _SOURCE_ARN.fullmatch(caller.arn)
    keys: dict[str, Values] = {
        "aws:currenttime": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "aws:epochtime": str(int(now.timestamp())),
        "aws:principalaccount": caller.account_id or "",
        "aws:principalarn": caller.arn,
        "aws:userid": caller.user_id,
    }
    if match is not None and match[2] != Kind.GROUP.value:
        is_user = match[2] == Kind.USER.value
        keys["aws:principaltype"] = "User" if is_user else "AssumedRole"
        if is_user:
            keys["aws:username"] = match[3]
    return keys | {f"{PRINCIPAL_TAG}{name.lower()}": value for name, value in caller.tags.items()}


def _context_values(parameters: Parameters) -> dict[str, Values]:
    values: dict[str, Values] = {}
    for entry in parameters.structures("ContextEntries"):
        key = entry.required("ContextKeyName", most=256)
        if not is_known_key(key):
            raise S3Error("InvalidInput", f"This server does not know the condition key {key}")
        given: Sequence[str] = entry.members("ContextKeyValues")
        values[key.lower()] = given[0] if len(given) == 1 else list(given)
    return values


OPERATIONS = (
    row("SimulateCustomPolicy", _simulate_custom),
    row("SimulatePrincipalPolicy", _simulate_principal),
)
