"""Policies: what a document says about a caller's action on a resource.

Pure. What this server cannot evaluate is refused when the policy is read, never silently ignored. Source:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Protocol, TypeVar

from s3portal.server.authority.policy_conditions import Condition, NullCondition, read_conditions
from s3portal.server.authority.policy_patterns import (
    Context,
    PolicyError,
    TextTest,
    pattern,
    strings_of,
    text_test,
)
from s3portal.server.wire.json_documents import parse_json

__all__ = ["ALLOW_ALL", "NOTHING", "Policy", "PolicyError", "Statement", "read_policy", "read_policy_text"]

CURRENT_VERSION = "2012-10-17"
VERSIONS = (CURRENT_VERSION, "2008-10-17")
_ELEMENTS = {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"}
_ACTION = re.compile(r"\*|[A-Za-z0-9*?-]+:[A-Za-z0-9*?]+")

ReadT = TypeVar("ReadT")
ReadT_co = TypeVar("ReadT_co", covariant=True)


class _Reader(Protocol[ReadT_co]):
    def __call__(self, statement: Any, number: int, /, *, variables: bool) -> ReadT_co: ...


@dataclass(frozen=True)
class Statement:
    """``number`` counts from 1 in its policy; ``sid`` is the name it has there, '' for none.

    ``actions_are_excepted`` says that it is about all actions but these (NotAction), as
    ``resources_are_excepted`` does of resources.
    """

    number: int
    sid: str
    allow: bool
    actions: tuple[Callable[[str], bool], ...]
    resources: tuple[TextTest, ...]
    conditions: tuple[Condition | NullCondition, ...]
    actions_are_excepted: bool = False
    resources_are_excepted: bool = False

    def applies(self, action: str, resource: str, context: Context) -> bool:
        return (
            any(match(action) for match in self.actions) != self.actions_are_excepted
            and any(match(resource, context) for match in self.resources) != self.resources_are_excepted
            and all(condition.holds(context) for condition in self.conditions)
        )

    def __str__(self) -> str:
        return f"statement {self.number}" + (f" ({self.sid})" if self.sid else "")


@dataclass(frozen=True)
class Policy:
    """``name`` is what people are told of it: whose policy it is. ``text`` is the document, '' where it is
    not known."""

    statements: tuple[Statement, ...]
    name: str = "a policy"
    text: str = field(default="", compare=False, repr=False)

    def first(self, action: str, resource: str, context: Context, *, allow: bool) -> Statement | None:
        """Returns the first statement that allows this, or denies it; None without one. ``action`` is like
        ``s3:PutObject``, ``resource`` an ARN."""
        for statement in self.statements:
            if statement.allow is allow and statement.applies(action, resource, context):
                return statement
        return None

    def allows(self, action: str, resource: str, context: Context) -> bool:
        """Whether a statement allows this and none denies it."""
        return (
            self.first(action, resource, context, allow=False) is None
            and self.first(action, resource, context, allow=True) is not None
        )


def read_policy(document: str | Mapping[str, Any], name: str = "a policy", *, strict: bool = False) -> Policy:
    """Returns the policy of a user, a role or a session: of a JSON text or of a document parsed already.

    ``strict`` also refuses what AWS refuses and this server took from the beginning: a Sid that comes twice.
    Raises PolicyError, with the number of the statement, for what is not a policy, and for what this server
    cannot evaluate.
    """
    statements, version = statements_of(document)
    if strict:
        refuse_repeated_sids(statements)
    read = read_each(statements, version, read_statement)
    return Policy(read, name, document if isinstance(document, str) else json.dumps(document))


@lru_cache(maxsize=1024)
def read_policy_text(text: str, name: str) -> Policy:
    """Returns the policy of a JSON text, read once for all requests that need it. Raises PolicyError."""
    return read_policy(text, name)


def statements_of(document: str | Mapping[str, Any]) -> tuple[list[Any], str]:
    """Returns the statements of a policy document, unread, and its version. Raises PolicyError."""
    if isinstance(document, str):
        try:
            document = parse_json(document)
        except (ValueError, RecursionError) as problem:
            raise PolicyError(f"not JSON: {problem}") from problem
    if not isinstance(document, Mapping):
        raise PolicyError("a policy must be a JSON object")
    unknown = set(document) - {"Version", "Id", "Statement"}
    if unknown:
        raise PolicyError(f"unknown elements: {', '.join(sorted(unknown))}")
    # Without a version it is the old language, in which ${...} has no meaning.
    version = document.get("Version", VERSIONS[1])
    if version not in VERSIONS:
        raise PolicyError(f"Version must be {CURRENT_VERSION}, not {version!r}")
    if not isinstance(document.get("Id", ""), str):
        raise PolicyError("Id must be a string")
    statements = document.get("Statement")
    if isinstance(statements, Mapping):
        statements = [statements]
    if not isinstance(statements, list) or not statements:
        raise PolicyError("Statement must be a list of at least one statement")
    return statements, str(version)


def read_each(statements: Sequence[Any], version: str, read: _Reader[ReadT]) -> tuple[ReadT, ...]:
    """Returns what ``read`` makes of each statement of a policy of this version.

    Raises PolicyError, with the number of the statement, where ``read`` raises it.
    """
    found = []
    for number, statement in enumerate(statements, 1):
        try:
            found.append(read(statement, number, variables=version == CURRENT_VERSION))
        except PolicyError as problem:
            raise PolicyError(f"statement {number}: {problem}") from problem
    return tuple(found)


def refuse_repeated_sids(statements: Sequence[Any]) -> None:
    sids = [s["Sid"] for s in statements if isinstance(s, Mapping) and isinstance(s.get("Sid"), str)]
    repeated = sorted({sid for sid in sids if sid and sids.count(sid) > 1})
    if repeated:
        raise PolicyError(f"the Sid {repeated[0]!r} is given to more than one statement")


def read_statement(statement: Any, number: int, *, variables: bool) -> Statement:
    """Returns one statement of the policy of an identity, which has no principal. Raises PolicyError."""
    if not isinstance(statement, Mapping):
        raise PolicyError("a statement must be a JSON object")
    principals = {"Principal", "NotPrincipal"} & set(statement)
    if principals:
        raise PolicyError(f"only the policy of a bucket has {', '.join(principals)}")
    unknown = set(statement) - _ELEMENTS
    if unknown:
        raise PolicyError(f"this server does not evaluate {', '.join(sorted(unknown))}")
    if statement.get("Effect") not in ("Allow", "Deny"):
        raise PolicyError("Effect must be Allow or Deny")
    sid = statement.get("Sid", "")
    if isinstance(sid, (Mapping, list)):
        raise PolicyError("Sid must be a string")
    action_element = one_of(statement, "Action")
    resource_element = one_of(statement, "Resource")
    return Statement(
        number=number,
        sid=str(sid),
        allow=statement["Effect"] == "Allow",
        actions=tuple(_action_test(action) for action in strings_of(statement, action_element)),
        resources=tuple(
            _resource_test(resource, variables=variables)
            for resource in strings_of(statement, resource_element)
        ),
        conditions=tuple(read_conditions(statement.get("Condition", {}), variables=variables)),
        actions_are_excepted=action_element == "NotAction",
        resources_are_excepted=resource_element == "NotResource",
    )


def one_of(statement: Mapping[str, Any], name: str) -> str:
    """Returns ``name`` or its opposite, like NotAction: the one that a statement has. Raises PolicyError."""
    given = [element for element in (name, f"Not{name}") if element in statement]
    if len(given) != 1:
        raise PolicyError(f"there must be either {name} or Not{name}")
    return given[0]


def _action_test(action: str) -> Callable[[str], bool]:
    if not _ACTION.fullmatch(action):
        raise PolicyError(f"not an action: {action!r}")
    return pattern(action, escapes=False, ignore_case=True)


def _resource_test(resource: str, *, variables: bool) -> TextTest:
    if resource != "*" and not resource.startswith("arn:"):
        raise PolicyError(f"a resource must be * or an ARN, not {resource!r}")
    return text_test(resource, variables=variables)


#: Allows nothing, and denies nothing either.
NOTHING = Policy((), "no policy")
ALLOW_ALL = read_policy(
    {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}, "the administrator's policy"
)
