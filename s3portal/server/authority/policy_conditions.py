"""The conditions of a policy: operators and keys as AWS defines them.

Pure. Sources: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
and https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from s3portal.server.authority.policy_patterns import PolicyError, pattern, strings_of

# What a request can be asked about: a listing's prefix and delimiter; of what writes, whether it makes an
# object (not: parts of one), and under which condition it does; of a deletion, If-Match.
OBJECT_CREATION_OPERATION = "s3:objectcreationoperation"
IF_MATCH, IF_NONE_MATCH = "s3:if-match", "s3:if-none-match"
PREFIX, DELIMITER = "s3:prefix", "s3:delimiter"
CONDITION_KEYS = (PREFIX, DELIMITER, OBJECT_CREATION_OPERATION, IF_MATCH, IF_NONE_MATCH)
_STRING_OPERATOR = re.compile(r"String(Not)?(Equals|EqualsIgnoreCase|Like)(IfExists)?")
_BOOLEAN_OPERATORS = ("Bool", "BoolIfExists")
_BOOLEANS = {"true": True, "false": False}


@dataclass(frozen=True)
class Condition:
    """One comparison. ``holds_for`` judges the value that a request has; ``without`` is the outcome where
    it has none."""

    key: str
    holds_for: Callable[[str], bool]
    without: bool

    def holds(self, context: Mapping[str, str]) -> bool:
        value = context.get(self.key)
        return self.without if value is None else self.holds_for(value)


def read_conditions(conditions: Any, *, escapes: bool) -> list[Condition]:
    """Returns the comparisons of a Condition element, all of which must hold.

    Raises PolicyError for operators and keys that this server does not evaluate.
    """
    if not isinstance(conditions, Mapping):
        raise PolicyError("Condition must be a JSON object")
    read = []
    for operator, comparisons in conditions.items():
        known = operator in (*_BOOLEAN_OPERATORS, "Null") or _STRING_OPERATOR.fullmatch(operator)
        if not known or not isinstance(comparisons, Mapping):
            raise PolicyError(f"this server does not evaluate the condition {operator!r}")
        for key, values in comparisons.items():
            # Condition keys are compared without case, values with it.
            if key.lower() not in CONDITION_KEYS:
                raise PolicyError(f"this server does not evaluate the condition key {key!r}")
            read.append(_read_condition(operator, key, values, escapes=escapes))
    return read


def _read_condition(operator: str, key: str, values: Any, *, escapes: bool) -> Condition:
    if operator == "Null":
        # "true": the request must not have the key; "false": it must.
        wanted = _booleans(key, values)
        return Condition(key.lower(), lambda value: False in wanted, without=True in wanted)
    if operator in _BOOLEAN_OPERATORS:
        wanted = _booleans(key, values)
        return Condition(
            key.lower(), lambda value: _BOOLEANS.get(value.lower()) in wanted, without=operator != "Bool"
        )
    kind = _STRING_OPERATOR.fullmatch(operator)
    assert kind is not None
    negated = kind[1] is not None
    matches = tuple(
        pattern(
            value, escapes=escapes, wildcards=kind[2] == "Like", ignore_case=kind[2] == "EqualsIgnoreCase"
        )
        for value in strings_of({key: values}, key)
    )
    # A missing key fails a positive comparison and passes a negated one, as in IAM.
    return Condition(
        key.lower(),
        lambda value: any(match(value) for match in matches) != negated,
        without=negated or kind[3] is not None,
    )


def _booleans(key: str, values: Any) -> Sequence[bool]:
    """``true``, ``"true"``, or a list of such."""
    listed = values if isinstance(values, list) else [values]
    found = [v if isinstance(v, bool) else _BOOLEANS.get(str(v).lower()) for v in listed]
    if not found or None in found:
        raise PolicyError(f"{key} must be compared with true or false")
    return [value for value in found if value is not None]
