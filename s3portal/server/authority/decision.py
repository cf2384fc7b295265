"""The one decision: whether a caller may do something to a resource, and what decided it.

Pure. Source:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from s3portal.server.authority.callers import Caller
from s3portal.server.authority.policy import Policy, Statement


class Answer(Enum):
    """NOT_MENTIONED is no permission either; but another policy may still give it, where DENIED is final."""

    ALLOWED = "allowed"
    DENIED = "denied"
    NOT_MENTIONED = "not mentioned"


@dataclass(frozen=True)
class BucketFacts:
    """What a bucket itself has to do with a decision: the account that owns it."""

    name: str
    owner: str


@dataclass(frozen=True)
class Decision:
    """``policy`` is the one that decided: by its ``statement``, or by having none that allows it."""

    answer: Answer
    action: str
    resource: str
    policy: str | None = None
    statement: Statement | None = None

    @property
    def allowed(self) -> bool:
        return self.answer is Answer.ALLOWED

    def __str__(self) -> str:
        """The reason, as a sentence for people who ask why."""
        asked = f"{self.action} on {self.resource}"
        if self.statement is not None:
            return f"{asked} is {self.answer.value} by {self.statement} of {self.policy}"
        return f"{asked} is not allowed: no statement of {self.policy} allows it"


def decide(
    caller: Caller, action: str, resource: str, context: Mapping[str, str], bucket: BucketFacts | None
) -> Decision:
    """Returns whether the caller may do this.

    ``action`` is like ``s3:PutObject``, ``resource`` an ARN or ``*``, ``context`` has the condition keys of
    the request in lower case. ``bucket`` is the bucket concerned, None where there is none: what another
    account owns is not for this one's policies to give away.
    """

    def decision(answer: Answer, policy: str, statement: Statement | None = None) -> Decision:
        return Decision(answer, action, resource, policy, statement)

    for policy in (*caller.identity_policies, *caller.session_policies):
        if denying := policy.first(action, resource, context, allow=False):
            return decision(Answer.DENIED, policy.name, denying)
    if caller.is_anonymous:
        return decision(Answer.NOT_MENTIONED, "a policy for everybody")
    given = _first_allow(caller.identity_policies, action, resource, context)
    if given is None:
        return decision(Answer.NOT_MENTIONED, _names(caller.identity_policies))
    if caller.session_policies:
        narrowed = _first_allow(caller.session_policies, action, resource, context)
        if narrowed is None:
            return decision(Answer.NOT_MENTIONED, _names(caller.session_policies))
        given = narrowed
    if bucket is not None and bucket.owner != caller.account_id:
        return decision(Answer.NOT_MENTIONED, f"account {bucket.owner}, which owns {bucket.name},")
    policy, statement = given
    return decision(Answer.ALLOWED, policy.name, statement)


def _first_allow(
    policies: Sequence[Policy], action: str, resource: str, context: Mapping[str, str]
) -> tuple[Policy, Statement] | None:
    for policy in policies:
        if statement := policy.first(action, resource, context, allow=True):
            return policy, statement
    return None


def _names(policies: Sequence[Policy]) -> str:
    return " and ".join(policy.name for policy in policies) or "any policy"
