"""The same copy, with rclone sending the bytes: for files in local folders, which rclone can be pointed at.

Each batch is a folder of links that looks like the bucket; rclone copies it, and every object is verified
after.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import groupby, islice
from pathlib import Path

from s3portal.portal.migration.copying import CopyReport, list_jobs
from s3portal.portal.migration.interface import ChangeT, FileT, Job, LocalMove
from s3portal.portal.migration.mapping_file import MappingWriter

_FILES_A_BATCH = 1000


class RcloneUnusable(Exception):
    """rclone cannot do this copy; the message says why."""


def require_rclone() -> None:
    """Raises RcloneUnusable where rclone is not installed."""
    if shutil.which("rclone") is None:
        raise RcloneUnusable("rclone is not installed, or not on the PATH.")


def copy_by_rclone(
    move: LocalMove[FileT, ChangeT], mapping: MappingWriter[ChangeT], remote: str, report: CopyReport
) -> Iterator[FileT]:
    """As ``copy_files``. ``remote`` is the name of a remote in rclone's configuration."""
    jobs = list_jobs(move, mapping, report)
    while batch := list(islice(jobs, _FILES_A_BATCH)):
        batch.sort(key=lambda job: job.place.container)
        for container, group in groupby(batch, key=lambda job: job.place.container):
            yield from _copy_batch(move, f"{remote}:{container}", container, list(group), mapping, report)


def _copy_batch(
    move: LocalMove[FileT, ChangeT],
    target: str,
    container: str,
    jobs: list[Job[FileT]],
    mapping: MappingWriter[ChangeT],
    report: CopyReport,
) -> Iterator[FileT]:
    move.prepare(container)
    with tempfile.TemporaryDirectory(prefix="s3portal-migration-") as folder:
        for job in jobs:
            link = Path(folder) / job.place.key
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(move.local_path(job.file))
        # --immutable: an existing object is never overwritten.
        command = ["rclone", "copy", "--copy-links", "--immutable", folder, target]
        failed = subprocess.run(command, check=False).returncode
    for job in jobs:
        try:
            move.verify(job.file, job.place)
        except Exception as error:  # noqa: BLE001 (reported for each file)
            reason = f"rclone ended with {failed}: {error}" if failed else str(error)
            report.failures.append((str(job.file), reason))
        else:
            mapping.add(move.change(job.file, job.place))
            report.copied += 1
        yield job.file
