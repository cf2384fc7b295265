"""``migrate copy --rclone``: the same copy, with rclone sending the bytes.

Each batch is a folder of links that looks like the bucket; rclone copies it, and every object is verified
after.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from itertools import groupby, islice
from pathlib import Path

from indico.core.storage.backend import FileSystemStorage, get_storage

from indico_plugin.buckets import create_bucket
from indico_plugin.migration.copy import CopyJob, CopyReport, CopyTarget, list_jobs, verify_object
from indico_plugin.migration.mapping import MappingWriter, moved_entry
from indico_plugin.migration.stored_files import StoredFile
from indico_plugin.options import open_backend_store

_FILES_A_BATCH = 1000


class RcloneUnusable(Exception):
    """rclone cannot do this copy; the message says why."""


def require_rclone(sources: Sequence[str]) -> None:
    """Raises RcloneUnusable where rclone is not installed, or cannot be pointed at a source."""
    if shutil.which("rclone") is None:
        raise RcloneUnusable("rclone is not installed, or not on the PATH.")
    for name in sources:
        if not isinstance(get_storage(name), FileSystemStorage):
            raise RcloneUnusable(f"{name} is not in the file system, so rclone cannot copy from it.")


def copy_by_rclone(
    sources: Sequence[str], target: CopyTarget, mapping: MappingWriter, remote: str, report: CopyReport
) -> Iterator[StoredFile]:
    """As ``copy_files``, for backends in the file system, whose files rclone can be pointed at."""
    jobs = list_jobs(sources, target, mapping, report)
    while batch := list(islice(jobs, _FILES_A_BATCH)):
        batch.sort(key=lambda job: job.bucket)
        for bucket, group in groupby(batch, key=lambda job: job.bucket):
            yield from _copy_batch(bucket, list(group), target, mapping, remote, report)


def _copy_batch(
    bucket: str,
    jobs: list[CopyJob],
    target: CopyTarget,
    mapping: MappingWriter,
    remote: str,
    report: CopyReport,
) -> Iterator[StoredFile]:
    options = target.options(bucket)
    create_bucket(options, bucket)
    with tempfile.TemporaryDirectory(prefix="indico-s3-") as folder:
        for job in jobs:
            _link(job.file, Path(folder))
        # --immutable: what is there under a key is never overwritten.
        command = ["rclone", "copy", "--copy-links", "--immutable", folder, f"{remote}:{bucket}"]
        failed = subprocess.run(command, check=False).returncode
    for job in jobs:
        try:
            verify_object(open_backend_store(options, bucket), job.file.key, job.file)
        except Exception as error:  # noqa: BLE001 (reported for each file)
            reason = f"rclone ended with {failed}: {error}" if failed else str(error)
            report.failures.append((str(job.file), reason))
        else:
            file = job.file
            mapping.add(
                moved_entry(file.model, file.pk, (file.backend, file.file_id), (job.backend, file.key))
            )
            report.copied += 1
        yield job.file


def _link(file: StoredFile, folder: Path) -> None:
    link = folder / file.key
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(get_storage(file.backend)._resolve_path(file.file_id))
