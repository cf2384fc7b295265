"""The targets of notifications in the configuration file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from s3portal.server.background.targets import Target, problem_of_url
from s3portal.server.config_values import ConfigError, list_of, object_of, refuse_repeats, text_of


def read_targets(top: Mapping[str, Any]) -> tuple[Target, ...]:
    """Returns the targets of the configuration's ``notification_targets``; raises ConfigError."""
    found = tuple(
        _target(entry, f"notification_targets[{number}]")
        for number, entry in enumerate(list_of(top, "notification_targets"))
    )
    refuse_repeats("notification_targets", [target.name for target in found])
    return found


def _target(entry: Any, place: str) -> Target:
    found = object_of(entry, place, ("name", "url", "secret"))
    name, url = text_of(found, "name", place) or "", text_of(found, "url", place) or ""
    # As the end of an ARN may be.
    if not name or not all(c.isascii() and (c.isalnum() or c in "-_.") for c in name):
        raise ConfigError(f"{place}: a name must have letters, digits, '-', '_' and '.' only")
    problem = problem_of_url(url)
    if problem is not None:
        raise ConfigError(f"{place}: {problem}")
    secret = text_of(found, "secret", place, default="")
    if secret is not None and len(secret) < 16:
        raise ConfigError(f"{place}: a secret must have at least 16 characters")
    return Target(name, url, secret)
