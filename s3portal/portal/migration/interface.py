"""What a portal implements so that its files can be moved, and the words in which it answers."""

from collections.abc import Hashable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Generic, Protocol, TypeVar


class NotVerified(Exception):
    """The copy at a file's new place differs from what the portal records; the message says how."""


class AlreadyThere(Exception):
    """Something is in the file's new place already; it was left as it is."""


class UnusableChange(Exception):
    """A change that this portal cannot make at all, such as one to a table that it does not have."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason


class PortalFile(Protocol):
    """One file of the portal, apart from its database session, so that any thread may work on it.
    ``str()`` of it is what an administrator knows it by.
    """

    @property
    def row(self) -> Hashable:
        """Which row of the database it is."""

    @property
    def size_bytes(self) -> int:
        """Its size, as the portal has it on record."""


@dataclass(frozen=True)
class UnusableRow:
    """A row that cannot be moved, such as one of which no key can be made, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Place:
    """Where a file goes: its key, and the bucket or folder that the key is in."""

    container: str
    key: str


class Change(Protocol):
    """What changes in one row. It is written into a mapping file, one line each, and read from there."""

    @property
    def row(self) -> Hashable:
        """Which row it is: that of its file."""

    def as_line(self) -> str:
        """The change as a line of the mapping file, with its line end."""

    def reversed(self: "ChangeT") -> "ChangeT":
        """The change that undoes this one."""


FileT = TypeVar("FileT", bound=PortalFile)
ChangeT = TypeVar("ChangeT", bound=Change)
_ChangeT_contra = TypeVar("_ChangeT_contra", bound=Change, contravariant=True)


class Move(Protocol[FileT, ChangeT]):
    """Files of a portal that go from where they are to somewhere else."""

    def files(self) -> Iterator[FileT | UnusableRow]:
        """The files that are to be moved, in an order that stays. Called once, in the caller's thread."""

    def place(self, file: FileT) -> Place:
        """Where the file goes; the same at every call."""

    def change(self, file: FileT, place: Place) -> ChangeT:
        """What changes in the file's row when it is there."""

    def is_of(self, change: ChangeT, file: FileT) -> bool:
        """Whether a change that an earlier run recorded for this row is of the file that the row has now."""

    def copy(self, file: FileT, place: Place) -> None:
        """Copies the file, and compares the copy with the original before it returns.

        Called in several threads, each within ``working``. Raises AlreadyThere where something is in its
        place, NotVerified where the copy is not the file; whatever else it raises is said of this file.
        """

    def verify(self, file: FileT, place: Place) -> None:
        """Compares the copy with the file. Raises NotVerified."""

    def working(self) -> AbstractContextManager[object]:
        """What each call of ``copy`` needs around it, such as an application context."""


class LocalMove(Move[FileT, ChangeT], Protocol):
    """A move out of local folders, which another program can be pointed at."""

    def local_path(self, file: FileT) -> Path:
        """Where the file is now."""

    def prepare(self, container: str) -> None:
        """Makes the bucket that files go to, unless it is there."""


class RowState(Enum):
    """What a row was found to be when it should change."""

    UPDATED = "updated"
    #: It had the new values already.
    BEFORE = "before"
    GONE = "gone"
    #: It has another file by now, and stays as it is.
    CHANGED_SINCE = "changed since"


class Rows(Protocol[_ChangeT_contra]):
    """The rows of the portal's database that say where files are."""

    def change(self, change: _ChangeT_contra) -> RowState:
        """Makes the change where the row still has the file that was copied, all of it or nothing, and says
        what the row was. Raises UnusableChange.
        """

    def name(self, change: _ChangeT_contra) -> str:
        """The row as an administrator knows it."""

    def commit(self) -> None:
        """Makes the changes permanent. Changes that are not committed are lost if the process is killed."""


@dataclass(frozen=True)
class Job(Generic[FileT]):
    """One file that is to be copied, and where to."""

    file: FileT
    place: Place
