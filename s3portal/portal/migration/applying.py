"""Applying: what a mapping says, into the database; and reverting, which is applying the way back.

A row is changed only where it still has the file that was copied. Doing it again changes nothing.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from s3portal.portal.migration.interface import ChangeT, Rows, RowState, UnusableChange

ROWS_A_COMMIT = 1000
# Some may have been deleted with their owners since.
_FILES_LOOKED_AT = 10


@dataclass
class ApplyReport:
    """What became of the changes. ``changed_since`` are the names, by row, of those that have another file by
    now; they stay as they are.
    """

    updated: int = 0
    before: int = 0
    gone: int = 0
    changed_since: dict[Hashable, str] = field(default_factory=dict)
    failures: list[tuple[str, str]] = field(default_factory=list)
    _settled: set[Hashable] = field(default_factory=set, repr=False)

    def count(self, row: Hashable, state: RowState, name: str) -> None:
        """Counts what became of one change.

        A file that was replaced between two runs of the copy has two changes. One of them is of the file that
        the row has, and then it is not said of the row that it has another.
        """
        if state is RowState.CHANGED_SINCE:
            if row not in self._settled:
                self.changed_since[row] = name
            return
        self._settled.add(row)
        self.changed_since.pop(row, None)
        self.updated += state is RowState.UPDATED
        self.before += state is RowState.BEFORE
        self.gone += state is RowState.GONE


def way_back(changes: Sequence[ChangeT]) -> list[ChangeT]:
    """The changes that undo these, the last one first."""
    return [change.reversed() for change in reversed(changes)]


def apply_changes(
    rows: Rows[ChangeT], changes: Iterable[ChangeT], report: ApplyReport, rows_a_commit: int = ROWS_A_COMMIT
) -> Iterator[ChangeT]:
    """Changes the rows, commits now and then, and yields each change when it is dealt with."""
    for number, change in enumerate(changes, start=1):
        _apply(rows, change, report)
        if number % rows_a_commit == 0:
            rows.commit()
        yield change
    rows.commit()


def _apply(rows: Rows[ChangeT], change: ChangeT, report: ApplyReport) -> None:
    try:
        state = rows.change(change)
    except UnusableChange as error:
        report.failures.append((error.name, error.reason))
        return
    report.count(change.row, state, rows.name(change))


def missing_everywhere(
    file_ids: Mapping[str, Sequence[str]], problem: Callable[[str, str], str | None]
) -> Iterator[tuple[str, str]]:
    """The containers that have none of a few of their files: the wrong bucket or key in the configuration,
    say. No row should change then.

    ``file_ids`` are those of each container; ``problem`` says why a container does not have a file, None
    where it has it. Yields ``(container, problem of the last one)``.
    """
    for container, ids in file_ids.items():
        said = None
        for file_id in ids[:: max(1, len(ids) // _FILES_LOOKED_AT)]:
            said = problem(container, file_id)
            if said is None:
                break
        if said is not None:
            yield container, said
