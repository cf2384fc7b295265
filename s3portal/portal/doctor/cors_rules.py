"""The bucket's CORS rules with the portal's own among them. Rules for others stay."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from s3portal.transfer import cors_rule, readers_rule

Rule = Mapping[str, Any]
#: S3 API Reference, PutBucketCors.
MAX_RULES = 100
_MAX_ID_CHARACTERS = 255
_READERS_ID = "s3portal: readers on every site"
#: The name of the same rule where an earlier `s3portal bucket cors set --public-read` wrote it.
_FORMER_READERS_ID = "s3portal: public reading"


def with_portal_rule(rules: Sequence[Rule], origin: str, exposed: Sequence[str] = ()) -> list[Rule]:
    """The rules, and first of all the portal's: S3 answers by the first one that fits, and an older one may
    fit and allow too little. It exposes what the older ones for this origin do as well.

    Raises ValueError where there is no room for another rule.
    """
    ours: dict[str, Any] = {"ID": _rule_id(origin), **cors_rule(origin)}
    others = _others(rules, ours["ID"])
    fitting = [rule for rule in others if _is_for(rule, origin)]
    exposed = [
        *ours["ExposeHeaders"],
        *exposed,
        *(name for rule in fitting for name in rule.get("ExposeHeaders", [])),
    ]
    by_name = {name.lower(): name for name in reversed(exposed)}
    ours["ExposeHeaders"] = sorted(by_name.values(), key=str.lower)
    return [ours, *others]


def with_readers_rule(rules: Sequence[Rule]) -> list[Rule]:
    """The rules, and last the one for scripts of every site, which read and do nothing else. An older one
    that fits them comes after it. Raises ValueError where there is no room for another rule."""
    ours: dict[str, Any] = {"ID": _READERS_ID, **readers_rule()}
    others = _others(rules, _READERS_ID, _FORMER_READERS_ID)
    first = next((number for number, rule in enumerate(others) if _is_for(rule, "null")), len(others))
    return [*others[:first], ours, *others[first:]]


def _others(rules: Sequence[Rule], *own_ids: str) -> list[Rule]:
    others = [rule for rule in rules if rule.get("ID") not in own_ids]
    if len(others) >= MAX_RULES:
        raise ValueError(f"the bucket has {len(others)} CORS rules, but S3 allows only {MAX_RULES}")
    return others


def _rule_id(origin: str) -> str:
    return f"s3portal: {origin}"[:_MAX_ID_CHARACTERS]


def _is_for(rule: Rule, origin: str) -> bool:
    # Nothing but * has a meaning (S3 API Reference, CORSRule).
    return any(
        re.fullmatch(re.escape(allowed).replace(r"\*", ".*"), origin)
        for allowed in rule.get("AllowedOrigins", [])
    )
