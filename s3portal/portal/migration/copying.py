"""Copying: each file to its new place, verified, and what that changes in its row into the mapping file.

Nothing is changed in the database here, so the site keeps running. A run that was stopped or killed
resumes where it was, with the same mapping file.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from s3portal.portal.migration.interface import AlreadyThere, ChangeT, FileT, Job, Move, Place, UnusableRow
from s3portal.portal.migration.mapping_file import MappingWriter
from s3portal.portal.migration.parallel import Outcome, work_through


@dataclass
class CopyReport:
    """What a run did. ``failures`` are names of files, each with a reason."""

    copied: int = 0
    recorded_before: int = 0
    #: Of the files that were listed and not worked on, since they were copied before or cannot be.
    passed_over: int = 0
    passed_over_bytes: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)


def copy_files(
    move: Move[FileT, ChangeT], mapping: MappingWriter[ChangeT], threads: int, report: CopyReport
) -> Iterator[FileT]:
    """Copies all files that the mapping does not have yet, and yields each as it is done.

    Memory: what ``copy`` needs in each thread, and the places that were used.
    """
    for outcome in copy_all(move, list_jobs(move, mapping, report), threads):
        file = outcome.job.file
        if outcome.error is not None:
            report.failures.append((str(file), str(outcome.error)))
        else:
            mapping.add(move.change(file, outcome.job.place))
            report.copied += 1
        yield file


def survey(move: Move[FileT, ChangeT], earlier: Iterable[ChangeT], report: CopyReport) -> tuple[int, int]:
    """How many files a copy would work on, and their bytes; nothing is done. ``earlier`` are the changes that
    were recorded before; what cannot be copied goes into the report."""
    count = size_bytes = 0
    for job in _jobs(move, earlier, report):
        count += 1
        size_bytes += job.file.size_bytes
    return count, size_bytes


def list_jobs(
    move: Move[FileT, ChangeT], mapping: MappingWriter[ChangeT], report: CopyReport
) -> Iterator[Job[FileT]]:
    """The files that the mapping does not have yet; what cannot be copied goes into the report."""
    return _jobs(move, mapping.earlier, report)


def _jobs(move: Move[FileT, ChangeT], earlier: Iterable[ChangeT], report: CopyReport) -> Iterator[Job[FileT]]:
    recorded = {change.row: change for change in earlier}
    used: set[Place] = set()
    for file in usable_files(move, report):
        place = move.place(file)
        is_taken = place in used
        used.add(place)
        change = recorded.get(file.row)
        if is_taken:
            report.failures.append((str(file), f"another file has the key {place.key} too"))
        elif change is not None and move.is_of(change, file):
            report.recorded_before += 1
        else:
            yield Job(file, place)
            continue
        report.passed_over += 1
        report.passed_over_bytes += file.size_bytes


def usable_files(move: Move[FileT, ChangeT], report: CopyReport) -> Iterator[FileT]:
    """The files of a move; rows that cannot be moved go into the report."""
    for file in move.files():
        if isinstance(file, UnusableRow):
            report.failures.append((file.name, file.reason))
            report.passed_over += 1
        else:
            yield file


def copy_all(
    move: Move[FileT, ChangeT], jobs: Iterator[Job[FileT]], threads: int
) -> Iterator[Outcome[Job[FileT], None]]:
    """Copies and verifies, several files at a time."""

    def copy(job: Job[FileT]) -> None:
        with move.working():
            try:
                move.copy(job.file, job.place)
            except AlreadyThere:
                # Copied before by a run that was killed before it could record it, unless it is another file.
                move.verify(job.file, job.place)

    return work_through(jobs, copy, threads)
