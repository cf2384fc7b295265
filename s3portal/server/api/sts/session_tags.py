"""The tags that STS puts on a session: ``Tags.member.1.Key``, ``Tags.member.1.Value`` and so on.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from s3portal.server.api.query_parameters import Parameters
from s3portal.server.wire.errors import S3Error

TAGS_LIMIT = 50
KEY_LIMIT, VALUE_LIMIT = 128, 256
_PARAMETER = re.compile(r"Tags\.member\.([1-9][0-9]{0,3})\.(Key|Value)")
_OTHER_CHARACTERS = "_.:/=+-@"


def session_tags(parameters: Mapping[str, str]) -> dict[str, str]:
    """Returns the tags that the parameters of a call name; raises ValidationError."""
    pairs: dict[int, dict[str, str]] = {}
    for name, value in parameters.items():
        match = _PARAMETER.fullmatch(name)
        if match is None and name.startswith("Tags.") and value:
            raise _invalid(f"{name} is no part of a tag")
        if match is not None:
            pairs.setdefault(int(match[1]), {})[match[2]] = value
    if len(pairs) > TAGS_LIMIT:
        raise _invalid(f"a session can have {TAGS_LIMIT} tags at most")
    tags: dict[str, str] = {}
    for number, pair in sorted(pairs.items()):
        place = f"tags.{number}.member"
        if set(pair) != {"Key", "Value"}:
            raise _invalid(f"Value at '{place}' failed to satisfy constraint: Member must have Key and Value")
        _check(f"{place}.key", pair["Key"], 1, KEY_LIMIT)
        _check(f"{place}.value", pair["Value"], 0, VALUE_LIMIT)
        if pair["Key"].lower().startswith("aws:"):
            raise _invalid("the tag keys that begin with aws: are reserved")
        if pair["Key"].lower() in map(str.lower, tags):
            raise S3Error(
                "InvalidParameterValue",
                "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
            )
        tags[pair["Key"]] = pair["Value"]
    return tags


def transitive_keys(parameters: Parameters, tags: Mapping[str, str]) -> tuple[str, ...]:
    """Returns the names of the tags that a session hands on to those that are begun with it. Raises
    InvalidParameterValue for one that is not among the tags of the call."""
    asked = parameters.members("TransitiveTagKeys")
    by_name = {name.lower(): name for name in tags}
    unknown = [name for name in asked if name.lower() not in by_name]
    if unknown:
        raise S3Error(
            "InvalidParameterValue",
            f"The specified transitive tag key {unknown[0]} must be included in the requested tags.",
        )
    return tuple(by_name[name.lower()] for name in asked)


def _check(place: str, text: str, least: int, most: int) -> None:
    """Raises ValidationError unless a text has letters, digits, spaces and few other characters."""
    fits = all(char in _OTHER_CHARACTERS or unicodedata.category(char)[0] in "LNZ" for char in text)
    if not fits or not least <= len(text) <= most:
        raise _invalid(
            f"Value '{text}' at '{place}' failed to satisfy constraint: Member must satisfy regular "
            rf"expression pattern: [\p{{L}}\p{{Z}}\p{{N}}_.:/=+\-@]* and have a length from {least} to {most}"
        )


def _invalid(message: str) -> S3Error:
    return S3Error("ValidationError", message)
