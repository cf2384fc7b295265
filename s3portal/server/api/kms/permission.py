"""Whether a caller may use the key management, by the key's policy and the caller's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from s3portal.server.authority.condition_keys import (
    KMS_CALLER_ACCOUNT,
    KMS_CONTEXT,
    KMS_CONTEXT_KEYS,
    KMS_VIA_SERVICE,
)
from s3portal.server.authority.decision import Answer, Decision, decide, no_object
from s3portal.server.authority.key_policy import decide_on_key
from s3portal.server.authority.policy_patterns import Context, Values
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.request_context import RequestContext
from s3portal.server.kms.key_records import AWS, Key


@dataclass(frozen=True)
class _KeyContext:
    """The condition keys of a request to the key management, besides those of every request."""

    request: Context
    own: Mapping[str, Values] = field(default_factory=dict)

    def get(self, key: str, /) -> Values | None:
        return self.own[key] if key in self.own else self.request.get(key)


def decide_on(
    call: Call, action: str, key: Key, context: Mapping[str, str], *, via_service: str | None = None
) -> Decision:
    """Returns whether the caller may do ``action`` with a key. ``context`` is the encryption context;
    ``via_service`` names the service that asks for the caller."""
    caller = call.proof.caller
    circumstances = _context(call, action, context, via_service)
    if key.manager == AWS and via_service is not None and caller.account_id == key.account_id:
        # https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html#aws-managed-cmk: whoever in the
        # account may use the service, may use its key. A Deny is final here, too.
        own = decide(caller, action, key.arn, circumstances, None)
        if own.answer is Answer.DENIED:
            return own
        return Decision(Answer.ALLOWED, action, key.arn, "the policy of the key alias/aws/s3")
    return decide_on_key(caller, action, key.arn, key.account_id, key.policy, circumstances)


def decide_without_key(call: Call, action: str, resource: str = "*") -> Decision:
    """Returns whether the caller's own policies allow what no key is concerned with."""
    return decide(call.proof.caller, action, resource, _context(call, action, {}, None), None)


def _context(
    call: Call, action: str, encryption_context: Mapping[str, str], via_service: str | None
) -> _KeyContext:
    own: dict[str, Values] = {
        f"{KMS_CONTEXT}{name.lower()}": value for name, value in encryption_context.items()
    }
    if encryption_context:
        own[KMS_CONTEXT_KEYS] = list(encryption_context)
    if via_service:
        own[KMS_VIA_SERVICE] = via_service
    if call.proof.caller.account_id:
        own[KMS_CALLER_ACCOUNT] = call.proof.caller.account_id
    return _KeyContext(RequestContext(call.circumstances(None), action, None, no_object), own)
