"""A file of JSON lines that the processes of a server write together, rotated by size, and read backwards.

The newest lines are in ``name.jsonl``, those before in ``name.1.jsonl``, and so on. A line is one write to a
file opened for appending, so that lines of several processes do not mix.
"""

from __future__ import annotations

import fcntl
import os
import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

_BLOCK_BYTES = 64 * 1024
# What is longer is no line of ours.
_LINE_LIMIT_BYTES = 256 * 1024


class JsonLines:
    """Appends to a file, which only the server's user can read. When it has more than ``limit_bytes``, it
    gets a number, and the oldest of ``files`` files is forgotten."""

    def __init__(self, path: Path, *, limit_bytes: int, files: int) -> None:
        self.path = path
        self._limit_bytes = limit_bytes
        self._files = files
        self._lock = threading.Lock()
        self._descriptor: int | None = None
        self._is_torn = False

    def append(self, line: bytes) -> None:
        """Writes a line, given without its end. Raises OSError: then a part of it may be there."""
        with self._lock:
            descriptor = self._open()
            line = (b"\n" if self._is_torn else b"") + line + b"\n"
            # Until it is known to be whole; whatever follows begins a line of its own.
            self._is_torn = True
            written = os.write(descriptor, line)
            if written < len(line):
                raise OSError(f"only {written} of {len(line)} bytes were written to {self.path}")
            self._is_torn = False
            if os.fstat(descriptor).st_size > self._limit_bytes:
                self._rotate(descriptor)

    def close(self) -> None:
        with self._lock:
            self._forget()

    def _open(self) -> int:
        """Returns the file that has the path now: another process may have rotated it."""
        if self._descriptor is not None and not _is_at(self._descriptor, self.path):
            self._forget()
        if self._descriptor is None:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            self._descriptor = os.open(self.path, flags, 0o600)
            _give_to_owner(self._descriptor, self.path.parent)
        return self._descriptor

    def _rotate(self, descriptor: int) -> None:
        # The lock is the full file's own: who comes second finds another one at the path.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        try:
            if not _is_at(descriptor, self.path):
                return
            for number in range(self._files - 1, 0, -1):
                newer = _numbered(self.path, number - 1)
                if newer.exists():
                    newer.replace(_numbered(self.path, number))
        finally:
            self._forget()

    def _forget(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def lines_backwards(path: Path) -> Iterator[bytes]:
    """Yields the whole lines of all files, the newest first, without their ends. In constant memory; what is
    written meanwhile is left out. Raises OSError."""
    with ExitStack() as opened:
        files: list[BinaryIO] = []
        seen = set()
        # From the newest on: what is rotated meanwhile is met again, and known by its number.
        for found in (path, *_older(path)):
            try:
                file: BinaryIO = opened.enter_context(found.open("rb"))
            except FileNotFoundError:
                continue
            status = os.fstat(file.fileno())
            if (status.st_dev, status.st_ino) not in seen:
                seen.add((status.st_dev, status.st_ino))
                files.append(file)
        for file in files:
            yield from _backwards(file)


def _backwards(file: BinaryIO) -> Iterator[bytes]:
    position = file.seek(0, os.SEEK_END)
    # The end of a line whose beginning is in an earlier block; None for one that is too long.
    end: bytes | None = b""
    is_last = True
    while position:
        size = min(_BLOCK_BYTES, position)
        position -= size
        file.seek(position)
        first, *lines = file.read(size).split(b"\n")
        if not lines:
            end = None if end is None or len(end) + size > _LINE_LIMIT_BYTES else first + end
            continue
        lines[-1] = lines[-1] + end if end is not None else b""
        for line in reversed(lines):
            # What has no end yet is being written, or was torn.
            if line and not is_last:
                yield line
            is_last = False
        end = first
    if end and not is_last:
        yield end


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    mine = os.fstat(descriptor)
    return (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino)


def _give_to_owner(descriptor: int, folder: Path) -> None:
    """What root begins belongs to whom the folder does, who could not write to it otherwise."""
    if os.geteuid() == 0 and _is_roots(descriptor):
        owner = folder.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def _is_roots(descriptor: int) -> bool:
    return os.fstat(descriptor).st_uid == 0


def _numbered(path: Path, number: int) -> Path:
    return path.with_suffix(f".{number}{path.suffix}") if number else path


def _older(path: Path) -> list[Path]:
    """The files with numbers, the newest first."""
    pattern = re.compile(re.escape(path.stem) + r"\.([1-9][0-9]{0,5})" + re.escape(path.suffix))
    matches = ((pattern.fullmatch(found.name), found) for found in path.parent.glob(f"*{path.suffix}"))
    return [found for _, found in sorted((int(match[1]), found) for match, found in matches if match)]
