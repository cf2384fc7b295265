"""The ``myfsio`` of the configuration file: whether MyFSIO's dialect is spoken, and where its files are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from s3portal.server.config_values import ConfigError, object_of, text_of

_FIELDS = ("enabled", "folder", "iam_file", "bucket_policies_file", "api_base_url", "region", "localadmin")
_CONFIG_FOLDER = Path(".myfsio.sys") / "config"


@dataclass(frozen=True)
class MyfsioConfig:
    """Without ``enabled`` nothing of it counts. ``folder`` is MyFSIO's STORAGE_ROOT, below which its files
    are unless they are named by themselves. ``api_base_url`` is where presigned URLs point to, '' for what
    their caller calls this server; ``region`` the one they are signed for where the server has none.
    ``localadmin`` lets the user of this name in. ``upload_limit_bytes`` is the most that one request may
    bring."""

    enabled: bool = False
    folder: Path | None = None
    iam_file: Path | None = None
    bucket_policies_file: Path | None = None
    api_base_url: str = ""
    region: str = ""
    localadmin: bool = False
    upload_limit_bytes: int | None = None

    @property
    def iam_path(self) -> Path | None:
        return self.iam_file or self._in_folder("iam.json")

    @property
    def bucket_policies_path(self) -> Path | None:
        return self.bucket_policies_file or self._in_folder("bucket_policies.json")

    def _in_folder(self, name: str) -> Path | None:
        return None if self.folder is None else self.folder / _CONFIG_FOLDER / name


def read_myfsio(top: Mapping[str, Any]) -> MyfsioConfig:
    """Returns what the configuration says of MyFSIO's dialect. Raises ConfigError."""
    if "myfsio" not in top:
        return MyfsioConfig()
    found = object_of(top["myfsio"], "myfsio", _FIELDS)
    return MyfsioConfig(
        enabled=_switch(found, "enabled", default=True),
        folder=_path(found, "folder"),
        iam_file=_path(found, "iam_file"),
        bucket_policies_file=_path(found, "bucket_policies_file"),
        api_base_url=base_url(
            text_of(found, "api_base_url", "myfsio", default="") or "", "myfsio.api_base_url"
        ),
        region=text_of(found, "region", "myfsio", default="") or "",
        localadmin=_switch(found, "localadmin", default=False),
    )


def base_url(text: str, place: str) -> str:
    """Returns an address without a slash at its end. Raises ConfigError for what is none, or has a path: S3
    signs the path, so that none can be put before it."""
    try:
        parts = urlsplit(text)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None
    except ValueError:
        is_address = False
    if text and (not is_address or parts.path.strip("/") or parts.query or parts.fragment):
        raise ConfigError(f"{place} must be an address like https://s3.example.org, without a path: {text!r}")
    return text.rstrip("/")


def _switch(found: Mapping[str, Any], name: str, *, default: bool) -> bool:
    value = found.get(name, default)
    if not isinstance(value, bool):
        raise ConfigError(f"myfsio: {name} must be true or false")
    return value


def _path(found: Mapping[str, Any], name: str) -> Path | None:
    text = text_of(found, name, "myfsio", default="")
    return Path(text) if text else None
