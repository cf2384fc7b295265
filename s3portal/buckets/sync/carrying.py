"""Moves one file: up, down, or from object to object. Every target is written whole or not at all, and only
over what was listed there."""

import base64
import hashlib
import os
import threading
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from s3portal.buckets.sync.belongings import Belongings
from s3portal.buckets.sync.contents import file_is_object
from s3portal.buckets.sync.entries import Entry
from s3portal.buckets.sync.fetching import fetch_range, fetched
from s3portal.buckets.sync.file_reads import Changed, FileReads
from s3portal.buckets.sync.large import PART_BYTES, WHOLE_BYTES, LargeFiles
from s3portal.buckets.sync.local_files import ready_for, target_path, written_beside
from s3portal.buckets.sync.multipart import CopySource, Multipart
from s3portal.buckets.sync.partial_files import PartialPlace
from s3portal.buckets.sync.places import Folder, Prefix
from s3portal.buckets.sync.requests import Requests
from s3portal.buckets.sync.taken_along import complete_copy
from s3portal.buckets.sync.wanted import Wanted
from s3portal.transfer import MIB, Store

#: CopyObject takes up to 5 GiB (S3 API Reference); a request should not take minutes.
COPY_WHOLE_BYTES = 1024 * MIB


@dataclass
class Carrier:
    """Moves files from one place to another. Safe in threads. Raises RequestFailed, Changed, Interrupted,
    UnsafePath, OSError, and boto3's errors."""

    source: Folder | Prefix
    target: Folder | Prefix
    wanted: Wanted = field(default_factory=Wanted)
    #: Conditions that see to it that nothing is overwritten that was not listed.
    guarded: bool = True
    reads: FileReads = field(default_factory=FileReads)
    #: Ends large files between two parts; the next run continues them.
    stopped: threading.Event = field(default_factory=threading.Event)
    _requests: dict[tuple[str, str, str], Requests] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.large = LargeFiles(self.reads, self.stopped)

    def carry(self, entry: Entry, there: Entry | None) -> str:
        """Makes the target's file be the source's. ``there`` is what the target has now. Returns the new
        object's ETag, or "" for a file."""
        if isinstance(self.target, Folder):
            self._fetch(entry, self.target)
            return ""
        if isinstance(self.source, Folder):
            return self._send(self.source.path / entry.path, entry, self.target, there)
        if is_one_account(self.source.store, self.target.store):
            return self._copy(self.source, entry, self.target, there)
        return self._relay(self.source, entry, self.target, there)

    def copy_within(self, twin: Entry, entry: Entry, there: Entry | None) -> str:
        """As carry, by a copy of an object of the target that has this very content."""
        if isinstance(self.target, Folder):
            raise TypeError("only a store copies to itself")
        if isinstance(self.source, Folder):
            described = self.wanted.for_file(entry)
        else:
            head = self.requests(self.source.store).head(self.source.key(entry.path), entry.etag)
            described = self._belongings.like(entry, head)
        requests, key = self.requests(self.target.store), self.target.key(entry.path)
        from_, condition = _exactly(self.target, twin), self.condition(there)
        if entry.size_bytes > COPY_WHOLE_BYTES:
            return self.large.copy(entry, from_, Multipart(requests, key), described, condition)
        # What the twin says of itself is not what this one is to say.
        replacing = {"x-amz-metadata-directive": "REPLACE", "x-amz-tagging-directive": "REPLACE"}
        headers = {**described, **replacing, **condition}
        etag = requests.copy(key, from_.bucket, from_.key, from_.etag, headers)
        complete_copy(requests, key, etag, headers, from_)
        return etag

    @cached_property
    def _belongings(self) -> Belongings:
        if isinstance(self.source, Folder) or isinstance(self.target, Folder):
            raise TypeError("a file has no such belongings")
        return Belongings(self.wanted, self.source, self.target, self.requests(self.source.store))

    @property
    def permissions(self) -> str:
        """What the keys have to be allowed."""
        reading = f"s3:GetObject on {self.source.arn}" if isinstance(self.source, Prefix) else ""
        writing = f"s3:PutObject on {self.target.arn}" if isinstance(self.target, Prefix) else ""
        return " and ".join(filter(None, (reading, writing)))

    def requests(self, store: Store) -> Requests:
        """Of the place's bucket."""
        place = (*_account(store), store.bucket)
        if place not in self._requests:
            self._requests[place] = Requests(store)
        return self._requests[place]

    def condition(self, there: Entry | None) -> dict[str, str]:
        """The headers by which an object is only written over what was listed there."""
        if not self.guarded:
            return {}
        return {"if-match": f'"{there.etag}"'} if there is not None else {"if-none-match": "*"}

    def _send(self, path: Path, entry: Entry, target: Prefix, there: Entry | None) -> str:
        requests, key = self.requests(target.store), target.key(entry.path)
        headers, condition = self.wanted.for_file(entry), self.condition(there)
        if entry.size_bytes > WHOLE_BYTES:
            return self.large.send(path, entry, Multipart(requests, key), headers, condition)
        return _put(requests, key, self.reads.whole(path, entry.size_bytes), {**headers, **condition})

    def _fetch(self, entry: Entry, target: Folder) -> None:
        source = self.source
        if not isinstance(source, Prefix):
            raise TypeError("a folder is not fetched from")
        if entry.path.endswith("/") and entry.size_bytes == 0:
            # What consoles make as a folder.
            target_path(target.path, entry.path + "x").parent.mkdir(parents=True, exist_ok=True)
            return
        path = target_path(target.path, entry.path)
        requests, key = self.requests(source.store), source.key(entry.path)
        if entry.size_bytes > WHOLE_BYTES:
            self._fetch_large(source, entry, path)
            return
        with written_beside(path, entry.modified_s) as file:
            file.write(fetched(requests, key, entry)[0])

    def _fetch_large(self, source: Prefix, entry: Entry, path: Path) -> None:
        requests, key = self.requests(source.store), source.key(entry.path)
        ready_for(path)
        place = PartialPlace(path, entry, PART_BYTES)
        with place.opened() as partial:
            if partial is not None:
                self.large.fetch(entry, requests, key, place, partial)
                # What this run fetched was compared on its way; what another left was only noted.
                if partial.is_continued and file_is_object(place.content, source, entry, self.reads) is False:
                    place.remove()
                    raise Changed("what a run before had fetched was damaged: the next run fetches it again")
                if os.name == "nt":
                    # Windows moves no file that is open.
                    partial.file.close()
                place.put_in_place()
                return
        # Another process fetches the same object, or nothing can be locked here: a file of its own.
        with written_beside(path, entry.modified_s) as file:
            fetch_range(requests, key, entry.etag, 0, entry.size_bytes - 1, file)

    def _copy(self, source: Prefix, entry: Entry, target: Prefix, there: Entry | None) -> str:
        requests, condition = self.requests(target.store), self.condition(there)
        belongings = self._belongings
        key, from_ = target.key(entry.path), _exactly(source, entry)
        if entry.size_bytes > COPY_WHOLE_BYTES:
            headers = belongings.like(entry, belongings.requests.head(from_.key, entry.etag))
            return self.large.copy(entry, from_, Multipart(requests, key), headers, condition)
        headers = {**belongings.for_copy(entry), **condition}
        etag = requests.copy(key, from_.bucket, from_.key, from_.etag, headers)
        complete_copy(requests, key, etag, headers, from_)
        return etag

    def _relay(self, source: Prefix, entry: Entry, target: Prefix, there: Entry | None) -> str:
        """From one store to another, through this machine's memory; metadata, type and tags come along."""
        requests, condition = self.requests(target.store), self.condition(there)
        belongings = self._belongings
        key, from_ = target.key(entry.path), _exactly(source, entry)
        if entry.size_bytes > WHOLE_BYTES:
            headers = belongings.like(entry, belongings.requests.head(from_.key, entry.etag))
            upload = Multipart(requests, key)
            return self.large.copy(entry, from_, upload, headers, condition, through=belongings.requests)
        content, found = fetched(belongings.requests, from_.key, entry)
        described = belongings.like(entry, {name.lower(): value for name, value in found.items()})
        return _put(requests, key, content, {**described, **condition})


def is_one_account(source: Store, target: Store) -> bool:
    """Whether the store copies between the two by itself."""
    return _account(source) == _account(target)


def _put(requests: Requests, key: str, body: bytes, headers: dict[str, str]) -> str:
    md5 = hashlib.md5(body, usedforsecurity=False).digest()
    return requests.put(
        key,
        body,
        {**headers, "content-md5": base64.b64encode(md5).decode()},
    )


def _exactly(source: Prefix, entry: Entry) -> CopySource:
    return CopySource(source.store.bucket, source.key(entry.path), entry.etag)


def _account(store: Store) -> tuple[str, str]:
    """What tells stores apart between which nothing is copied on the server."""
    settings = store.settings
    return settings.s3_endpoint, settings.s3_profile or settings.s3_access_key_id
