"""``s3portal server fsck`` and its neighbours."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

import click

from s3portal.server.storage.folder import StorageInUse
from s3portal.server.storage.reader import NoStorage
from s3portal.server.upkeep.checking import check_folder
from s3portal.server.upkeep.findings import Finding, Report

_PATH = click.Path(path_type=Path)
CLEAN, FOUND, CANNOT_RUN = 0, 1, 2


@click.command("fsck")
@click.argument("root", type=_PATH)
@click.option("--deep", is_flag=True, help="Read every byte and compare it with the checksums.")
@click.option(
    "--apply", "apply", is_flag=True, help="Repair what can be repaired; the server must not be running."
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def fsck_command(root: Path, deep: bool, apply: bool, as_json: bool) -> None:
    """Check the folder ROOT of a server, and repair it.

    Finds objects whose bytes are missing, too short or (with --deep) changed, files that belong to nothing,
    rows that contradict each other, and wrong counters. It changes nothing without --apply, and may run
    beside the server then. A repair never removes the only copy of anything: it moves to lost+found, in the
    same folder, what belongs to nothing.

    Exit status: 0 if nothing is wrong (any more), 1 if something is, 2 if the check could not run.
    """
    try:
        report = check_folder(root, deep=deep, apply=apply)
    except (NoStorage, StorageInUse, OSError) as problem:
        _cannot_run(problem)
    click.echo(json.dumps(_document(report), indent=1) if as_json else _text(report))
    sys.exit(FOUND if report.left else CLEAN)


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
