"""Generated passwords and keys, each in a file that only its owner may read."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path


def new_key() -> str:
    """A key for programs: URL-safe characters from 32 random bytes."""
    return secrets.token_urlsafe(32)


def kept_secret(path: Path, *, new: Callable[[], str] = new_key) -> str:
    """The secret in `path`, made at the first call."""
    if path.exists():
        return path.read_text("utf-8").strip()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    secret = new()
    write_private(path, secret + "\n")
    return secret


def write_private(path: Path, text: str) -> None:
    """Writes a file that only its owner may read, whole or not at all."""
    unfinished = path.with_name(path.name + ".new")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    unfinished.replace(path)
