"""The policy of a form that posts a file: what it demands of the fields, and whether they comply.

Pure. Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from s3portal.server.http.values import BLANKS, whole_number
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.json_documents import parse_json

FILENAME_VARIABLE = "${filename}"
# What proves the policy, or is not looked at by anyone, need not be spoken of in it.
_EXEMPT = ("x-amz-signature", "policy", "file", "awsaccesskeyid", "signature")
_EXEMPT_PREFIX = "x-ignore-"
_TIME_FORMATS = ("%Y-%m-%dT%H:%M:%S.%fZ", "%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class FieldCondition:
    """``operator`` is eq or starts-with; ``field`` is in lower case, without its $."""

    operator: str
    field: str
    value: str

    def holds(self, given: str, filename: str) -> bool:
        """Whether a field complies once the file's name stands in it."""
        final = given.replace(FILENAME_VARIABLE, filename)
        if self.operator == "eq":
            return self.value in (given, final)
        # A list of content types has to comply in each of its members.
        values = final.split(",") if self.field == "content-type" else [final]
        return all(value.strip(BLANKS).startswith(self.value) for value in values)

    def __str__(self) -> str:
        return json.dumps([self.operator, f"${self.field}", self.value])


@dataclass(frozen=True)
class PostPolicy:
    """``size_range_bytes`` is the least and the largest size of the file, None when nothing is said."""

    expires_at: datetime
    conditions: Sequence[FieldCondition]
    size_range_bytes: tuple[int, int] | None

    def check(self, fields: Mapping[str, str], *, bucket: str, filename: str, now: datetime) -> None:
        """Raises AccessDenied, with the reason, unless the policy is alive and every field complies.

        ``fields`` are all of the form before the file, names in lower case. Each must be spoken of in the
        policy, and the bucket: no one can add to a form that someone else has signed, or send it elsewhere.
        """
        if now >= self.expires_at:
            raise _denied("Policy expired.")
        given = {**fields, "bucket": bucket}
        for condition in self.conditions:
            if not condition.holds(given.get(condition.field, ""), filename):
                raise _denied(f"Policy Condition failed: {condition}")
        spoken_of = {condition.field for condition in self.conditions}
        extra = [
            name
            for name in [*fields, "bucket"]
            if name not in spoken_of and name not in _EXEMPT and not name.startswith(_EXEMPT_PREFIX)
        ]
        if extra:
            raise _denied(f"Extra input fields: {', '.join(sorted(extra))}")


def read_post_policy(encoded: str) -> PostPolicy:
    """Returns the policy of its Base64 form; raises InvalidPolicyDocument, whose message says why."""
    try:
        document = parse_json(base64.b64decode(encoded, validate=True).decode())
    except (ValueError, binascii.Error) as problem:
        raise _invalid("it must be the Base64 of a JSON text") from problem
    if not isinstance(document, dict) or set(document) != {"expiration", "conditions"}:
        raise _invalid("it must be an object with expiration and conditions")
    conditions, size_range = [], None
    if not isinstance(document["conditions"], list):
        raise _invalid("conditions must be a list")
    for condition in document["conditions"]:
        if isinstance(condition, list) and _operator(condition) == "content-length-range":
            size_range = _size_range(condition)
        else:
            conditions += _field_conditions(condition)
    return PostPolicy(_expiration(document["expiration"]), tuple(conditions), size_range)


def _expiration(text: Any) -> datetime:
    for time_format in _TIME_FORMATS:
        try:
            return datetime.strptime(str(text), time_format).replace(tzinfo=timezone.utc)
        except ValueError:
            continue
    raise _invalid("expiration must be a time like 2026-12-31T12:00:00.000Z")


def _field_conditions(condition: Any) -> list[FieldCondition]:
    if (
        isinstance(condition, dict)
        and condition
        and all(isinstance(value, str) for value in condition.values())
    ):
        return [FieldCondition("eq", name.lower(), value) for name, value in condition.items()]
    match condition:
        case [_, str(field), str(value)] if field.startswith("$"):
            operator = _operator(condition)
            if operator in ("eq", "starts-with"):
                return [FieldCondition(operator, field[1:].lower(), value)]
    raise _invalid(f"no such condition: {json.dumps(condition)[:200]}")


def _operator(condition: Sequence[Any]) -> str:
    """The name of a condition written as a list, which may be in any case; "" for none."""
    return condition[0].lower() if condition and isinstance(condition[0], str) else ""


def _size_range(condition: Sequence[Any]) -> tuple[int, int]:
    bounds = [_size(bound) for bound in condition[1:]]
    match bounds:
        case [int(least), int(largest)]:
            return least, largest
    raise _invalid("content-length-range must have two whole numbers")


def _size(bound: Any) -> int | None:
    """A number of bytes, written as one or as a text; no fraction, no boolean, not less than nothing."""
    if isinstance(bound, str):
        return whole_number(bound)
    return bound if isinstance(bound, int) and not isinstance(bound, bool) and bound >= 0 else None


def _invalid(problem: str) -> S3Error:
    return S3Error("InvalidPolicyDocument", f"Invalid Policy: {problem}.")


def _denied(reason: str) -> S3Error:
    return S3Error("AccessDenied", f"Invalid according to Policy: {reason}")
