"""Looking through a folder in the order in which S3 lists keys, without waiting for ever on a dead mount."""

import os
import stat
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue

from s3portal.buckets.problems import Unusable
from s3portal.buckets.sync.entries import Entry, Trouble

#: Temporary files of a sync that fetches; they are never sent.
PARTIAL_SUFFIX = ".s3portal-part"
#: How long a folder may take to list before it is taken for dead.
FOLDER_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class WalkingRules:
    """``follow_symlinks``: links to files and folders count as what they lead to, otherwise they are left
    out and named."""

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
    """The folder's entries in order, by a thread that is left behind where the file system hangs: nothing
    ends a call that waits for a dead mount."""
    answer: SimpleQueue[tuple[list[_Found], list[Trouble]] | Trouble] = SimpleQueue()

    def look() -> None:
        try:
            answer.put(_look(folder, base, rules))
        except OSError as error:
            answer.put(Trouble(base or ".", f"cannot be listed: {error.strerror}", hides_more=True))

    threading.Thread(target=look, name=f"listing {folder}", daemon=True).start()
    try:
        return answer.get(timeout=rules.folder_timeout_s)
    except Empty:
        reason = f"did not answer for {rules.folder_timeout_s:g} seconds, so it was skipped"
        return Trouble(base or ".", reason, hides_more=True)


def _look(folder: Path, base: str, rules: WalkingRules) -> tuple[list[_Found], list[Trouble]]:
    found: list[_Found] = []
    troubles: list[Trouble] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            looked = _look_at(entry, base, rules)
            if isinstance(looked, Trouble):
                troubles.append(looked)
            elif looked is not None:
                found.append(looked)
    found.sort(key=lambda each: each.sorted_by)
    return found, troubles


def _look_at(entry: "os.DirEntry[str]", base: str, rules: WalkingRules) -> _Found | Trouble | None:
    name = entry.name
    if name.endswith(PARTIAL_SUFFIX):
        return None
    path = base + name
    try:
        encoded = name.encode()
    except UnicodeEncodeError:
        shown = os.fsencode(path).decode("utf-8", "backslashreplace")
        return Trouble(shown, "has a name that is not UTF-8, which no key can be")
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
