"""How far each background job has come, as a JSON document."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from s3portal.server.storage.storage import Storage


def read(storage: Storage, job: str) -> dict[str, Any]:
    """Returns what a job noted last, {} before it ever did."""
    with storage.database.read() as connection:
        row = connection.execute("SELECT state FROM background WHERE job = ?", (job,)).fetchone()
    state: dict[str, Any] = json.loads(row[0]) if row else {}
    return state


def note(connection: sqlite3.Connection, job: str, state: dict[str, Any]) -> None:
    """Within a transaction: notes how far a job has come."""
    connection.execute(
        "INSERT INTO background (job, state) VALUES (?, ?) ON CONFLICT DO UPDATE SET state = excluded.state",
        (job, json.dumps(state)),
    )


def write(storage: Storage, job: str, state: dict[str, Any]) -> None:
    storage.database.write(lambda connection: note(connection, job, state))
