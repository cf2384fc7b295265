"""Uploads of large files that a killed or interrupted run left at the store, noted on this machine.

S3 says neither whose an unfinished upload is nor which metadata it was begun with, so only those are taken up
that were noted here: for the same target, the same source and the same headers. A note is a file of JSON
lines; it is locked while its upload is under way.
"""

import contextlib
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock as ThreadLock
from typing import IO

from s3portal.buckets.local_state import Lock, state_folder, try_lock


@dataclass(frozen=True, slots=True)
class NotedPart:
    """What the store answered for a part, and the MD5 of what was sent, or "" for a copy."""

    etag: str
    md5: str


@dataclass
class Note:
    """The upload of one object. Without a file nothing is noted, and nothing can be taken up."""

    place: str
    identity: str
    upload_id: str = ""
    parts: dict[int, NotedPart] = field(default_factory=dict)
    #: Of a source that is another one by now: to be aborted.
    outdated_upload_id: str = ""
    _file: IO[str] | None = None
    _path: Path | None = None
    _writing: ThreadLock = field(default_factory=ThreadLock)

    def begin(self, upload_id: str) -> None:
        """Notes a new upload in place of what was noted."""
        self.upload_id, self.parts, self.outdated_upload_id = upload_id, {}, ""
        if self._file is not None:
            self._file.seek(0)
            self._file.truncate()
            self._write({"place": self.place, "identity": self.identity, "upload_id": upload_id})

    def add(self, number: int, part: NotedPart) -> None:
        """Notes a part that the store has. From any thread."""
        with self._writing:
            self.parts[number] = part
            if self._file is not None:
                self._write({"part": number, "etag": part.etag, "md5": part.md5})

    def forget(self) -> None:
        """There is nothing to be taken up any more."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _write(self, line: dict[str, object]) -> None:
        if self._file is not None:
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()


@contextlib.contextmanager
def noted(place: str, identity: str) -> Iterator[Note]:
    """The note for a target. ``place`` names store, bucket and key; ``identity`` is all that has to be the
    same for parts to be of use: source, size, time, headers, part size."""
    name = hashlib.sha256(place.encode("utf-8", "surrogatepass")).hexdigest()
    identity = hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()
    folder = state_folder("uploads")
    try:
        file = (folder / f"{name}.jsonl").open("a+", encoding="utf-8") if folder else None
    except OSError:
        file = None
    if folder is None or file is None:
        yield Note(place, identity)
        return
    with file:
        if try_lock(file) is not Lock.OURS:
            # Another process is sending the same object: this one begins an upload of its own.
            yield Note(place, identity)
            return
        note = Note(place, identity, _file=file, _path=folder / f"{name}.jsonl")
        _read(file, note)
        yield note


def _read(file: IO[str], note: Note) -> None:
    file.seek(0)
    for line in file:
        try:
            fields = json.loads(line)
            if "upload_id" in fields:
                is_same = (fields["place"], fields["identity"]) == (note.place, note.identity)
                if not is_same:
                    note.outdated_upload_id = str(fields["upload_id"])
                    return
                note.upload_id = str(fields["upload_id"])
            else:
                note.parts[int(fields["part"])] = NotedPart(str(fields["etag"]), str(fields["md5"]))
        except (ValueError, KeyError, TypeError):
            # The line that was being written when the process was killed.
            return
