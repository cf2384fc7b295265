"""The parameters of the AWS query protocol: texts, numbers, lists (``Name.member.1``), structures in lists.

Pure. Source: https://docs.aws.amazon.com/IAM/latest/APIReference/CommonParameters.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from s3portal.server.http.values import whole_number
from s3portal.server.wire.errors import S3Error

_MEMBERS_LIMIT = 1000


@dataclass(frozen=True)
class Parameters:
    """The parameters of a call, or of one structure in them."""

    given: Mapping[str, str]

    def text(self, name: str, pattern: str | None = None, *, most: int, least: int = 1) -> str | None:
        """Returns a text that matches a pattern whole; None where it is missing or empty. Raises
        ValidationError."""
        value = self.given.get(name)
        if not value:
            return None
        if pattern is not None and not re.fullmatch(pattern, value, re.DOTALL):
            raise invalid_value(name, value, f"satisfy regular expression pattern: {pattern}")
        if len(value) > most:
            raise invalid_value(name, value, f"have length less than or equal to {most}")
        if len(value) < least:
            raise invalid_value(name, value, f"have length greater than or equal to {least}")
        return value

    def required(self, name: str, pattern: str | None = None, *, most: int, least: int = 1) -> str:
        """Returns a text that has to be there. Raises ValidationError."""
        value = self.text(name, pattern, most=most, least=least)
        if value is None:
            raise missing(name)
        return value

    def number(self, name: str, *, default: int, least: int, most: int) -> int:
        """Returns a whole number within limits. Raises ValidationError."""
        text = self.given.get(name)
        if not text:
            return default
        number = whole_number(text)
        if number is None or number < least:
            raise invalid_value(name, text, f"have value greater than or equal to {least}")
        if number > most:
            raise invalid_value(name, text, f"have value less than or equal to {most}")
        return number

    def choice(self, name: str, choices: Sequence[str]) -> str | None:
        """Returns one of several texts; None where it is missing. Raises ValidationError."""
        value = self.given.get(name)
        if not value:
            return None
        if value not in choices:
            raise invalid_value(name, value, f"satisfy enum value set: [{', '.join(choices)}]")
        return value

    def flag(self, name: str) -> bool:
        return self.choice(name, ("true", "false")) == "true"

    def members(self, name: str) -> list[str]:
        """Returns a list of texts, in the order of their numbers. Raises ValidationError."""
        return [one.given.get("", "") for one in self._members(name) if "" in one.given]

    def structures(self, name: str) -> list[Parameters]:
        """Returns a list of structures, in the order of their numbers. Raises ValidationError."""
        return [one for one in self._members(name) if "" not in one.given]

    def pairs(self, name: str) -> list[tuple[str, str]]:
        """Returns a list of structures with Key and Value. Raises ValidationError."""
        found = []
        for one in self.structures(name):
            if set(one.given) != {"Key", "Value"}:
                raise S3Error("ValidationError", f"Each member of {name} must have Key and Value")
            found.append((one.given["Key"], one.given["Value"]))
        return found

    def _members(self, name: str) -> list[Parameters]:
        found: dict[int, dict[str, str]] = {}
        prefix = f"{name}.member."
        for parameter, value in self.given.items():
            if not parameter.startswith(prefix):
                continue
            digits, _, rest = parameter[len(prefix) :].partition(".")
            number = whole_number(digits)
            if number is None or not 1 <= number <= _MEMBERS_LIMIT:
                raise S3Error("ValidationError", f"{parameter} does not name a member of a list")
            found.setdefault(number, {})[rest] = value
        return [Parameters(fields) for _, fields in sorted(found.items())]


def missing(name: str) -> S3Error:
    return S3Error(
        "ValidationError",
        f"1 validation error detected: Value null at '{_place(name)}' failed to satisfy constraint: Member "
        "must not be null",
    )


def invalid_value(name: str, value: str, constraint: str) -> S3Error:
    return S3Error(
        "ValidationError",
        f"1 validation error detected: Value '{value[:200]}' at '{_place(name)}' failed to satisfy "
        f"constraint: Member must {constraint}",
    )


def _place(name: str) -> str:
    return name[:1].lower() + name[1:]
