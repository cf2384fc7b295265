"""Quotas as JSON, in the form of MyFSIO: ``{"max_bytes": 1024, "max_objects": null}``; null is no limit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from s3portal.server.wire.json_documents import parse_json

LIMITS = ("max_bytes", "max_objects")
# What MyFSIO 0.2 called it in requests.
_OTHER_NAMES = {"max_size_bytes": "max_bytes"}
# What the database can count to.
_LARGEST = 2**63 - 1


def limits_of_text(text: bytes) -> tuple[int | None, int | None]:
    """Returns the limits of a JSON text; raises ValueError that says what is wrong."""
    try:
        return limits_of(parse_json(text.decode()))
    except UnicodeDecodeError as problem:
        raise ValueError("the body is not UTF-8") from problem


def limits_of(document: Any) -> tuple[int | None, int | None]:
    """Returns the limits, in bytes and objects, of a parsed document: what it does not name is not limited.

    Raises ValueError for what is no object with at least one of the names, and for what is no count.
    """
    if not isinstance(document, Mapping):
        raise ValueError("a quota must be a JSON object with max_bytes, max_objects or both")
    named = {_OTHER_NAMES.get(str(name), str(name)): value for name, value in document.items()}
    unknown = sorted(named.keys() - set(LIMITS))
    if unknown or not named:
        wrong = f"unknown field {', '.join(unknown)}; " if unknown else ""
        raise ValueError(f"{wrong}a quota has max_bytes, max_objects or both")
    for name, value in named.items():
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LARGEST:
            raise ValueError(f"{name} must be a whole number, 0 or more, or null for no limit")
    return named.get("max_bytes"), named.get("max_objects")
