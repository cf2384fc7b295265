"""Files of this machine as a sync writes them: beside their place first, and never out of the folder."""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from s3portal.buckets.local_state import Lock, try_lock
from s3portal.buckets.sync.walking import PARTIAL_SUFFIX


class UnsafePath(Exception):
    """A key that no file can have here: it would leave the folder, or is a folder already."""


def target_path(root: Path, path: str) -> Path:
    """Where the object of this path goes. Raises UnsafePath.

    Keys are anything; ``..``, empty and absolute parts, NUL, and links on the way are refused.
    """
    parts = path.split("/")
    if any(part in ("", ".", "..") for part in parts) or "\0" in path or ("\\" in path and os.sep == "\\"):
        raise UnsafePath("would leave the folder, or is no path (an empty part, . or ..)")
    if parts[-1].endswith(PARTIAL_SUFFIX):
        raise UnsafePath(f"ends with {PARTIAL_SUFFIX}, which is for unfinished files")
    here = root
    for part in parts[:-1]:
        here = here / part
        if here.is_symlink():
            raise UnsafePath(f"{here} is a symbolic link, which may lead out of the folder")
    return here / parts[-1]


def ready_for(path: Path) -> None:
    """Makes the folders that the file needs. Raises UnsafePath where a folder is a file or the other way
    round."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise UnsafePath(f"{error.filename} is a file, so it can hold no others") from error
    if path.is_dir() and not path.is_symlink():
        raise UnsafePath("is a folder here")


@contextmanager
def written_beside(path: Path, modified_s: float) -> Iterator[BinaryIO]:
    """A file to write to, which takes the place of ``path`` once all is written, with this time. What fails
    leaves nothing behind. Raises UnsafePath where a folder is a file or the other way round."""
    ready_for(path)
    partial, file = _begun_beside(path)
    try:
        with file:
            yield file
            file.flush()
            os.utime(partial, (modified_s, modified_s))
            if os.name == "nt":
                # Windows moves no file that is open; nor has it these locks.
                file.close()
            try:
                # Before the file is closed, which ends its lock.
                partial.replace(path)
            except IsADirectoryError as error:
                raise UnsafePath("is a folder here") from error
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _begun_beside(path: Path) -> tuple[Path, BinaryIO]:
    """An empty file beside the path, locked. It has always the same name, so that what a killed run left is
    written over, and another one only where another process is at it."""
    digest = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:12]
    partial = path.with_name(f".{_beginning(path.name)}.{digest}.whole{PARTIAL_SUFFIX}")
    with contextlib.suppress(FileExistsError):
        file = _opened(partial, os.O_CREAT | os.O_EXCL)
        if try_lock(file) is not Lock.HELD:
            return partial, file
        file.close()
    with contextlib.suppress(OSError):
        file = _opened(partial, 0)
        # Whoever had it may have put it in its place meanwhile: then it is no longer beside it.
        if try_lock(file) is Lock.OURS and os.fstat(file.fileno()).st_ino == partial.stat().st_ino:
            file.truncate()
            return partial, file
        file.close()
    partial = path.with_name(f".{_beginning(path.name)}.{os.getpid()}.{id(path):x}{PARTIAL_SUFFIX}")
    return partial, _opened(partial, os.O_CREAT | os.O_EXCL)


def _opened(path: Path, flags: int) -> BinaryIO:
    # The name can be foreseen: a link that another user has put there must not lead this one elsewhere.
    no_link = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    return os.fdopen(os.open(path, flags | no_link | os.O_RDWR, 0o666), "r+b")


def _beginning(name: str) -> str:
    """As much of a name as leaves room for what is added: names have at most 255 bytes (NAME_MAX)."""
    return os.fsencode(name)[:180].decode("utf-8", "ignore")


def remove_file(root: Path, path: str) -> None:
    """Removes a file that the source does not have, and folders that are empty then. Raises UnsafePath,
    OSError."""
    file = target_path(root, path)
    file.unlink(missing_ok=True)
    for folder in file.parents:
        if folder == root or not folder.is_relative_to(root):
            return
        try:
            folder.rmdir()
        except OSError:
            return
