"""Repairs of what a check found.

Nothing here removes the only copy of anything: what no row knows is moved to ``lost+found`` in the same
folder; only what was never stored, or was deleted by its owner, goes.
"""

# ruff: noqa: S608  (what goes into the statement is the names of three tables)

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from s3portal.server.storage import usage
from s3portal.server.storage.blobs import sync_folder
from s3portal.server.storage.database import Database
from s3portal.server.storage.storage import write_private_file
from s3portal.server.upkeep import findings
from s3portal.server.upkeep.blob_files import RECOUNTED
from s3portal.server.upkeep.findings import Finding

LOST = "lost+found"


class Repairs:
    """Repairs in a folder that no server uses. ``database`` is open for writing."""

    def __init__(self, root: Path, database: Database) -> None:
        self._root = root
        self._database = database
        self._repairs: dict[str, Callable[[Finding], str | None]] = {
            findings.BYTES_MISSING: self._restore_blob,
            findings.UNKNOWN_BLOB: self._keep_blob,
            findings.DOOMED_BLOB: self._remove_blob,
            findings.INCOMING_FILE: self._remove_incoming,
            findings.UNKNOWN_CONTENT: self._keep_content,
            findings.UNKNOWN_PARTS: self._keep_parts,
            findings.UNKNOWN_BUCKET: self._forget_bucket,
            findings.WRONG_COUNTER: self._count_again,
        }

    def repair(self, finding: Finding) -> Finding:
        """Returns the finding with what was done about it, unchanged where nothing can be."""
        repair = self._repairs.get(finding.kind)
        done = repair(finding) if repair and finding.name else None
        return finding if done is None else replace(finding, repaired=done)

    def _blob(self, name: str) -> Path:
        return self._root / "blobs" / name[:2] / name

    def _lost(self, name: str) -> Path:
        folder = self._root / LOST
        folder.mkdir(mode=0o700, exist_ok=True)
        sync_folder(self._root)
        return folder / name

    def _restore_blob(self, finding: Finding) -> str | None:
        """Puts a file back that an earlier check moved away."""
        name = finding.name or ""
        kept, path = self._root / LOST / name, self._blob(name)
        if not kept.is_file() or kept.stat().st_size != finding.size_bytes or path.exists():
            return None
        path.parent.mkdir(exist_ok=True)
        _move(kept, path)
        return f"the file was in {LOST} and is back in its place"

    def _keep_blob(self, finding: Finding) -> str:
        name = finding.name or ""
        _move(self._blob(name), self._lost(name))
        return f"moved to {LOST}/{name}"

    def _remove_blob(self, finding: Finding) -> str:
        name = finding.name or ""
        self._blob(name).unlink(missing_ok=True)
        self._write("DELETE FROM doomed WHERE blob = ?", name)
        return "removed"

    def _remove_incoming(self, finding: Finding) -> str:
        (self._root / "incoming" / (finding.name or "")).unlink(missing_ok=True)
        return "removed"

    def _keep_content(self, finding: Finding) -> str:
        number = int(finding.name or 0)
        kept = self._lost(f"content-{number}")
        with self._database.read() as connection:
            (content,) = connection.execute(
                "SELECT content FROM contents WHERE content_id = ?", (number,)
            ).fetchone()
        write_private_file(kept, bytes(content))
        self._write("DELETE FROM contents WHERE content_id = ?", number)
        return f"moved to {LOST}/{kept.name}"

    def _keep_parts(self, finding: Finding) -> str:
        body_id = finding.name or ""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT part_number, blob, content FROM parts LEFT JOIN contents USING (content_id) "
                "WHERE body_id = ?",
                (body_id,),
            ).fetchall()
        for part_number, blob, content in rows:
            if blob is None:
                write_private_file(self._lost(f"{body_id}.{part_number}"), bytes(content or b""))
            elif self._blob(blob).exists() and not self._lost(blob).exists():
                # A second name: the first goes with the row, unless another body shares the file.
                os.link(self._blob(blob), self._lost(blob))
                sync_folder(self._root / LOST)
        self._write("DELETE FROM parts WHERE body_id = ?", body_id)
        return f"the bytes of {len(rows)} parts are in {LOST}, their rows are gone"

    def _forget_bucket(self, finding: Finding) -> str:
        number = int(finding.name or 0)
        for table in ("usage", "bucket_settings", "bucket_quotas"):
            self._write(f"DELETE FROM {table} WHERE bucket_id = ?", number)
        return "removed"

    def _count_again(self, finding: Finding) -> str:
        if finding.bucket is None:
            self._database.write(usage.count_users_again)
            return "counted again"
        number = int(finding.name or 0)

        def count(connection: sqlite3.Connection) -> None:
            for bucket_id, _, *right in connection.execute(RECOUNTED).fetchall():
                if bucket_id == number:
                    connection.execute(
                        "INSERT OR REPLACE INTO usage VALUES (?, ?, ?, ?, ?, ?, ?)", (bucket_id, *right)
                    )

        self._database.write(count)
        return "counted again"

    def _write(self, statement: str, value: object) -> None:
        self._database.write(lambda connection: _execute(connection, statement, value))


def _execute(connection: sqlite3.Connection, statement: str, value: object) -> None:
    connection.execute(statement, (value,))


def _move(path: Path, target: Path) -> None:
    """Moves a file so that it is in one of both places whatever happens."""
    path.rename(target)
    sync_folder(target.parent)
    sync_folder(path.parent)
