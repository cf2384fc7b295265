"""The ``audit`` of the configuration file: where the audit log is, how much of it is kept, what is in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from s3portal.server.config_values import ConfigError, object_of, text_of
from s3portal.server.gateway.audit import FILE, FILES, LIMIT_BYTES

_FIELDS = ("file", "max_bytes", "files", "reads")
_LEAST_BYTES = 64 * 1024
_MOST_FILES = 10_000


@dataclass(frozen=True)
class AuditConfig:
    """``file`` None is ``audit.jsonl`` in the server's folder. ``max_bytes`` is of each of ``files`` files.
    ``reads`` notes requests that change nothing, too."""

    enabled: bool = True
    file: Path | None = None
    max_bytes: int = LIMIT_BYTES
    files: int = FILES
    reads: bool = False

    def path_in(self, root: Path) -> Path:
        """Returns the newest of the files."""
        return root / FILE if self.file is None else self.file


def read_audit_config(top: Mapping[str, Any]) -> AuditConfig:
    """Returns what the configuration says of the audit log: an object, or false for none. Raises
    ConfigError."""
    given = top.get("audit", {})
    if isinstance(given, bool):
        return AuditConfig(enabled=given)
    found = object_of(given, "audit", _FIELDS)
    name = text_of(found, "file", "audit", default="")
    reads = found.get("reads", False)
    if not isinstance(reads, bool):
        raise ConfigError("audit: reads must be true or false")
    return AuditConfig(
        file=None if name is None else Path(name),
        max_bytes=_whole(found, "max_bytes", LIMIT_BYTES, _LEAST_BYTES, 2**63 - 1),
        files=_whole(found, "files", FILES, 2, _MOST_FILES),
        reads=reads,
    )


def _whole(found: Mapping[str, Any], name: str, default: int, least: int, most: int) -> int:
    value = found.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ConfigError(f"audit: {name} must be a whole number, {least} to {most}")
    return value
