"""IAM policies: what a policy document says about an action on a resource.

Pure. What this server cannot evaluate is refused when the policy is read, never silently ignored. Source:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from s3portal.server.authority.policy_conditions import Condition, read_conditions
from s3portal.server.authority.policy_patterns import PolicyError, pattern, strings_of
from s3portal.server.wire.json_documents import parse_json

__all__ = ["ALLOW_ALL", "Policy", "PolicyError", "read_policy"]

CURRENT_VERSION = "2012-10-17"
_VERSIONS = (CURRENT_VERSION, "2008-10-17")
_STATEMENT_NAMES = {"Sid", "Effect", "Action", "Resource", "Condition"}
_ACTION = re.compile(r"\*|[A-Za-z0-9*?-]+:[A-Za-z0-9*?]+")


@dataclass(frozen=True)
class Statement:
    """``number`` counts from 1 in its policy; ``sid`` is the name it has there, '' for none."""

    number: int
    sid: str
    allow: bool
    actions: tuple[Callable[[str], bool], ...]
    resources: tuple[Callable[[str], bool], ...]
    conditions: tuple[Condition, ...]

    def applies(self, action: str, resource: str, context: Mapping[str, str]) -> bool:
        return (
            any(match(action) for match in self.actions)
            and any(match(resource) for match in self.resources)
            and all(condition.holds(context) for condition in self.conditions)
        )

    def __str__(self) -> str:
        return f"statement {self.number}" + (f" ({self.sid})" if self.sid else "")


@dataclass(frozen=True)
class Policy:
    """``name`` is what people are told of it: whose policy it is."""

    statements: tuple[Statement, ...]
    name: str = "a policy"

    def first(
        self, action: str, resource: str, context: Mapping[str, str], *, allow: bool
    ) -> Statement | None:
        """Returns the first statement that allows this, or denies it; None without one. ``action`` is like
        ``s3:PutObject``, ``resource`` an ARN."""
        for statement in self.statements:
            if statement.allow is allow and statement.applies(action, resource, context):
                return statement
        return None

    def allows(self, action: str, resource: str, context: Mapping[str, str]) -> bool:
        """Whether a statement allows this and none denies it."""
        return (
            self.first(action, resource, context, allow=False) is None
            and self.first(action, resource, context, allow=True) is not None
        )


def read_policy(document: str | Mapping[str, Any], name: str = "a policy") -> Policy:
    """Returns the policy of a JSON text or of a document parsed already.

    Raises PolicyError for what is not a policy, and for elements that this server does not evaluate
    (NotAction, NotResource, Principal, policy variables, other conditions).
    """
    if isinstance(document, str):
        try:
            document = parse_json(document)
        except ValueError as problem:
            raise PolicyError(f"not JSON: {problem}") from problem
    if not isinstance(document, Mapping):
        raise PolicyError("a policy must be a JSON object")
    unknown = set(document) - {"Version", "Id", "Statement"}
    if unknown:
        raise PolicyError(f"unknown elements: {', '.join(sorted(unknown))}")
    # Without a version it is the old language, in which ${...} has no meaning.
    version = document.get("Version", _VERSIONS[1])
    if version not in _VERSIONS:
        raise PolicyError(f"Version must be {CURRENT_VERSION}, not {version!r}")
    statements = document.get("Statement")
    if isinstance(statements, Mapping):
        statements = [statements]
    if not isinstance(statements, list) or not statements:
        raise PolicyError("Statement must be a list of at least one statement")
    escapes = version == CURRENT_VERSION
    read = (_read_statement(s, number, escapes=escapes) for number, s in enumerate(statements, 1))
    return Policy(tuple(read), name)


def _read_statement(statement: Any, number: int, *, escapes: bool) -> Statement:
    if not isinstance(statement, Mapping):
        raise PolicyError("a statement must be a JSON object")
    unknown = set(statement) - _STATEMENT_NAMES
    if unknown:
        raise PolicyError(f"this server does not evaluate {', '.join(sorted(unknown))}")
    if statement.get("Effect") not in ("Allow", "Deny"):
        raise PolicyError("Effect must be Allow or Deny")
    actions = strings_of(statement, "Action")
    for action in actions:
        if not _ACTION.fullmatch(action):
            raise PolicyError(f"not an action: {action!r}")
    return Statement(
        number=number,
        sid=str(statement.get("Sid", "")),
        allow=statement["Effect"] == "Allow",
        actions=tuple(pattern(action, escapes=False, ignore_case=True) for action in actions),
        resources=tuple(pattern(r, escapes=escapes) for r in _resources(statement)),
        conditions=tuple(read_conditions(statement.get("Condition", {}), escapes=escapes)),
    )


def _resources(statement: Mapping[str, Any]) -> Sequence[str]:
    resources = strings_of(statement, "Resource")
    for resource in resources:
        if resource != "*" and not resource.startswith("arn:"):
            raise PolicyError(f"a resource must be * or an ARN, not {resource!r}")
    return resources


ALLOW_ALL = read_policy(
    {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}, "the administrator's policy"
)
