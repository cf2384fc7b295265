"""Looking through a folder in the order in which S3 lists keys, without waiting for ever on a dead mount."""

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from s3portal.buckets.problems import Unusable
from s3portal.buckets.sync.entries import Entry, Trouble
from s3portal.buckets.sync.file_reads import Unresponsive, within

#: Temporary files of a sync that fetches; they are never sent.
PARTIAL_SUFFIX = ".s3portal-part"
#: How long a folder may take to list before it is taken for dead.
FOLDER_TIMEOUT_S = 60.0
_LOOKED_AT_A_TIME = 100
#: Each takes the whole time; after so many the rest of the folder is not waited for.
_DEAD_AFTER = 3


@dataclass(frozen=True)
class WalkingRules:
    """``follow_symlinks``: links to files and folders count as what they lead to, otherwise they are left
    out and named. ``folder_timeout_s`` is for listing a folder, and for looking at each file in it."""

    follow_symlinks: bool = False
    folder_timeout_s: float = FOLDER_TIMEOUT_S


@dataclass(frozen=True, slots=True)
class _Found:
    """An entry of a folder, looked at. ``sorted_by`` is its name as it takes part in the order of keys."""

    name: str
    sorted_by: bytes
    is_folder: bool
    size_bytes: int
    modified_s: float
    device: int
    inode: int


def walk(root: Path, rules: WalkingRules, trouble: Callable[[Trouble], None]) -> Iterator[Entry]:
    """The files below ``root``, in the order of keys. What is left out is told to ``trouble``: links, sockets
    and devices, names that are not UTF-8, what may not be read, folders that do not answer.

    Raises Unusable where the folder itself cannot be looked through.
    """
    try:
        own = root.stat()
    except OSError as error:
        raise Unusable(f"{root}: {error.strerror}") from error
    if not stat.S_ISDIR(own.st_mode):
        raise Unusable(f"{root} is not a folder; for single files:  s3portal cp")
    yield from _walk(root, "", rules, trouble, ((own.st_dev, own.st_ino),))


def _walk(
    folder: Path,
    base: str,
    rules: WalkingRules,
    trouble: Callable[[Trouble], None],
    above: tuple[tuple[int, int], ...],
) -> Iterator[Entry]:
    listed = _listed(folder, base, rules)
    if isinstance(listed, Trouble):
        trouble(listed)
        return
    found, troubles = listed
    for each in troubles:
        trouble(each)
    for entry in found:
        path = base + entry.name
        if not entry.is_folder:
            yield Entry(path, entry.size_bytes, entry.modified_s)
        elif (entry.device, entry.inode) in above:
            trouble(Trouble(path, "is a link to a folder that it is in"))
        else:
            below = (*above, (entry.device, entry.inode))
            yield from _walk(folder / entry.name, f"{path}/", rules, trouble, below)


def _listed(folder: Path, base: str, rules: WalkingRules) -> tuple[list[_Found], list[Trouble]] | Trouble:
    """The folder's entries in order."""
    try:
        entries = within(rules.folder_timeout_s, lambda: _names(folder))
    except Unresponsive as error:
        return Trouble(base or ".", str(error), hides_more=True)
    except OSError as error:
        return Trouble(base or ".", f"cannot be listed: {error.strerror}", hides_more=True)
    found: list[_Found] = []
    troubles: list[Trouble] = []
    for looked in _looked_at(entries, base, rules):
        if isinstance(looked, Trouble):
            troubles.append(looked)
        elif looked is not None:
            found.append(looked)
    found.sort(key=lambda each: each.sorted_by)
    return found, troubles


def _names(folder: Path) -> "list[os.DirEntry[str]]":
    with os.scandir(folder) as entries:
        return list(entries)


def _looked_at(
    entries: "list[os.DirEntry[str]]", base: str, rules: WalkingRules
) -> Iterator[_Found | Trouble | None]:
    """Each entry, looked at. One that hangs is named, and the others are looked at all the same, until it is
    clear that the folder itself is dead."""
    at = unresponsive = 0
    while at < len(entries):
        looked: list[_Found | Trouble | None] = []
        wanted = entries[at : at + _LOOKED_AT_A_TIME]

        def look(
            looked: list[_Found | Trouble | None] = looked, wanted: "list[os.DirEntry[str]]" = wanted
        ) -> None:
            for entry in wanted:
                looked.append(_look_at(entry, base, rules))

        problem: Unresponsive | None = None
        try:
            within(rules.folder_timeout_s, look)
        except Unresponsive as error:
            problem = error
        # One that is left behind may still add to it.
        through = looked[: len(looked)]
        yield from through
        at += len(through)
        if problem is None or through:
            continue
        unresponsive += 1
        if unresponsive == _DEAD_AFTER:
            yield Trouble(base or ".", f"files in it {problem}, and so was the rest", hides_more=True)
            return
        yield Trouble(base + _readable(entries[at].name), str(problem), hides_more=True)
        at += 1


def _look_at(entry: "os.DirEntry[str]", base: str, rules: WalkingRules) -> _Found | Trouble | None:
    name = entry.name
    if name.endswith(PARTIAL_SUFFIX):
        return None
    path = base + name
    try:
        encoded = name.encode()
    except UnicodeEncodeError:
        return Trouble(_readable(path), "has a name that is not UTF-8, which no key can be")
    try:
        if entry.is_symlink() and not rules.follow_symlinks:
            return Trouble(path, "a symbolic link; --follow-symlinks takes what it leads to", by_rule=True)
        status = entry.stat(follow_symlinks=True)
    except OSError as error:
        return Trouble(path, f"cannot be looked at: {error.strerror}", hides_more=True)
    if stat.S_ISDIR(status.st_mode):
        return _Found(name, encoded + b"/", True, 0, 0.0, status.st_dev, status.st_ino)
    if not stat.S_ISREG(status.st_mode):
        return Trouble(path, "no file: a socket, a pipe or a device", by_rule=True)
    modified_s = status.st_mtime_ns / 1e9
    return _Found(name, encoded, False, status.st_size, modified_s, status.st_dev, status.st_ino)


def _readable(path: str) -> str:
    """A path whose bytes may not be UTF-8."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
