"""Connections in the configuration file: TLS, trusted proxies, limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from s3portal.server.config_values import ConfigError, list_of, object_of, text_of
from s3portal.server.http.forwarded import Networks, read_networks
from s3portal.server.http.limits import ConnectionLimits
from s3portal.server.http.tls import TLSFiles


def read_limits(top: Mapping[str, Any]) -> ConnectionLimits:
    """Returns the limits of the configuration's ``limits``; raises ConfigError."""
    found = object_of(top.get("limits", {}), "limits", ConnectionLimits.__dataclass_fields__)
    try:
        return ConnectionLimits(**found)
    except ValueError as problem:
        raise ConfigError(f"limits: {problem}") from problem


def read_tls(top: Mapping[str, Any]) -> TLSFiles | None:
    """Returns the files of the configuration's ``tls``, None without one; raises ConfigError."""
    if "tls" not in top:
        return None
    found = object_of(top["tls"], "tls", ("certificate", "key"))
    certificate, key = text_of(found, "certificate", "tls"), text_of(found, "key", "tls")
    if not certificate or not key:
        raise ConfigError("tls must name the files of a certificate and of its key")
    return TLSFiles(Path(certificate), Path(key))


def read_proxies(top: Mapping[str, Any]) -> Networks:
    """Returns the proxies of the configuration's ``trusted_proxies``; raises ConfigError."""
    return proxies_of(list_of(top, "trusted_proxies"), "trusted_proxies")


def proxies_of(texts: Sequence[Any], place: str) -> Networks:
    """Returns the addresses and networks of proxies; raises ConfigError."""
    try:
        return read_networks(str(text) for text in texts)
    except ValueError as problem:
        raise ConfigError(f"{place}: {problem}; write addresses, or networks like 10.0.0.0/8") from problem
