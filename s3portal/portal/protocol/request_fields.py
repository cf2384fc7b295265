"""What callers send, as values of the right type: everything from outside passes here once."""

import math
from collections.abc import Mapping
from typing import Any

from s3portal.transfer import MAX_PARTS_A_CALL, Checksum, InvalidRequest, Problem, TooManyParts

MAX_CHARACTERS = 1000
_LONGEST_MS = 24 * 60 * 60 * 1000


def text(asked: Mapping[str, Any], field: str, *, required: bool = True) -> str:
    """A text of at most 1,000 characters, "" where it is missing and not required. Raises InvalidRequest."""
    value = asked.get(field)
    if value is None or value == "":
        if required:
            raise InvalidRequest(field=field, problem=Problem.MISSING)
        return ""
    if not isinstance(value, str) or len(value) > MAX_CHARACTERS or not can_be_kept(value):
        raise InvalidRequest(field=field, problem=Problem.NO_TEXT, limit=MAX_CHARACTERS)
    return value


def can_be_kept(value: str) -> bool:
    """JSON may have what no database takes as text: a NUL, and half of a pair of surrogates."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in value


def size_bytes(asked: Mapping[str, Any], field: str) -> int:
    """A number of bytes, also written as a text, as forms send it. Raises InvalidRequest."""
    value = asked.get(field)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 18:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise InvalidRequest(field=field, problem=Problem.NO_SIZE)
    return value


def milliseconds(asked: Mapping[str, Any], field: str) -> float | None:
    """A time, None where the client does not know it. Raises InvalidRequest."""
    value = asked.get(field)
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < math.inf:
        raise InvalidRequest(field=field, problem=Problem.NO_TIME)
    # JSON may have integers that are too large to calculate with.
    return min(value, _LONGEST_MS)


def part_numbers(asked: Mapping[str, Any], field: str) -> list[int]:
    """Part numbers, as many as one call signs. Raises InvalidRequest, TooManyParts."""
    value = asked.get(field)
    if not isinstance(value, list) or not value:
        raise InvalidRequest(field=field, problem=Problem.NO_PART_NUMBERS)
    if len(value) > MAX_PARTS_A_CALL:
        raise TooManyParts(given=len(value), limit=MAX_PARTS_A_CALL)
    if not all(isinstance(number, int) and not isinstance(number, bool) for number in value):
        raise InvalidRequest(field=field, problem=Problem.NO_PART_NUMBERS)
    return value


def checksum(asked: Mapping[str, Any], field: str) -> Checksum | None:
    """``{"algorithm": "CRC64NVME", "value": base64}``, or None where the client has none. Raises
    InvalidRequest."""
    value = asked.get(field)
    if not value:
        return None
    if not isinstance(value, dict):
        raise InvalidRequest(field=field, problem=Problem.NO_CHECKSUM)
    return Checksum(algorithm=text(value, "algorithm").upper(), value=text(value, "value"))
