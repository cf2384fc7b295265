"""The conditions of a policy: operators, their qualifiers, and what a request without the key means.

Pure. Sources: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
and https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from s3portal.server.authority.condition_keys import is_known_key
from s3portal.server.authority.condition_operators import (
    boolean_of,
    comparison,
    is_negated,
    is_operator,
)
from s3portal.server.authority.policy_patterns import Context, PolicyError, TextTest

FOR_ANY, FOR_ALL = "ForAnyValue", "ForAllValues"
_OPERATOR = re.compile(rf"(?:({FOR_ANY}|{FOR_ALL}):)?([A-Za-z]+?)(IfExists)?")


@dataclass(frozen=True)
class Condition:
    """One comparison of a request's values of ``key``, which is in lower case, with those that are wanted.

    ``qualifier`` is FOR_ANY, FOR_ALL or None. A ``negated`` one holds for a value that is like none of
    those wanted; ``if_exists`` holds where the request does not have the key.
    """

    key: str
    tests: tuple[TextTest, ...]
    negated: bool
    if_exists: bool
    qualifier: str | None

    def holds(self, context: Context) -> bool:
        values = values_of(context, self.key)
        if self.qualifier:
            # "A null data set, such as an empty string", is like no value at all.
            values = [value for value in values if value]
        if not values:
            return self._holds_without_key()
        judged = (any(test(value, context) for test in self.tests) != self.negated for value in values)
        if self.qualifier == FOR_ANY:
            return any(judged)
        if self.qualifier == FOR_ALL or self.negated:
            return all(judged)
        return any(judged)

    def _holds_without_key(self) -> bool:
        if self.if_exists or self.qualifier == FOR_ALL:
            return True
        return self.negated and self.qualifier is None


@dataclass(frozen=True)
class NullCondition:
    """Whether the request has the key: ``wanted`` has True where it must not, False where it must."""

    key: str
    wanted: frozenset[bool]

    def holds(self, context: Context) -> bool:
        return (not values_of(context, self.key)) in self.wanted


def values_of(context: Context, key: str) -> Sequence[str]:
    """Returns the values that a request has of a key, none where it does not have it."""
    found = context.get(key)
    if found is None:
        return ()
    return (found,) if isinstance(found, str) else found


def read_conditions(conditions: Any, *, variables: bool) -> list[Condition | NullCondition]:
    """Returns the comparisons of a Condition element, all of which must hold.

    Raises PolicyError for operators and keys that this server does not evaluate.
    """
    if not isinstance(conditions, Mapping):
        raise PolicyError("Condition must be a JSON object")
    read: list[Condition | NullCondition] = []
    for name, comparisons in conditions.items():
        found = _OPERATOR.fullmatch(name)
        if found is None or not (is_operator(found[2]) or name == "Null"):
            raise PolicyError(
                f"this server does not evaluate the condition {name!r}: there is no such operator"
            )
        if not isinstance(comparisons, Mapping):
            raise PolicyError(f"the condition {name!r} must be a JSON object of condition keys")
        for key, values in comparisons.items():
            if not is_known_key(key):
                raise PolicyError(
                    f"this server does not evaluate the condition key {key!r}: it cannot know its value"
                )
            try:
                read.append(_read_condition(found, key.lower(), values, variables=variables))
            except PolicyError as problem:
                raise PolicyError(f"condition {name} of {key}: {problem}") from problem
    return read


def _read_condition(
    operator: re.Match[str], key: str, values: Any, *, variables: bool
) -> Condition | NullCondition:
    wanted = values if isinstance(values, list) else [values]
    if not wanted:
        raise PolicyError("there is no value to compare with")
    name = operator[2]
    if name == "Null":
        return NullCondition(key, frozenset(boolean_of(value) for value in wanted))
    return Condition(
        key=key,
        tests=tuple(comparison(name, value, variables=variables) for value in wanted),
        negated=is_negated(name),
        if_exists=operator[3] is not None,
        qualifier=operator[1],
    )
