"""Generated passwords and keys, each in a file that only its owner may read."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def kept_secret(path: Path, *, length_bytes: int = 24) -> str:
    """The secret in `path`, made at the first call: URL-safe characters from `length_bytes` random bytes."""
    if path.exists():
        return path.read_text("utf-8").strip()
    secret = secrets.token_urlsafe(length_bytes)
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
