"""The steps from one schema of the database to the next. Each is one transaction; none is ever changed.

A new folder takes all of them, an old one those that it has not had: both end with the same schema. The
number of the last step that was taken is the database's ``user_version``.
"""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

from s3portal.server.storage.migrations import (
    step_0001,
    step_0002,
    step_0003,
    step_0004,
    step_0005,
    step_0006,
    step_0007,
    step_0008,
    step_0009,
    step_0010,
    step_0011,
)

_TAKEN = (
    step_0001,
    step_0002,
    step_0003,
    step_0004,
    step_0005,
    step_0006,
    step_0007,
    step_0008,
    step_0009,
    step_0010,
    step_0011,
)
STEPS = tuple(step.STATEMENTS for step in _TAKEN)
SCHEMA_VERSION = len(STEPS)

log = logging.getLogger(__name__)


class OtherVersion(RuntimeError):
    """The database was written by a newer release of this server."""


class NotUpgraded(RuntimeError):
    """A step to the present schema failed; the database is as it was before that step."""


def upgrade(connection: sqlite3.Connection, path: Path) -> None:
    """Takes the steps that the database at ``path`` has not had. Raises OtherVersion, NotUpgraded."""
    found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if found > SCHEMA_VERSION:
        raise OtherVersion(
            f"{path} was written by a newer version of this server: its schema is {found}, this one knows "
            f"{SCHEMA_VERSION}. Start the newer server, or restore a copy of the folder from before the "
            "upgrade."
        )
    if found == SCHEMA_VERSION:
        return
    if found:
        log.info("upgrading %s from schema %d to %d", path, found, SCHEMA_VERSION)
    for number in range(found + 1, SCHEMA_VERSION + 1):
        try:
            _take(connection, number)
        except sqlite3.Error as problem:
            raise NotUpgraded(
                f"{path} could not be upgraded to schema {number} and is as it was before: {problem}. An "
                "upgrade needs twice the size of this file in free space."
            ) from problem
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _take(connection: sqlite3.Connection, number: int) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in STEPS[number - 1]:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {number}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
