"""A check of a whole folder, and its repair."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

from s3portal.server.kms.administrator import AdministratorsKeys
from s3portal.server.kms.key_sources import MasterKeySource
from s3portal.server.kms.master_key import MasterKey
from s3portal.server.storage import damage
from s3portal.server.storage.damage import Damage
from s3portal.server.storage.database import Database
from s3portal.server.storage.folder import Folder, StorageInUse
from s3portal.server.storage.reader import NoStorage, ReadingStorage
from s3portal.server.upkeep.blob_files import unknown_files, unknown_rows, wrong_counters
from s3portal.server.upkeep.bodies import OBJECT, VERSION, Body, all_bodies
from s3portal.server.upkeep.findings import DATABASE_DAMAGED, Checked, Finding, Report
from s3portal.server.upkeep.repairing import Repairs
from s3portal.server.upkeep.verifying import check_body


def check_folder(
    root: Path, *, deep: bool = False, apply: bool = False, key_source: MasterKeySource | None = None
) -> Report:
    """Checks the folder of a server and, where asked, repairs what can be repaired.

    A server may be running; nothing is changed then, and what it has in hand is not looked at.
    ``key_source`` is where the master key is, by which a deep check reads what is encrypted.
    Raises NoStorage, and StorageInUse when a server runs that ``apply`` would get in the way of.
    """
    if not (root / "metadata.sqlite3").is_file():
        raise NoStorage(f"{root} is not the folder of a server: it has no metadata.sqlite3")
    try:
        folder = Folder(root)
    except StorageInUse as used:
        if apply:
            raise StorageInUse(f"a server is using {root}: stop it first, or check without --apply") from used
        return _check(root, deep=deep, is_served=True, key_source=key_source)
    try:
        report = _check(root, deep=deep, is_served=False, key_source=key_source)
        if apply and report.findings:
            return _repaired(root, report)
        return report
    finally:
        folder.close()


def _check(root: Path, *, deep: bool, is_served: bool, key_source: MasterKeySource | None) -> Report:
    storage = ReadingStorage(root)
    keys = AdministratorsKeys(storage, MasterKey(root, key_source))
    try:
        checked = Checked()
        found = [*_findings(storage, keys, checked, deep=deep, is_served=is_served)]
        return Report(found, checked, deep, is_served)
    finally:
        storage.close()


def _findings(
    storage: ReadingStorage, keys: AdministratorsKeys, checked: Checked, *, deep: bool, is_served: bool
) -> Iterator[Finding]:
    damaged = [*_damage(storage, deep=deep)]
    yield from damaged
    if damaged:
        # Whatever its rows say now cannot be relied on.
        return

    def pace(count: int) -> None:
        checked.bytes_read += count

    # What the scan of a running server has found; a deep check looks for itself.
    noted = {} if deep else {one.body_id: one for one in damage.find_all(storage)}
    for body in all_bodies(storage):
        checked.objects += body.kind == OBJECT
        checked.versions += body.kind == VERSION
        checked.uploads += body.kind not in (OBJECT, VERSION)
        found = check_body(storage, body, deep=deep, pace=pace, keys=keys)
        yield from found
        if body.body_id in noted and not found:
            yield _scanned(body, noted[body.body_id])
    yield from unknown_rows(storage)
    yield from wrong_counters(storage)
    yield from unknown_files(storage, checked, is_served=is_served)


def _scanned(body: Body, noted: Damage) -> Finding:
    day = datetime.fromtimestamp(noted.found_at / 1000, timezone.utc).date()
    message = f"{noted.message}, as the integrity scan found on {day}"
    fix = "Put the file back from a copy of the folder, or store the object again; --deep reads it again."
    return Finding(noted.kind, message, fix, body.bucket, body.key, body.version_id)


def _damage(storage: ReadingStorage, *, deep: bool) -> Iterator[Finding]:
    """Yields what SQLite itself finds wrong with the database."""
    pragma = "integrity_check" if deep else "quick_check"
    try:
        with storage.database.read() as connection:
            lines = [line for (line,) in connection.execute(f"PRAGMA {pragma}(20)")]
    except sqlite3.DatabaseError as problem:
        lines = [str(problem)]
    for line in lines:
        if line != "ok":
            fix = "Put metadata.sqlite3 back from a copy of the folder."
            yield Finding(DATABASE_DAMAGED, f"the database is damaged: {line}", fix)


def _repaired(root: Path, report: Report) -> Report:
    database = Database(root / "metadata.sqlite3")
    try:
        repairs = Repairs(root, database)
        found = [repairs.repair(finding) for finding in report.findings]
    finally:
        database.close()
    return Report(found, report.checked, report.is_deep, report.is_served)
