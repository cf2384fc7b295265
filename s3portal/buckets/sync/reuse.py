"""Finding in the target what the source has under another name, so that the store copies it to itself.

Only equal checksums count: an MD5 (an ETag of one piece), an ETag of parts of known size, or a checksum of
the whole object that the store keeps. Sizes only say where looking is worth it.
"""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from s3portal.buckets.sync.content_index import ContentIndex, Known
from s3portal.buckets.sync.contents import part_size_of, stored_checksum
from s3portal.buckets.sync.digests import MD5_ETAG, PARTS_ETAG, digests_of
from s3portal.buckets.sync.entries import Entry
from s3portal.buckets.sync.file_reads import FileReads
from s3portal.buckets.sync.places import Folder, Prefix
from s3portal.transfer import MIB

#: Files up to this size are read for their MD5 whether or not another file has their size.
_SMALL_BYTES = 16 * MIB
#: Below it, asking for a checksum costs as much as sending the file.
_WORTH_ASKING_BYTES = MIB
#: Objects of one size that are looked at for one file.
_LOOKED_AT = 8
#: Long enough for contents; CRC32 is not.
_TRUSTED = frozenset({"SHA256", "SHA1", "CRC64NVME", "CRC32C"})


@dataclass
class Reuse:
    """Looks for the contents of ``source`` in ``target``. Safe in threads. Raises OSError, ClientError."""

    source: Folder | Prefix
    target: Prefix
    index: ContentIndex
    reads: FileReads = field(default_factory=FileReads)
    _claims: dict[tuple[int, str], threading.Event] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextlib.contextmanager
    def twin_of(self, entry: Entry) -> Iterator[Entry | None]:
        """An object with the content of this file of the source, or None where it has to be sent. Files of
        one content wait for each other, so that the first is sent and the others find it."""
        if not entry.size_bytes:
            yield None
            return
        md5 = self._md5_of_small(entry)
        with self._claimed((entry.size_bytes, md5)):
            yield self._found(entry, md5)

    def sent(self, entry: Entry, etag: str, part_bytes: int | None) -> None:
        """The file is in the target now, with this ETag; of parts of this size where it is of parts."""
        md5 = self._md5_of_small(entry) if isinstance(self.source, Prefix) else ""
        self.index.add(Known(replace(entry, etag=etag), md5 or None, part_bytes, is_looked_at=True))

    def planned(self, entry: Entry) -> None:
        """The file would be sent."""
        md5 = self._md5_of_small(entry)
        self.index.add(Known(entry, md5 or None, is_looked_at=True))

    def _md5_of_small(self, entry: Entry) -> str:
        if isinstance(self.source, Prefix):
            return entry.etag
        if entry.size_bytes > _SMALL_BYTES:
            return ""
        return digests_of(self.reads.blocks(self.source.path / entry.path)).md5

    def _found(self, entry: Entry, md5: str) -> Entry | None:
        if md5 and (having_it := self.index.with_md5(entry.size_bytes, md5)):
            return having_it[0].entry
        of_parts = bool(md5) and entry.size_bytes < _WORTH_ASKING_BYTES
        candidates = self.index.of_size(entry.size_bytes, of_parts=of_parts, limit=_LOOKED_AT)
        if not candidates:
            return None
        known = [self._looked_at(each) for each in candidates]
        same = (
            self._same_file(entry, known)
            if isinstance(self.source, Folder)
            else self._same_object(entry, known)
        )
        return same.entry if same else None

    def _same_file(self, entry: Entry, candidates: list[Known]) -> Known | None:
        source = self.source
        if not isinstance(source, Folder):
            raise TypeError("only a folder has files")
        digests = digests_of(
            self.reads.blocks(source.path / entry.path),
            {each.part_bytes for each in candidates if each.part_bytes},
            {each.algorithm for each in candidates if each.algorithm},
        )
        for each in candidates:
            etag = each.entry.etag
            if digests.md5 in (etag, each.md5) or self._md5_of_planned(each) == digests.md5:
                return each
            if each.part_bytes and digests.etags_of_parts[each.part_bytes] == etag:
                return each
            if each.algorithm and digests.checksums[each.algorithm] == each.checksum:
                return each
        return None

    def _md5_of_planned(self, known: Known) -> str:
        """Of a large file that would be sent, which has no ETag yet."""
        if known.entry.etag or known.md5 or not isinstance(self.source, Folder):
            return known.md5 or ""
        md5 = digests_of(self.reads.blocks(self.source.path / known.entry.path)).md5
        self.index.add(replace(known, md5=md5))
        return md5

    def _same_object(self, entry: Entry, candidates: list[Known]) -> Known | None:
        if not isinstance(self.source, Prefix) or not any(each.algorithm for each in candidates):
            return None
        stored = stored_checksum(self.source.store, self.source.key(entry.path))
        return next((each for each in candidates if (each.algorithm, each.checksum) == stored), None)

    def _looked_at(self, known: Known) -> Known:
        """What the store says of an object's content, asked once."""
        if known.is_looked_at:
            return known
        store, key = self.target.store, self.target.key(known.entry.path)
        found = replace(known, is_looked_at=True)
        stored = stored_checksum(store, key)
        if stored is not None and stored[0] in _TRUSTED:
            found = replace(found, algorithm=stored[0], checksum=stored[1])
        elif not MD5_ETAG.fullmatch(known.entry.etag) and (parts := PARTS_ETAG.fullmatch(known.entry.etag)):
            part_bytes = part_size_of(store, key, known.entry.size_bytes, int(parts[1]))
            found = replace(found, part_bytes=part_bytes)
        self.index.add(found)
        return found

    @contextlib.contextmanager
    def _claimed(self, content: tuple[int, str]) -> Iterator[None]:
        """One thread at a time for one content, or for one size where the content is not known."""
        while True:
            with self._lock:
                other = self._claims.get(content)
                if other is None:
                    ours = self._claims[content] = threading.Event()
                    break
            other.wait()
        try:
            yield
        finally:
            with self._lock:
                del self._claims[content]
            ours.set()
