"""A policy in plain words: a sentence for each statement, for people who read no JSON.

Pure. It says what a statement says, and decides nothing: that is the server's.
Source of the elements: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from s3portal.console.texts import gettext as _

_OPERATORS = {
    "StringEquals": "=",
    "StringNotEquals": "≠",
    "StringLike": "~",
    "StringNotLike": "≁",
    "IpAddress": "∈",
    "NotIpAddress": "∉",
    "Bool": "=",
    "DateLessThan": "<",
    "DateGreaterThan": ">",
    "NumericLessThan": "<",
    "NumericLessThanEquals": "≤",
    "NumericGreaterThan": ">",
}


@dataclass(frozen=True)
class Sentence:
    """``allows`` is False for a Deny; ``is_public`` says that everybody is meant, without a condition."""

    text: str
    allows: bool
    is_public: bool


def sentences_of(policy: Mapping[str, Any]) -> list[Sentence]:
    """Returns a sentence for each statement of a policy that the server has taken."""
    return [_sentence(statement) for statement in _list(policy.get("Statement", ()))]


def _sentence(statement: Mapping[str, Any]) -> Sentence:
    allows = statement.get("Effect") == "Allow"
    who = _who(statement)
    facts = {
        "who": who,
        "what": _what(statement),
        "where": _where(statement),
    }
    text = (
        _("%(who)s may do %(what)s on %(where)s", **facts)
        if allows
        else _("%(who)s may not do %(what)s on %(where)s", **facts)
    )
    conditions = list(_conditions(statement))
    if conditions:
        text += ", " + _("if %(conditions)s", conditions=_(" and ").join(conditions))
    principals = statement.get("Principal")
    is_all = principals == "*" or (
        isinstance(principals, Mapping) and "*" in _list(principals.get("AWS", ()))
    )
    return Sentence(text + ".", allows, allows and is_all and not conditions)


def _who(statement: Mapping[str, Any]) -> str:
    if "NotPrincipal" in statement:
        return _("Everybody but %(names)s", names=_names(statement["NotPrincipal"]))
    principal = statement.get("Principal")
    if principal is None:
        return _("The user")
    names = _names(principal)
    return _("Everybody, also without signing in,") if names == "*" else names


def _names(principal: Any) -> str:
    if isinstance(principal, Mapping):
        named = [name for kind in principal.values() for name in _list(kind)]
    else:
        named = list(_list(principal))
    return "*" if "*" in named else ", ".join(_short(str(name)) for name in named)


def _short(arn: str) -> str:
    parts = arn.split(":")
    return parts[-1] if len(parts) >= 6 else arn


def _what(statement: Mapping[str, Any]) -> str:
    if "NotAction" in statement:
        return _("everything but %(actions)s", actions=", ".join(_list(statement["NotAction"])))
    actions = _list(statement.get("Action", ()))
    return _("everything") if set(actions) & {"*", "s3:*"} else ", ".join(actions)


def _where(statement: Mapping[str, Any]) -> str:
    if "NotResource" in statement:
        return _("everything but %(resources)s", resources=_resources(statement["NotResource"]))
    resources = _list(statement.get("Resource", ()))
    return _("everything") if "*" in resources or not resources else _resources(resources)


def _resources(given: Any) -> str:
    return ", ".join(str(resource).removeprefix("arn:aws:s3:::") for resource in _list(given))


def _conditions(statement: Mapping[str, Any]) -> list[str]:
    said = []
    between = " " + _("or") + " "
    for operator, keys in (statement.get("Condition") or {}).items():
        sign = _OPERATORS.get(operator, operator)
        said += [f"{key} {sign} {between.join(map(str, _list(values)))}" for key, values in keys.items()]
    return said


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else [value]
