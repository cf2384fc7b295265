"""Whether the caller of IAM or STS may do something, to whatever ARN it is done to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from s3portal.server.authority.decision import Decision, decide, no_object
from s3portal.server.authority.denied import AccessDenied
from s3portal.server.authority.identity_keys import IAM_RESOURCE_TAG, REQUEST_TAG, RESOURCE_TAG, TAG_KEYS
from s3portal.server.authority.policy_patterns import Values
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.request_context import RequestContext


def context_of(call: Call, action: str, values: Mapping[str, Values] | None = None) -> RequestContext:
    """Returns what policies are told of a call; ``values`` are those of condition keys in lower case."""
    given = replace(call.circumstances(None), values=values or {})
    return RequestContext(given, action, None, no_object)


def require(call: Call, action: str, resource: str, values: Mapping[str, Values] | None = None) -> None:
    """Raises AccessDenied unless the caller's own policies allow an action."""
    decision = decide(call.proof.caller, action, resource, context_of(call, action, values), None)
    if not decision.allowed:
        raise denied(call, decision)


def denied(call: Call, decision: Decision) -> AccessDenied:
    """Returns the refusal in the words of AWS; why is kept for those who run the server."""
    return AccessDenied(
        decision,
        f"User: {call.proof.caller.arn} is not authorized to perform: {decision.action} on resource: "
        f"{decision.resource}",
    )


def resource_tags(tags: Mapping[str, str]) -> dict[str, Values]:
    """Returns the condition keys that the tags of what something is done to are."""
    return {
        f"{prefix}{name.lower()}": value
        for prefix in (RESOURCE_TAG, IAM_RESOURCE_TAG)
        for name, value in tags.items()
    }


def request_tags(tags: Mapping[str, str]) -> dict[str, Values]:
    """Returns the condition keys that the tags of a request are."""
    if not tags:
        return {}
    keys: dict[str, Values] = {f"{REQUEST_TAG}{name.lower()}": value for name, value in tags.items()}
    return keys | {TAG_KEYS: list(tags)}
