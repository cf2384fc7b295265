"""Values in a configuration file, checked one by one; errors name their place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class ConfigError(ValueError):
    """The configuration is wrong; the message names the place and the mistake."""


def object_of(entry: Any, place: str, known: Any) -> Mapping[str, Any]:
    if not isinstance(entry, Mapping):
        raise ConfigError(f"{place} must be a JSON object")
    unknown = set(entry) - set(known)
    if unknown:
        names, fields = ", ".join(sorted(unknown)), ", ".join(known)
        raise ConfigError(f"unknown field {names} in {place}; its fields are {fields}")
    return entry


def list_of(top: Mapping[str, Any], name: str) -> list[Any]:
    value = top.get(name, [])
    if not isinstance(value, list):
        raise ConfigError(f"{name} must be a list")
    return value


def text_of(found: Mapping[str, Any], name: str, place: str, default: str | None = None) -> str | None:
    value = found.get(name, default)
    if value is None and default is not None:
        return None
    if not isinstance(value, str):
        raise ConfigError(f"{place}: {name} must be a text")
    return value or None


def refuse_repeats(place: str, names: Sequence[str]) -> None:
    repeated = {name for name in names if names.count(name) > 1}
    if repeated:
        raise ConfigError(f"{place}: {', '.join(sorted(repeated))} is given twice")
