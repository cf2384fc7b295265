"""Items on the local disk: fetched once, kept in dtool's cache, and ahead of need when read in order."""

import atexit
import contextlib
import hashlib
import os
import secrets
import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from dtoolcore.utils import generate_identifier

from s3portal.dtool.big_downloads import fetch_file, for_this_process_alone, forget_fetched, forget_note
from s3portal.dtool.big_files import PARTS_FROM_BYTES
from s3portal.dtool.bucket_objects import BucketObjects
from s3portal.dtool.errors import CacheUnusable, ItemDamaged, StoreFailed, UnknownItem
from s3portal.dtool.item_index import StoredItem
from s3portal.dtool.s3_errors import check_open_files
from s3portal.dtool.workers import shared_workers

_AHEAD_ITEMS = 64
_AHEAD_BYTES = 256 * 1024 * 1024
# Of items that are not what the manifest says when they arrive. The first time it may be the network's doing.
_SMALL_ATTEMPTS = 3
_BIG_ATTEMPTS = 2
# Items before the freeze may change: what was fetched of them is not what a frozen dataset's cache may hold.
_UNFROZEN = "unfrozen"
# File systems take 255 bytes, and an identifier has 40; what follows a path's last dot may be a sentence.
_LONGEST_EXTENSION_BYTES = 64


@dataclass(frozen=True, slots=True)
class WantedItem:
    """What the manifest says of an item. ``md5`` is "" where it notes another hash."""

    relpath: str
    size_bytes: int
    md5: str


def as_stored(items: Iterable[StoredItem]) -> dict[str, WantedItem]:
    """Items before the freeze are what they are."""
    return {item.identifier: WantedItem(item.handle, item.size_bytes, item.checksum) for item in items}


class ItemReader:
    """The items of one dataset, ``{identifier: WantedItem}`` in the order in which they will be read.

    Those of one that is not ``frozen`` may change, and are fetched each time.
    """

    def __init__(
        self,
        objects: BucketObjects,
        folder: str,
        cache: Path,
        items: Mapping[str, WantedItem],
        frozen: bool = True,
    ) -> None:
        self._objects = objects
        self._folder = folder
        self._cache = cache if frozen else cache / _UNFROZEN
        self._items = items
        self._frozen = frozen
        self._order = list(items)
        self._positions = {identifier: position for position, identifier in enumerate(self._order)}
        self._process_id = os.getpid()
        self._read_nothing_yet()

    def _read_nothing_yet(self) -> None:
        self._last = -2
        self._next_ahead = 0
        self._ahead: dict[str, Future[None]] = {}

    def abspath(self, identifier: str) -> str:
        """The path of a file with the item's content and its extension.

        From the second of two neighbours on, those that follow are fetched ahead. Raises UnknownItem,
        ObjectMissing, and ItemDamaged where the content is not what the manifest says.
        """
        self.wanted(identifier)
        if self._process_id != os.getpid():
            # A forked child has no threads that fetch for it.
            self._process_id = os.getpid()
            self._read_nothing_yet()
        position = self._positions[identifier]
        if position == self._last + 1:
            self._fetch_ahead(position)
        self._last = position
        fetched = self._ahead.pop(identifier, None)
        if fetched:
            fetched.result()
        elif not self._is_cached(identifier):
            self._fetch(identifier)
        return str(self._path(identifier))

    def wanted(self, identifier: str) -> WantedItem:
        """What the manifest says of the item. Raises UnknownItem."""
        if identifier not in self._items:
            message = f"The dataset has no item {identifier}. dtool identifiers lists those that it has."
            if (meant := generate_identifier(identifier)) in self._items:
                message += f" The item with this relative path is {meant}."
            raise UnknownItem(message)
        return self._items[identifier]

    def cached_path(self, identifier: str) -> Path | None:
        """The item's file in the cache, where it is there. Raises UnknownItem."""
        self.wanted(identifier)
        return self._path(identifier) if self._is_cached(identifier) else None

    def _fetch_ahead(self, position: int) -> None:
        for passed_over in [name for name in self._ahead if self._positions[name] < position]:
            self._ahead.pop(passed_over).cancel()
        self._next_ahead = max(self._next_ahead, position)
        ahead_bytes = sum(self._items[identifier].size_bytes for identifier in self._ahead)
        while len(self._ahead) < _AHEAD_ITEMS and self._next_ahead < len(self._order):
            identifier = self._order[self._next_ahead]
            ahead_bytes += self._items[identifier].size_bytes
            if self._ahead and ahead_bytes > _AHEAD_BYTES:
                return
            self._next_ahead += 1
            if not self._is_cached(identifier):
                fetch = shared_workers().submit(partial(self._fetch, identifier))
                self._ahead[identifier] = fetch

    def _path(self, identifier: str) -> Path:
        extension = PurePosixPath(self._items[identifier].relpath).suffix
        if len(extension.encode()) > _LONGEST_EXTENSION_BYTES:
            extension = ""
        return self._cache / f"{identifier}{extension}"

    def _is_cached(self, identifier: str) -> bool:
        try:
            size_bytes = self._path(identifier).stat().st_size
        except OSError:
            # Where the cache itself cannot be used, fetching says so.
            return False
        return self._frozen and size_bytes == self._items[identifier].size_bytes

    def _fetch(self, identifier: str) -> None:
        """Puts the item into the cache. It appears there whole, or not at all. Raises CacheUnusable."""
        try:
            self._cache.mkdir(parents=True, exist_ok=True)
            self._fetch_into_cache(identifier)
        except OSError as error:
            check_open_files(error)
            raise CacheUnusable(
                f"{self._items[identifier].relpath} cannot be put into the cache {self._cache.parent}:"
                f" {error.strerror or error}. Make room, or set DTOOL_CACHE_DIRECTORY to another folder."
            ) from error

    def _fetch_into_cache(self, identifier: str) -> None:
        wanted, found_md5s = self._items[identifier], set()
        big = wanted.size_bytes > PARTS_FROM_BYTES
        for _ in range(_BIG_ATTEMPTS if big else _SMALL_ATTEMPTS):
            found_md5, found_bytes = self._fetch_big(identifier) if big else self._fetch_small(identifier)
            if found_bytes == wanted.size_bytes and found_md5 == (wanted.md5 or found_md5):
                return
            found_md5s.add(found_md5)
            if found_bytes != wanted.size_bytes:
                # S3 says how long an object is, so this is no fault of the network.
                break
        why = "Somebody or something replaced it: copy it from its source again."
        if len(found_md5s) > 1:
            why = "Each time it arrived altered: a proxy, the network or this computer's memory changes it."
        raise ItemDamaged(
            f"{wanted.relpath} is not what the dataset's manifest says: {found_bytes:,} bytes with MD5"
            f" {found_md5} came from s3://{self._objects.bucket}/{self._folder}{identifier}, and"
            f" {wanted.size_bytes:,} bytes with MD5 {wanted.md5 or 'not noted'} are in the manifest. {why}"
        )

    def _fetch_small(self, identifier: str) -> tuple[str, int]:
        """The MD5 and size of what came; it is in the cache where both are as they should be."""
        descriptor, partial = _partial_files.make(self._cache, identifier)
        try:
            with os.fdopen(descriptor, "w+b") as file:
                self._write(identifier, file)
                found = _md5_and_size(file)
            if self._is_right(identifier, found):
                partial.replace(self._path(identifier))
        finally:
            partial.unlink(missing_ok=True)
            _partial_files.forget(partial)
        return found

    def _write(self, identifier: str, file: BinaryIO) -> None:
        file.write(self._objects.get(f"{self._folder}{identifier}")[0])

    def _fetch_big(self, identifier: str) -> tuple[str, int]:
        """The same; if it is interrupted, the part fetched so far is kept."""
        partial = self._cache / f"{identifier}.partial"
        with contextlib.ExitStack() as locked:
            if not locked.enter_context(for_this_process_alone(partial)):
                partial = self._cache / f"{identifier}.{os.getpid()}-{threading.get_ident()}.partial"
                locked.callback(forget_fetched, partial)
            fetch_file(self._objects, f"{self._folder}{identifier}", partial)
            with partial.open("rb") as file:
                found = _md5_and_size(file)
            if self._is_right(identifier, found):
                partial.replace(self._path(identifier))
                forget_note(partial)
            else:
                forget_fetched(partial)
        return found

    def _is_right(self, identifier: str, found: tuple[str, int]) -> bool:
        wanted = self._items[identifier]
        return found == (wanted.md5 or found[0], wanted.size_bytes)


def _md5_and_size(file: BinaryIO) -> tuple[str, int]:
    md5 = hashlib.md5(usedforsecurity=False)
    file.seek(0)
    while block := file.read(1024 * 1024):
        md5.update(block)
    return md5.hexdigest(), file.tell()


class PartialFiles:
    """Files that threads are writing. They end with the process, while the threads still run after Ctrl-C."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._process_id = os.getpid()
        self._lock = threading.Lock()
        self._paths: set[Path] = set()
        self._ended = False

    def make(self, folder: Path, identifier: str) -> tuple[int, Path]:
        """A new file's descriptor and path. Raises StoreFailed where the process is at its end."""
        if self._process_id != os.getpid():
            # Notes of a fork's parent are the parent's to remove.
            self._begin()
        with self._lock:
            if self._ended:
                raise StoreFailed(f"{identifier} was not fetched: this process is ending.")
            path = folder / f"{identifier}.{secrets.token_hex(8)}.part"
            # Others may read it as the umask says, as in dtool's own caches.
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
            self._paths.add(path)
            return descriptor, path

    def forget(self, path: Path) -> None:
        """The file is whole, or gone."""
        with self._lock:
            self._paths.discard(path)

    def end(self) -> None:
        """Removes the files, and lets no thread make more."""
        if self._process_id != os.getpid():
            return
        with self._lock:
            self._ended = True
            for path in self._paths:
                with contextlib.suppress(OSError):
                    path.unlink()


_partial_files = PartialFiles()
atexit.register(_partial_files.end)
