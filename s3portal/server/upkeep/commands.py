"""``s3portal server fsck`` and its neighbours."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NoReturn

import click

from s3portal.server.kms.administrator import AdministratorsKeys
from s3portal.server.kms.key_sources import KEY_SOURCE, MasterKeySource
from s3portal.server.kms.master_key import MasterKey
from s3portal.server.storage.folder import StorageInUse
from s3portal.server.storage.migrations import NotUpgraded, OtherVersion
from s3portal.server.storage.reader import NoStorage, ReadingStorage
from s3portal.server.storage.storage import Storage
from s3portal.server.upkeep.bodies import printable
from s3portal.server.upkeep.checking import check_folder
from s3portal.server.upkeep.exporting import CannotExport, export_bucket
from s3portal.server.upkeep.findings import Finding, Report
from s3portal.server.upkeep.importing import import_folder
from s3portal.server.upkeep.where import Located, locate
from s3portal.server.wire.errors import S3Error

_PATH = click.Path(path_type=Path)
CLEAN, FOUND, CANNOT_RUN = 0, 1, 2


root_option = click.option(
    "--root", type=_PATH, help="The folder of the server.  [default: as for s3portal server]"
)


@click.command("fsck")
@click.argument("folder", metavar="[ROOT]", type=_PATH, required=False)
@root_option
@click.option("--deep", is_flag=True, help="Read every byte and compare it with the checksums.")
@click.option(
    "--apply", "apply", is_flag=True, help="Repair what can be repaired; the server must not be running."
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.pass_obj
def fsck_command(
    default_root: Path, folder: Path | None, root: Path | None, deep: bool, apply: bool, as_json: bool
) -> None:
    """Check the folder ROOT of a server, and repair it. Without ROOT, the one of s3portal server --root.

    Finds objects whose bytes are missing, too short or (with --deep) changed, files that belong to nothing,
    rows that contradict each other, and wrong counters. It changes nothing without --apply, and may run
    beside the server then. A repair never removes the only copy of anything: it moves to lost+found, in the
    same folder, what belongs to nothing.

    Exit status: 0 if nothing is wrong (any more), 1 if something is, 2 if the check could not run.
    """
    if folder is not None and root is not None:
        raise click.UsageError("Name the folder once: as ROOT, or by --root.")
    try:
        report = check_folder(
            folder or root or default_root, deep=deep, apply=apply, key_source=_key_source()
        )
    except (NoStorage, StorageInUse, OSError) as problem:
        _cannot_run(problem)
    click.echo(json.dumps(_document(report), indent=1) if as_json else _text(report))
    sys.exit(FOUND if report.left else CLEAN)


def _key_source() -> MasterKeySource | None:
    """Where the configuration of s3portal server says that the master key is."""
    found: MasterKeySource | None = click.get_current_context().meta.get(KEY_SOURCE)
    return found


def _cannot_run(problem: Exception) -> NoReturn:
    click.echo(f"Error: {problem}", err=True)
    sys.exit(CANNOT_RUN)


def _document(report: Report) -> dict[str, Any]:
    return {
        "clean": not report.left,
        "deep": report.is_deep,
        "server_running": report.is_served,
        "checked": asdict(report.checked),
        "findings": [
            {name: value for name, value in asdict(finding).items() if value is not None}
            for finding in report.findings
        ],
    }


def _text(report: Report) -> str:
    lines = [_line(finding) for finding in report.findings]
    checked = report.checked
    read = f", {checked.bytes_read:,} bytes read" if report.is_deep else ""
    lines.append(
        f"Checked {checked.objects:,} objects, {checked.versions:,} older versions, {checked.uploads:,} "
        f"unfinished uploads, {checked.blobs:,} files{read}."
    )
    if report.is_served:
        lines.append("A server is using the folder; what it is working on was left out.")
    repaired = len(report.findings) - len(report.left)
    if not report.findings:
        lines.append("Nothing is wrong.")
    elif repaired:
        lines.append(f"{repaired:,} of {len(report.findings):,} findings were repaired.")
    else:
        lines.append(f"{len(report.findings):,} findings.")
    return "\n".join(lines)


def _line(finding: Finding) -> str:
    size = "" if finding.size_bytes is None else f" ({finding.size_bytes:,} bytes)"
    outcome = f"Repaired: {finding.repaired}." if finding.repaired else finding.fix
    return f"{finding.kind}: {finding.message}{size}. {outcome}"


@click.command("where")
@click.argument("name", metavar="BUCKET/KEY")
@root_option
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@click.pass_obj
def where_command(default_root: Path, name: str, root: Path | None, as_json: bool) -> None:
    """Show in which files the object BUCKET/KEY is, with its versions.

    May run beside the server. Contents of up to 16 KiB are in the database, without a file of their own.
    Exit status: 0, or 1 if there is no such object, or 2 if the folder cannot be read.
    """
    bucket, _, key = name.removeprefix("s3://").partition("/")
    if not bucket or not key:
        raise click.UsageError("name the object as BUCKET/KEY")
    with refusals(), reading(root or default_root) as storage:
        found = locate(storage, bucket, key)
        if as_json:
            click.echo(json.dumps([asdict(version) for version in found], indent=1, default=str))
        elif found:
            for version in found:
                click.echo("\n".join(_version_lines(version)))
    if not found:
        click.echo(f"There is no object {bucket}/{printable(key)}.", err=True)
        sys.exit(FOUND)


def _version_lines(version: Located) -> Iterator[str]:
    stamp = datetime.fromtimestamp(version.modified_at / 1000, timezone.utc).isoformat(" ", "seconds")
    current = "current" if version.is_current else "older"
    if version.is_delete_marker:
        yield f"version {version.version_id} ({current}): a delete marker of {stamp}"
        return
    yield (
        f"version {version.version_id} ({current}): {version.size_bytes:,} bytes, {version.content_type}, "
        f"stored {stamp}, ETag {version.etag}"
    )
    for place in version.places:
        where = "in the database" if place.file is None else f"{place.file}"
        encrypted = f", encrypted ({place.encryption})" if place.encryption else ""
        yield f"  bytes {place.first}-{place.last}: {where}{encrypted}"


@click.command("export")
@click.argument("bucket")
@click.argument("folder", metavar="DIR", type=_PATH)
@root_option
@click.option("--portable", is_flag=True, help="Only use names that Windows and macOS can have, too.")
@click.pass_obj
def export_command(default_root: Path, bucket: str, folder: Path, root: Path | None, portable: bool) -> None:
    """Copy the objects of BUCKET into plain files below DIR.

    May run beside the server, and may be run again: it writes what has changed. A key that cannot be a path
    is written to DIR/.s3portal-export/odd, and DIR/.s3portal-export/odd.jsonl says which file has which key.
    Exit status: 0, or 1 if an object could not be written, or 2 if nothing could.
    """
    with refusals(), reading(root or default_root) as storage:
        keys = AdministratorsKeys(storage, MasterKey(root or default_root, _key_source()))
        done = export_bucket(storage, bucket, folder, portable=portable, keys=keys, on_failure=_complain)
    odd = f", {done.odd:,} of them under another name (see {folder}/.s3portal-export/odd.jsonl)"
    click.echo(
        f"{done.files:,} objects written ({done.bytes_written:,} bytes), {done.unchanged:,} were there "
        f"already{odd if done.odd else ''}, {len(done.failed):,} failed."
    )
    sys.exit(FOUND if done.failed else CLEAN)


@click.command("import")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("bucket")
@root_option
@click.pass_obj
def import_command(default_root: Path, folder: Path, bucket: str, root: Path | None) -> None:
    """Store the files below DIR as objects of BUCKET, which must exist.

    The server must not be running. May be run again: it stores what has changed. Links are not followed.
    Exit status: 0, or 1 if a file was left out, or 2 if nothing could be stored.
    """
    with refusals():
        place = root or default_root
        if not (place / "metadata.sqlite3").is_file():
            raise NoStorage(f"{place} is not the folder of a server: it has no metadata.sqlite3")
        storage = Storage(place)
        try:
            keys = AdministratorsKeys(storage, MasterKey(place, _key_source()))
            done = import_folder(storage, folder, bucket, keys=keys, on_problem=_complain)
        finally:
            storage.close()
    click.echo(
        f"{done.files:,} files stored ({done.bytes_read:,} bytes), {done.unchanged:,} were there already, "
        f"{len(done.skipped):,} left out, {len(done.failed):,} failed."
    )
    sys.exit(FOUND if done.skipped or done.failed else CLEAN)


def _complain(message: str) -> None:
    click.echo(printable(message), err=True)


@contextmanager
def reading(root: Path) -> Iterator[Storage]:
    storage = ReadingStorage(root)
    try:
        yield storage
    finally:
        storage.close()


@contextmanager
def refusals() -> Iterator[None]:
    """Ends the command with a sentence and its exit status where it cannot run."""
    try:
        yield
    except StorageInUse as used:
        _cannot_run(StorageInUse(f"{used}: stop it first"))
    except S3Error as refused:
        facts = "".join(f" {value}" for value in refused.facts.values())
        _cannot_run(RuntimeError(f"{refused.message}{facts}"))
    except (NoStorage, CannotExport, NotUpgraded, OtherVersion, OSError) as problem:
        _cannot_run(problem)
