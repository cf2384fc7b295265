"""IAM policies: what a policy document says about an action on a resource.

Pure. What this server cannot evaluate is refused when the policy is read, never silently ignored. Source:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

CURRENT_VERSION = "2012-10-17"
_VERSIONS = (CURRENT_VERSION, "2008-10-17")
_STATEMENT_NAMES = {"Sid", "Effect", "Action", "Resource", "Condition"}
# The only context the S3 part of this server gives; ListBucket's prefix is what policies limit by it.
CONDITION_KEYS = ("s3:prefix", "s3:delimiter")
_ACTION = re.compile(r"\*|[A-Za-z0-9*?-]+:[A-Za-z0-9*?]+")


class PolicyError(ValueError):
    """The document is not a policy that this server can enforce; the message says where and why."""


@dataclass(frozen=True)
class Condition:
    """One comparison: true when the context's value is (or, negated, is not) like one of the patterns."""

    key: str
    negated: bool
    matches: tuple[Callable[[str], bool], ...]

    def holds(self, context: Mapping[str, str]) -> bool:
        value = context.get(self.key)
        if value is None:
            # A missing key fails a positive comparison and passes a negated one, as in IAM.
            return self.negated
        return any(match(value) for match in self.matches) != self.negated


@dataclass(frozen=True)
class Statement:
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


@dataclass(frozen=True)
class Policy:
    statements: tuple[Statement, ...]

    def allows(self, action: str, resource: str, context: Mapping[str, str]) -> bool:
        """Whether a statement allows this and none denies it. ``action`` is like ``s3:PutObject``,
        ``resource`` an ARN."""
        applying = [s.allow for s in self.statements if s.applies(action, resource, context)]
        return bool(applying) and all(applying)


def read_policy(document: str | Mapping[str, Any]) -> Policy:
    """Returns the policy of a JSON text or of a document parsed already.

    Raises PolicyError for what is not a policy, and for elements that this server does not evaluate
    (NotAction, NotResource, Principal, policy variables, other conditions).
    """
    if isinstance(document, str):
        try:
            document = json.loads(document)
        except ValueError as problem:
            raise PolicyError(f"not JSON: {problem}") from problem
    if not isinstance(document, Mapping):
        raise PolicyError("a policy is a JSON object")
    unknown = set(document) - {"Version", "Id", "Statement"}
    if unknown:
        raise PolicyError(f"unknown elements: {', '.join(sorted(unknown))}")
    # Without a version it is the old language, in which ${...} has no meaning.
    version = document.get("Version", _VERSIONS[1])
    if version not in _VERSIONS:
        raise PolicyError(f"Version is {CURRENT_VERSION}, not {version!r}")
    statements = document.get("Statement")
    if isinstance(statements, Mapping):
        statements = [statements]
    if not isinstance(statements, list) or not statements:
        raise PolicyError("Statement is a list of at least one statement")
    return Policy(tuple(_read_statement(s, escapes=version == CURRENT_VERSION) for s in statements))


def _read_statement(statement: Any, *, escapes: bool) -> Statement:
    if not isinstance(statement, Mapping):
        raise PolicyError("a statement is a JSON object")
    unknown = set(statement) - _STATEMENT_NAMES
    if unknown:
        raise PolicyError(f"this server does not evaluate {', '.join(sorted(unknown))}")
    if statement.get("Effect") not in ("Allow", "Deny"):
        raise PolicyError("Effect is Allow or Deny")
    actions = _strings(statement, "Action")
    for action in actions:
        if not _ACTION.fullmatch(action):
            raise PolicyError(f"not an action: {action!r}")
    return Statement(
        allow=statement["Effect"] == "Allow",
        actions=tuple(_pattern(action, escapes=False, ignore_case=True) for action in actions),
        resources=tuple(_pattern(r, escapes=escapes) for r in _resources(statement)),
        conditions=tuple(_read_conditions(statement.get("Condition", {}), escapes=escapes)),
    )


def _resources(statement: Mapping[str, Any]) -> Sequence[str]:
    resources = _strings(statement, "Resource")
    for resource in resources:
        if resource != "*" and not resource.startswith("arn:"):
            raise PolicyError(f"a resource is * or an ARN, not {resource!r}")
    return resources


def _strings(parent: Mapping[str, Any], name: str) -> Sequence[str]:
    values = parent.get(name)
    values = [values] if isinstance(values, str) else values
    if not isinstance(values, list) or not values or not all(isinstance(v, str) for v in values):
        raise PolicyError(f"{name} is a string or a list of strings")
    return values


def _read_conditions(conditions: Any, *, escapes: bool) -> list[Condition]:
    if not isinstance(conditions, Mapping):
        raise PolicyError("Condition is a JSON object")
    read = []
    for operator, comparisons in conditions.items():
        kind = re.fullmatch(r"String(Not)?(Equals|Like)", operator)
        if kind is None or not isinstance(comparisons, Mapping):
            raise PolicyError(f"this server does not evaluate the condition {operator!r}")
        for key in comparisons:
            # Condition keys are compared without case, values with it.
            if key.lower() not in CONDITION_KEYS:
                raise PolicyError(f"this server does not evaluate the condition key {key!r}")
            values = _strings(comparisons, key)
            matches = tuple(_pattern(v, escapes=escapes, wildcards=kind[2] == "Like") for v in values)
            read.append(Condition(key.lower(), kind[1] is not None, matches))
    return read


@lru_cache(maxsize=4096)
def _pattern(
    text: str, *, escapes: bool, ignore_case: bool = False, wildcards: bool = True
) -> Callable[[str], bool]:
    """Returns a test for a pattern with ``*`` and ``?``, and with the escapes ``${*}``, ``${?}``, ``${$}``.

    Raises PolicyError for other ``${…}``: a policy variable.
    """
    segments = [""]
    for symbol in re.findall(r"\$\{[^}]*\}|." if escapes else ".", text, re.DOTALL):
        if symbol.startswith("${"):
            if symbol not in ("${*}", "${?}", "${$}"):
                raise PolicyError(f"this server knows no policy variable {symbol}")
            segments[-1] += re.escape(symbol[2])
        elif wildcards and symbol == "*":
            segments.append("")
        else:
            segments[-1] += "." if wildcards and symbol == "?" else re.escape(symbol)
    flags = re.DOTALL | (re.IGNORECASE if ignore_case else 0)
    compiled = [re.compile(segment, flags) for segment in segments]
    lengths = [len(re.sub(r"\\(.)", r"\1", segment, flags=re.DOTALL)) for segment in segments]

    def matches(value: str) -> bool:
        # Segment by segment, each at its first place: one expression with .* for every * would let a
        # policy of many * and a long key keep the server busy for hours.
        if len(segments) == 1:
            return compiled[0].fullmatch(value) is not None
        end = len(value) - lengths[-1]
        if end < lengths[0] or not compiled[0].match(value) or not compiled[-1].match(value, end):
            return False
        position = lengths[0]
        for segment, length in zip(compiled[1:-1], lengths[1:-1], strict=True):
            found = segment.search(value, position)
            if found is None or found.start() + length > end:
                return False
            position = found.end()
        return True

    return matches


ALLOW_ALL = read_policy({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}})
