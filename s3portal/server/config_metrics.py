"""The ``metrics`` of the configuration file: the token that shows them. Without one, nobody sees them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from s3portal.server.config_values import ConfigError, object_of, text_of

# What a bearer token may be: https://www.rfc-editor.org/rfc/rfc6750#section-2.1
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]{16,1024}=*")


@dataclass(frozen=True)
class MetricsConfig:
    """``token`` is the bearer token that shows the metrics, '' for nobody."""

    token: str = field(default="", repr=False)


def read_metrics_config(top: Mapping[str, Any]) -> MetricsConfig:
    """Returns what the configuration says of metrics: a ``token``, or a ``token_file`` that has it. Raises
    ConfigError."""
    if "metrics" not in top:
        return MetricsConfig()
    found = object_of(top["metrics"], "metrics", ("token", "token_file"))
    if ("token" in found) == ("token_file" in found):
        raise ConfigError("metrics needs either token or token_file")
    if "token" in found:
        return MetricsConfig(_checked(text_of(found, "token", "metrics") or "", "metrics.token"))
    name = Path(text_of(found, "token_file", "metrics") or "")
    try:
        return MetricsConfig(_checked(name.read_text("utf-8").strip(), str(name)))
    except (OSError, UnicodeDecodeError) as problem:
        raise ConfigError(f"metrics.token_file: {name} cannot be read: {problem}") from problem


def metrics_of_environment(environ: Mapping[str, str], prefix: str) -> MetricsConfig | None:
    """Returns what the environment says; None where it says nothing. Raises ConfigError."""
    name = f"{prefix}METRICS_TOKEN"
    token = environ.get(name, "")
    return MetricsConfig(_checked(token, name)) if token else None


def _checked(token: str, place: str) -> str:
    """Returns a token; raises ConfigError for one that can be guessed, or cannot be sent."""
    if not _TOKEN.fullmatch(token):
        raise ConfigError(f"{place}: a token must be at least 16 letters, digits and ._~+/-")
    return token
