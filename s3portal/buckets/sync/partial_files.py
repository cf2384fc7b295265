"""A large file that is fetched: its ranges are noted as they arrive, so that a run that was killed or
interrupted is continued by the next one.

Beside the file's place there are two files meanwhile: one with the content, and one that names the object's
ETag and the ranges that are there.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock as ThreadLock
from typing import IO

from s3portal.buckets.local_state import Lock, try_lock
from s3portal.buckets.sync.entries import Entry
from s3portal.buckets.sync.walking import PARTIAL_SUFFIX

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass
class PartialFile:
    """``done`` are the first bytes of the ranges that are there. Safe in threads."""

    file: IO[bytes]
    done: set[int] = field(default_factory=set)
    #: Whether ranges of a run before are used.
    is_continued: bool = False
    _noting: IO[str] | None = None
    _lock: ThreadLock = field(default_factory=ThreadLock)

    def note(self, first: int) -> None:
        """The range that begins there is complete."""
        with self._lock:
            self.done.add(first)
            if self._noting is not None:
                self._noting.write(f"{first}\n")
                self._noting.flush()


@dataclass(frozen=True)
class PartialPlace:
    """The two files beside ``path``, for one object."""

    path: Path
    entry: Entry
    range_bytes: int

    @property
    def content(self) -> Path:
        return self.path.with_name(f"{self._stem}{PARTIAL_SUFFIX}")

    @property
    def ranges(self) -> Path:
        return self.path.with_name(f"{self._stem}.ranges{PARTIAL_SUFFIX}")

    @contextlib.contextmanager
    def opened(self) -> Iterator[PartialFile | None]:
        """The file to write to, with what a run before has put there; None where another process is at it,
        or nothing can be locked here. It stays, whatever happens, until ``put_in_place`` or ``remove``."""
        with open(self.ranges, "a+", encoding="ascii", opener=_no_link) as ranges:
            if try_lock(ranges) is not Lock.OURS:
                yield None
                return
            done = self._read(ranges)
            with open(self.content, "r+b" if done else "w+b", opener=_no_link) as file:
                file.truncate(self.entry.size_bytes)
                if not done:
                    ranges.seek(0)
                    ranges.truncate()
                    ranges.write(self._heading + "\n")
                    ranges.flush()
                yield PartialFile(file, done, is_continued=bool(done), _noting=ranges)

    def put_in_place(self) -> None:
        """All is there: the file takes its place, with the object's time."""
        os.utime(self.content, (self.entry.modified_s, self.entry.modified_s))
        self.content.replace(self.path)
        self.ranges.unlink(missing_ok=True)

    def remove(self) -> None:
        """What is there is of no use."""
        self.ranges.unlink(missing_ok=True)
        self.content.unlink(missing_ok=True)

    @property
    def _stem(self) -> str:
        # Names have at most 255 bytes (NAME_MAX).
        name = os.fsencode(self.path.name)
        return f".{name[:180].decode('utf-8', 'ignore')}.{hashlib.sha256(name).hexdigest()[:12]}"

    @property
    def _heading(self) -> str:
        # After a crash of the machine, a range that was noted may never have reached the disk.
        boot = _BOOT_ID.read_text("ascii").strip() if _BOOT_ID.exists() else ""
        return json.dumps([self.entry.etag, self.entry.size_bytes, self.range_bytes, boot])

    def _read(self, ranges: IO[str]) -> set[int]:
        ranges.seek(0)
        lines = ranges.read().split("\n")
        # The last line is empty, or was being written when the process was killed.
        if lines[0] != self._heading or not self.content.is_file():
            return set()
        if self.content.stat().st_size != self.entry.size_bytes:
            return set()
        return {int(line) for line in lines[1:-1] if line.isdigit()}


def _no_link(path: str, flags: int) -> int:
    # The names can be foreseen: a link that another user has put there must not lead this one elsewhere.
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o666)
