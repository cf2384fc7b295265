"""The policy of a bucket as a setting: its text, its size, and whether it lets the public in.

Pure. What a policy allows is decided by ``authority``; here is only AWS's meaning of "public". Sources:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html#access-control-block-public-access-policy-status
and https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-policies.html (20 KB)
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

KIND = "policy"
LIMIT_BYTES = 20 * 1024
# Keys whose fixed values say who may come, whoever the principal is.
_NAMES_THE_CALLER = {
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceowner",
    "aws:sourceorgid",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:userid",
    "aws:username",
    "s3:dataaccesspointaccount",
    "s3:dataaccesspointarn",
}
_EQUALITIES = re.compile(r"(foranyvalue:)?(stringequals|stringequalsignorecase|stringlike|arnequals|arnlike)")
_ADDRESSES = re.compile(r"(foranyvalue:)?ipaddress")
# Wider ranges are the public: from the same page.
_LEAST_PREFIX = {4: 8, 6: 32}


@lru_cache(maxsize=256)
def is_public(text: str) -> bool:
    """Whether a policy, valid JSON that is a policy, lets anybody in who is not named by a fixed value."""
    statements = json.loads(text).get("Statement", [])
    if isinstance(statements, Mapping):
        statements = [statements]
    return any(statement.get("Effect") == "Allow" and _is_open(statement) for statement in statements)


def _is_open(statement: Mapping[str, Any]) -> bool:
    everybody = "NotPrincipal" in statement or _names_everybody(statement.get("Principal"))
    conditions = statement.get("Condition") or {}
    return everybody and not any(
        _narrows(operator.lower(), key.lower(), _listed(values))
        for operator, comparisons in conditions.items()
        for key, values in comparisons.items()
    )


def _names_everybody(principal: Any) -> bool:
    if isinstance(principal, Mapping):
        return any("*" in str(value) for values in principal.values() for value in _listed(values))
    return any("*" in str(value) for value in _listed(principal))


def _narrows(operator: str, key: str, values: Iterable[Any]) -> bool:
    """Whether a condition holds for nobody but those whom fixed values name."""
    texts = [str(value) for value in values]
    if key == "aws:sourceip" and _ADDRESSES.fullmatch(operator):
        return all(_is_narrow(text) for text in texts)
    return key in _NAMES_THE_CALLER and bool(_EQUALITIES.fullmatch(operator)) and all(map(_is_fixed, texts))


def _is_fixed(text: str) -> bool:
    return not re.search(r"[*?]|\$\{", text)


def _is_narrow(text: str) -> bool:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return network.prefixlen >= _LEAST_PREFIX[network.version]


def _listed(values: Any) -> list[Any]:
    return values if isinstance(values, list) else [values]
