"""Access keys that a server makes for itself and keeps in a private file of its folder."""

from __future__ import annotations

import json
import os
import secrets
from contextlib import suppress
from pathlib import Path

from s3portal.server.storage.storage import write_private_file
from s3portal.server.wire.json_documents import parse_json


def kept_key(path: Path, access_key_id: str) -> tuple[str, str]:
    """Returns the access key id and the secret in a file. Where there is none, it is made, with this id and a
    random secret; only the server's own user can read it.

    Raises ValueError for another content, OSError."""
    if not path.exists():
        key = {"access_key_id": access_key_id, "secret_access_key": secrets.token_urlsafe(30)}
        made = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
        write_private_file(made, json.dumps(key, indent=1).encode())
        # Of several processes that make one at the same moment, all get that of the first.
        with suppress(FileExistsError):
            os.link(made, path)
        made.unlink()
    try:
        stored = parse_json(path.read_text("utf-8"))
        return str(stored["access_key_id"]), str(stored["secret_access_key"])
    except (ValueError, KeyError, TypeError) as problem:
        raise ValueError(
            f"{path} no longer holds an access key. Remove it, and a new one is made."
        ) from problem
