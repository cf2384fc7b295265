"""May somebody do something, and which statement says so: asked of the server's own simulation.

Which statement decides is found by asking again with one statement at a time: an Allow that allows alone, or
a Deny that denies what everything else would allow.
Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

ALLOWED, DENIED, NOT_MENTIONED = "allowed", "explicitDeny", "implicitDeny"
ANONYMOUS = "anonymous"
_EVERYTHING: Mapping[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}
_NOTHING = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Deny", "Action": "iam:GetUser", "Resource": "arn:aws:iam::000000000000:user/-"}
    ],
}


@dataclass(frozen=True)
class NamedPolicy:
    """A policy of a user, a role, one of their groups, or a bucket. ``where`` is the page to change it on."""

    name: str
    document: Mapping[str, Any]
    where: str
    is_of_bucket: bool = False


@dataclass(frozen=True)
class Question:
    """``caller_arn`` is `ANONYMOUS` for somebody who has not signed in. ``context`` has condition keys;
    ``boundary`` is the caller's permissions boundary."""

    caller_arn: str
    action: str
    resource_arn: str
    policies: Sequence[NamedPolicy]
    bucket_policy: NamedPolicy | None
    context: Mapping[str, str] = field(default_factory=dict)
    boundary: NamedPolicy | None = None


@dataclass(frozen=True)
class Decision:
    """``answer`` is one of the three; ``policy`` and ``statement`` (its index) are what decided, None where
    no statement covers it. ``is_out_of_bounds`` where only the permissions boundary, which ``policy`` is
    then, does not allow it."""

    answer: str
    policy: NamedPolicy | None = None
    statement: int | None = None
    is_out_of_bounds: bool = False

    @property
    def is_allowed(self) -> bool:
        return self.answer == ALLOWED


def decide(iam: Any, question: Question) -> Decision:
    """Returns what the server would say, and why. Raises botocore's ClientError."""
    documents = [policy.document for policy in question.policies]
    answer = _ask(iam, question, documents, question.bucket_policy)
    unbounded = replace(question, boundary=None)
    if answer == NOT_MENTIONED:
        if question.boundary and _ask(iam, unbounded, documents, question.bucket_policy) == ALLOWED:
            return Decision(answer, question.boundary, is_out_of_bounds=True)
        return Decision(answer)
    for policy, index, statement in _statements(question):
        alone = {"Version": policy.document.get("Version", "2012-10-17"), "Statement": [statement]}
        own = None if policy.is_of_bucket else alone
        of_bucket = NamedPolicy(policy.name, alone, policy.where, True) if policy.is_of_bucket else None
        if statement.get("Effect") == "Allow" and answer == ALLOWED:
            found = _ask(iam, unbounded, [own] if own else [], of_bucket)
        elif statement.get("Effect") == "Deny" and answer == DENIED:
            found = _ask(iam, unbounded, [_EVERYTHING, *([own] if own else [])], of_bucket)
        else:
            continue
        if found == answer:
            return Decision(answer, policy, index)
    denied_at = _denied_by_boundary(iam, question) if answer == DENIED else None
    return Decision(answer, question.boundary if denied_at is not None else None, denied_at)


def _denied_by_boundary(iam: Any, question: Question) -> int | None:
    if question.boundary is None:
        return None
    for policy, index, statement in _statements_of(question.boundary):
        if statement.get("Effect") == "Deny":
            document = {**_EVERYTHING, "Statement": [*_EVERYTHING["Statement"], statement]}
            alone = replace(question, boundary=replace(policy, document=document))
            if _ask(iam, alone, [_EVERYTHING], None) == DENIED:
                return index
    return None


def _statements(question: Question) -> Iterator[tuple[NamedPolicy, int, Mapping[str, Any]]]:
    bucket = [question.bucket_policy] if question.bucket_policy else []
    for policy in (*question.policies, *bucket):
        yield from _statements_of(policy)


def _statements_of(policy: NamedPolicy) -> Iterator[tuple[NamedPolicy, int, Mapping[str, Any]]]:
    statements = policy.document.get("Statement", [])
    for index, statement in enumerate(statements if isinstance(statements, list) else [statements]):
        yield policy, index, statement


def _ask(
    iam: Any, question: Question, documents: Sequence[Mapping[str, Any]], of_bucket: NamedPolicy | None
) -> str:
    entries = [
        {"ContextKeyName": name, "ContextKeyValues": [value], "ContextKeyType": "string"}
        for name, value in question.context.items()
    ]
    answer = iam.simulate_custom_policy(
        PolicyInputList=[json.dumps(document) for document in documents] or [json.dumps(_NOTHING)],
        ActionNames=[question.action],
        ResourceArns=[question.resource_arn],
        CallerArn=question.caller_arn,
        ContextEntries=entries,
        **({"ResourcePolicy": json.dumps(of_bucket.document)} if of_bucket else {}),
        **(
            {"PermissionsBoundaryPolicyInputList": [json.dumps(question.boundary.document)]}
            if question.boundary
            else {}
        ),
    )
    decision: str = answer["EvaluationResults"][0]["EvalDecision"]
    return decision
