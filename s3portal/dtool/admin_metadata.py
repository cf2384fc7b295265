"""Administrative metadata: name, type, creator, times. Pure.

It is stored twice in the object ``dtool``: as JSON in the body, and each field as a header. dtool-s3 0.14.1
reads the headers alone, and a HEAD gets no more; other programs write the body alone.
"""

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any
from urllib.parse import quote

AdminMetadata = dict[str, Any]

_TIMES = ("created_at", "frozen_at")
_NEEDED = ("uuid", "name", "type")
# Printable ASCII, which headers carry as it is. A percent sign shows a reader that the body is to be read.
_AS_IT_IS = "".join(map(chr, range(0x20, 0x7F)))


def to_headers(admin_metadata: Mapping[str, Any]) -> dict[str, str]:
    """The fields as headers: text, and percent-encoded where it is not ASCII (a creator called Jürgen)."""
    return {name: quote(str(value), safe=_AS_IT_IS) for name, value in admin_metadata.items()}


def from_headers(headers: Mapping[str, str]) -> AdminMetadata | None:
    """What the headers alone say, or None where only the body tells."""
    # Ceph RGW gives x-amz-meta-frozen_at back as x-amz-meta-frozen-at.
    told = {name.replace("-", "_"): value for name, value in headers.items()}
    if not all(told.get(name) for name in _NEEDED) or any("%" in value for value in told.values()):
        return None
    times = {name: _time_of(told[name]) for name in _TIMES if name in told}
    return None if None in times.values() else {**told, **times}


def from_object(body: bytes, headers: Mapping[str, str]) -> AdminMetadata | None:
    """The metadata of an object ``dtool``, or None where it holds none. A time that is none is left out."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return from_headers(headers)
    if not isinstance(told, dict) or not all(_is_text(told.get(name)) for name in _NEEDED):
        return from_headers(headers)
    times = {name: _time_of(told[name]) for name in _TIMES if name in told}
    rest = {name: value for name, value in told.items() if name not in times}
    return {**rest, **{name: time for name, time in times.items() if time is not None}}


def _is_text(value: object) -> bool:
    """Whether it can be shown: JSON also has halves of characters."""
    return isinstance(value, str) and value != "" and value.encode("utf-8", "replace").decode() == value


def _time_of(value: object) -> float | None:
    """Seconds since 1970, None where a calendar has no such time."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        seconds = float(value)
        datetime.fromtimestamp(seconds, timezone.utc)
    except (ValueError, OverflowError, OSError):
        return None
    return seconds
