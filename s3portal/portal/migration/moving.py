"""Moving: copying and applying in one run, for files that may come a few at a time.

Each file is copied and verified, its change is recorded, and only then its row is changed. A run that was
stopped or killed resumes with the same mapping file, which is also the way back.
"""

from collections.abc import Iterator
from itertools import chain

from s3portal.portal.migration.applying import ApplyReport, apply_changes
from s3portal.portal.migration.copying import CopyReport, copy_all, usable_files
from s3portal.portal.migration.interface import ChangeT, FileT, Job, Move, Place, Rows
from s3portal.portal.migration.mapping_file import MappingWriter

_ROWS_A_COMMIT = 100


def move_files(
    move: Move[FileT, ChangeT],
    rows: Rows[ChangeT],
    mapping: MappingWriter[ChangeT],
    threads: int,
    report: CopyReport,
    applied: ApplyReport,
) -> Iterator[FileT]:
    """Moves all files, and yields each as it is there. Files that an earlier run recorded are moved too: they
    are listed only as long as their rows have not changed.
    """
    recorded = {change.row for change in mapping.earlier}
    changes: list[ChangeT] = []
    sharing: list[Job[FileT]] = []
    first = copy_all(move, _jobs(move, report, sharing), threads)
    for outcome in chain(first, copy_all(move, iter(sharing), threads=1)):
        file = outcome.job.file
        if outcome.error is not None:
            report.failures.append((str(file), str(outcome.error)))
        else:
            change = move.change(file, outcome.job.place)
            if change.row not in recorded:
                mapping.add(change)
            changes.append(change)
            report.copied += 1
            if len(changes) >= _ROWS_A_COMMIT:
                _change_rows(rows, changes, mapping, applied)
        yield file
    _change_rows(rows, changes, mapping, applied)


def _jobs(move: Move[FileT, ChangeT], report: CopyReport, sharing: list[Job[FileT]]) -> Iterator[Job[FileT]]:
    """The files of a move. Those of rows that share one file come later, when the file is in its place."""
    used: set[Place] = set()
    for file in usable_files(move, report):
        job = Job(file, move.place(file))
        if job.place in used:
            sharing.append(job)
        else:
            used.add(job.place)
            yield job


def _change_rows(
    rows: Rows[ChangeT], changes: list[ChangeT], mapping: MappingWriter[ChangeT], applied: ApplyReport
) -> None:
    # Committed changes survive a failure of the machine, so the way back has to survive it too.
    mapping.keep()
    for _change in apply_changes(rows, changes, applied):
        pass
    changes.clear()
