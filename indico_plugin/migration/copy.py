"""``migrate copy``: every file to S3, verified, and what that changes in the database into a mapping file.

Nothing is changed in the database here, so the site goes on as it is. A run that was stopped or killed goes
on where it was, with the same command.
"""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from indico.core.storage.backend import get_storage
from indico.util.date_time import now_utc

from indico_plugin.buckets import bucket_exists, create_bucket
from indico_plugin.migration.bucket_rules import BucketRule, choose_bucket
from indico_plugin.migration.mapping import MappingWriter, moved_entry
from indico_plugin.migration.parallel import work_through
from indico_plugin.migration.stored_files import StoredFile, UnusableRow, list_files
from indico_plugin.object_writer import KeyExists, write_object
from indico_plugin.options import StaticOptions, open_backend_store
from s3portal.transfer import Store, read_settings


class NotVerified(Exception):
    """What is on S3 is not what the file is; the message says in what."""


@dataclass(frozen=True)
class CopyTarget:
    """Where on S3 the files go. ``connection`` has the options of the new backends but for the bucket."""

    connection: dict[str, str]
    rules: tuple[BucketRule, ...]
    static_rule: BucketRule | None

    def names(self, file: StoredFile) -> tuple[str, str]:
        """``(bucket, backend)`` for a file."""
        if file.model == "StaticSite" and self.static_rule is not None:
            return self.static_rule.names(file.created_at)
        return choose_bucket(self.rules, file.created_at)

    def options(self, bucket: str) -> StaticOptions:
        """The options of the backend of one bucket."""
        return read_settings(StaticOptions, {**self.connection, "bucket": bucket}, "")

    def require_store(self) -> None:
        """Raises what the store says of these keys and this address, before any file is read. That a bucket
        is not there yet is fine.
        """
        rules = (*self.rules, self.static_rule) if self.static_rule else self.rules
        for rule in rules:
            bucket, _backend = rule.names(now_utc())
            bucket_exists(self.options(bucket), bucket)

    def definition(self, bucket: str) -> str:
        """The line of ``STORAGE_BACKENDS`` for one bucket, but for its name. Read-only: new files go
        elsewhere.
        """
        options = {
            name: value.removeprefix("https://") if name == "host" else value
            for name, value in self.connection.items()
            if name != "bucket_policy_file"
        }
        return "s3-readonly:" + ",".join(
            f"{name}={value}" for name, value in {**options, "bucket": bucket}.items()
        )


@dataclass
class CopyReport:
    """What a run did. ``backends`` are the new entries of STORAGE_BACKENDS, by name."""

    copied: int = 0
    recorded_before: int = 0
    #: Of the files that were listed and not worked on, since they were copied before or cannot be.
    passed_over: int = 0
    passed_over_bytes: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)
    backends: dict[str, str] = field(default_factory=dict)

    def pass_over(self, file: StoredFile) -> None:
        """Counts a file that is not worked on."""
        self.passed_over += 1
        self.passed_over_bytes += file.size_bytes


@dataclass(frozen=True)
class CopyJob:
    """One file that is to be copied, and where to."""

    file: StoredFile
    bucket: str
    backend: str


def copy_files(
    sources: Sequence[str], target: CopyTarget, mapping: MappingWriter, threads: int, report: CopyReport
) -> Iterator[StoredFile]:
    """Copies all files of the source backends that the mapping does not have yet, and yields each as it is
    done.

    Memory: for every thread what ``write_object`` needs, and the keys that were used.
    """
    jobs = list_jobs(sources, target, mapping, report)
    for outcome in work_through(jobs, lambda job: _copy(job, target), threads):
        job, file = outcome.job, outcome.job.file
        if outcome.error is not None:
            report.failures.append((str(file), str(outcome.error)))
        else:
            mapping.add(
                moved_entry(file.model, file.pk, (file.backend, file.file_id), (job.backend, file.key))
            )
            report.copied += 1
        yield file


def list_jobs(
    sources: Sequence[str], target: CopyTarget, mapping: MappingWriter, report: CopyReport
) -> Iterator[CopyJob]:
    """The files that the mapping does not have yet; what cannot be copied goes into the report."""
    recorded = {entry.row: entry for entry in mapping.earlier}
    used: set[tuple[str, str]] = set()
    for file in list_files(sources):
        if isinstance(file, UnusableRow):
            report.failures.append((file.name, file.reason))
            report.passed_over += 1
            continue
        bucket, backend = target.names(file)
        report.backends[backend] = target.definition(bucket)
        entry = recorded.get((file.model, file.pk))
        unchanged = entry is not None and entry.old_file_id in (None, file.file_id)
        if (bucket, file.key) in used:
            report.failures.append((str(file), f"another file has the key {file.key} too"))
            report.pass_over(file)
            continue
        used.add((bucket, file.key))
        if unchanged:
            report.recorded_before += 1
            report.pass_over(file)
        else:
            yield CopyJob(file, bucket, backend)


def _copy(job: CopyJob, target: CopyTarget) -> None:
    """One file, from reading it to having looked at the object."""
    options = target.options(job.bucket)
    store = open_backend_store(options, job.bucket)
    file = job.file
    with get_storage(file.backend).open(file.file_id) as source:
        try:
            write_object(
                store,
                file.key,
                file.content_type,
                source,
                make_bucket=lambda: create_bucket(options, job.bucket),
                expected_md5=file.md5,
            )
        except KeyExists:
            # Copied before by a run that was killed before it could write so down, unless it is another file.
            verify_object(store, file.key, file)
            return
    verify_object(store, file.key, file)


def verify_object(store: Store, key: str, file: StoredFile) -> None:
    """Compares the object with the file's row. Raises NotVerified, and ClientError where there is no
    object.
    """
    head = store.client().head_object(Bucket=store.bucket, Key=key)
    if head["ContentLength"] != file.size_bytes:
        raise NotVerified(
            f"{key} in {store.bucket} has {head['ContentLength']} bytes but should have {file.size_bytes}"
        )
    if file.md5 and file.md5.lower() not in _md5s(head):
        raise NotVerified(f"{key} in {store.bucket} is another file: its MD5 is not {file.md5}")


def _md5s(head: dict) -> tuple[str, ...]:
    """What the object says of its MD5, in hex: metadata of this plugin and of rclone, or the ETag of one
    part.
    """
    metadata = {name.lower(): value for name, value in head["Metadata"].items()}
    noted = metadata.get("md5chksum", "")
    return head["ETag"].strip('"').lower(), base64.b64decode(noted).hex()
