"""Large files go in parts: up, down, or from object to object. What a run before has moved stays moved.

A part that the store has counts where its size and checksum are those of the source: a file is read again for
it, and of another object the ETag is the pinned one.
"""

import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from s3portal.buckets.parallel import side_by_side
from s3portal.buckets.sync.entries import Entry
from s3portal.buckets.sync.fetching import fetch_into, fetch_range
from s3portal.buckets.sync.file_reads import Changed, FileReads, PatientParts
from s3portal.buckets.sync.multipart import CopySource, Multipart, StoredPart
from s3portal.buckets.sync.part_buffers import PartBuffers
from s3portal.buckets.sync.partial_files import PartialFile, PartialPlace
from s3portal.buckets.sync.range_limit import RangeLimit
from s3portal.buckets.sync.requests import RequestFailed, Requests
from s3portal.buckets.sync.taken_along import complete_parts
from s3portal.buckets.sync.unfinished import Note, NotedPart, noted
from s3portal.transfer import MIB, Part, plan_parts, send_parts

#: Sent in one request, from memory.
WHOLE_BYTES = 16 * MIB
PART_BYTES = 16 * MIB
COPY_PART_BYTES = 512 * MIB
#: Parts of one large file that are on their way, beside other files.
PARTS_AT_A_TIME = 4
#: Ranges of one file that are fetched at once, where all files together may have so many.
RANGES_AT_A_TIME = 8
#: Of all files together. Parts are larger where a file would have more than 10,000 of them.
_BUFFERS = PartBuffers(6 * PART_BYTES)
_RANGES = RangeLimit()
#: Answers after which the same upload may still succeed: no answer, busy, keys that have expired.
_WORTH_TAKING_UP = frozenset({0, 401, 403, 429})


class Interrupted(Exception):
    """The run ends; what was moved of a large file stays for the next one."""

    def __init__(self) -> None:
        super().__init__("interrupted; the next run continues with the parts that are missing")


@dataclass(frozen=True)
class Begun:
    """An upload that is under way."""

    upload: Multipart
    upload_id: str
    note: Note
    stored: Mapping[int, StoredPart]

    def kept(self, number: int, length_bytes: int, md5: str | None) -> str:
        """The ETag of a part that is there already, or "". ``md5`` is that of the source's part, None for
        one that only the store has seen."""
        stored = self.stored.get(number)
        if stored is None or stored.size_bytes != length_bytes:
            return ""
        if md5 is not None and stored.etag == md5:
            return stored.etag
        before = self.note.parts.get(number)
        is_the_noted = before is not None and before.etag == stored.etag and before.md5 == (md5 or "")
        return stored.etag if is_the_noted else ""


@dataclass
class LargeFiles:
    """Moves large files to and from objects. ``stopped`` ends it between two parts. Raises RequestFailed,
    Changed, Interrupted, OSError and boto3's ClientError."""

    reads: FileReads
    stopped: threading.Event = field(default_factory=threading.Event)
    #: Hears of each part that a run before had moved.
    on_kept: Callable[[str, int], None] = lambda path, number: None

    def send(
        self,
        path: Path,
        entry: Entry,
        upload: Multipart,
        headers: Mapping[str, str],
        condition: Mapping[str, str],
    ) -> str:
        """A file to an object; its ETag."""
        plan = plan_parts(entry.size_bytes, part_size_bytes=PART_BYTES)
        before = self.reads.stat(path)
        identity = _identity(path.absolute(), before.st_size, before.st_mtime_ns, headers, plan)
        if before.st_size != entry.size_bytes:
            raise Changed

        def parts(begun: Begun) -> dict[int, str]:
            def send(part: Part) -> str:
                self._require_going()
                with _BUFFERS.taken(part.length_bytes) as body:
                    self.reads.fill(body, path, plan.offset(part.number))
                    md5 = hashlib.md5(body, usedforsecurity=False)
                    etag = begun.kept(part.number, len(body), md5.hexdigest())
                    if etag:
                        self.on_kept(entry.path, part.number)
                    else:
                        etag = upload.put(begun.upload_id, part.number, body, md5.digest())
                        begun.note.add(part.number, NotedPart(etag, md5.hexdigest()))
                    return etag

            sent = send_parts(PatientParts(self.reads, path, plan), send, at_a_time=PARTS_AT_A_TIME)
            after = self.reads.stat(path)
            if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
                raise Changed
            return dict(sent.answers)

        return self._upload(upload, identity, headers, parts, condition)

    def copy(
        self,
        entry: Entry,
        source: CopySource,
        upload: Multipart,
        headers: Mapping[str, str],
        condition: Mapping[str, str],
        through: Requests | None = None,
    ) -> str:
        """From object to object, on the server; or from one store to another, through this machine's memory,
        by the requests of the source. The new object's ETag."""
        part_bytes = COPY_PART_BYTES if through is None else PART_BYTES
        plan = plan_parts(entry.size_bytes, part_size_bytes=part_bytes)

        def moved(begun: Begun, number: int) -> NotedPart:
            first = plan.offset(number)
            last = first + plan.length(number) - 1
            if through is None:
                return NotedPart(upload.copy(begun.upload_id, number, source, first, last), "")
            with _BUFFERS.taken(plan.length(number)) as body:
                fetch_into(body, through, source.key, source.etag, first)
                md5 = hashlib.md5(body, usedforsecurity=False).digest()
                return NotedPart(upload.put(begun.upload_id, number, body, md5), "")

        def parts(begun: Begun) -> dict[int, str]:
            def move(number: int) -> tuple[int, str]:
                self._require_going()
                etag = begun.kept(number, plan.length(number), None)
                if etag:
                    self.on_kept(entry.path, number)
                else:
                    part = moved(begun, number)
                    begun.note.add(number, part)
                    etag = part.etag
                return number, etag

            return dict(side_by_side(move, range(1, plan.part_count + 1), PARTS_AT_A_TIME))

        return self._upload(upload, _identity(source, headers, plan), headers, parts, condition)

    def fetch(
        self, entry: Entry, requests: Requests, key: str, place: PartialPlace, partial: PartialFile
    ) -> None:
        """What is missing of an object, into the file beside its place."""

        def fetch(first: int) -> None:
            last = min(first + place.range_bytes, entry.size_bytes) - 1
            with _RANGES.turn(place):
                self._require_going()
                waited_s = fetch_range(requests, key, entry.etag, first, last, partial.file)
            _RANGES.came(last + 1 - first, waited_s)
            partial.note(first)

        starts = [
            first for first in range(0, entry.size_bytes, place.range_bytes) if first not in partial.done
        ]
        for first in partial.done:
            self.on_kept(entry.path, first // place.range_bytes + 1)
        # How many of these go on is judged by range_limit.py.
        for _ in side_by_side(fetch, starts, RANGES_AT_A_TIME, at_first=RANGES_AT_A_TIME):
            pass

    def _upload(
        self,
        upload: Multipart,
        identity: str,
        headers: Mapping[str, str],
        parts: Callable[[Begun], dict[int, str]],
        condition: Mapping[str, str],
    ) -> str:
        """Takes up what is there, has the other parts moved, and makes the object."""
        store = upload.requests.store
        place = f"{store.settings.s3_endpoint} {store.bucket} {upload.key}"
        with noted(place, identity) as note:
            if note.outdated_upload_id:
                upload.abort(note.outdated_upload_id)
            stored = upload.stored(note.upload_id) if note.upload_id else None
            if stored is None:
                note.begin(upload.begin(headers))
                stored = {}
            begun = Begun(upload, note.upload_id, note, stored)
            try:
                etag = upload.complete(begun.upload_id, parts(begun), condition)
            except (Changed, RequestFailed) as error:
                if isinstance(error, Changed) or not _worth_taking_up(error):
                    upload.abort(begun.upload_id)
                    note.forget()
                raise
            note.forget()
            complete_parts(upload.requests, upload.key, etag, headers)
            return etag

    def _require_going(self) -> None:
        if self.stopped.is_set():
            raise Interrupted


def part_bytes_of_sent(size_bytes: int) -> int | None:
    """The size of the parts in which a file of this size is sent, or None for one piece."""
    if size_bytes <= WHOLE_BYTES:
        return None
    return plan_parts(size_bytes, part_size_bytes=PART_BYTES).part_size_bytes


def _worth_taking_up(error: RequestFailed) -> bool:
    return error.failure.status in _WORTH_TAKING_UP or error.failure.status >= 500


def _identity(*facts: object) -> str:
    return json.dumps(
        [str(fact) if not isinstance(fact, Mapping) else sorted(fact.items()) for fact in facts]
    )
