"""Items on the local disk: fetched once, kept in dtool's cache, and ahead of need when read in order."""

import atexit
import contextlib
import hashlib
import os
import tempfile
import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from s3portal.dtool.big_files import PARTS_FROM_BYTES, fetch_file
from s3portal.dtool.bucket_objects import BucketObjects
from s3portal.dtool.errors import CacheUnusable, ItemDamaged, ObjectMissing, StoreFailed
from s3portal.dtool.item_index import StoredItem
from s3portal.dtool.workers import shared_workers

_AHEAD_ITEMS = 64
_AHEAD_BYTES = 256 * 1024 * 1024
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
    """The items of one dataset, ``{identifier: WantedItem}`` in the order in which they will be read."""

    def __init__(
        self, objects: BucketObjects, folder: str, cache: Path, items: Mapping[str, WantedItem]
    ) -> None:
        self._objects = objects
        self._folder = folder
        self._cache = cache
        self._items = items
        self._order = list(items)
        self._positions = {identifier: position for position, identifier in enumerate(self._order)}
        self._last = -2
        self._next_ahead = 0
        self._ahead: dict[str, Future[None]] = {}

    def abspath(self, identifier: str) -> str:
        """The path of a file with the item's content and its extension.

        From the second of two neighbours on, those that follow are fetched meanwhile. Raises ObjectMissing,
        and ItemDamaged where the content is not what the manifest says.
        """
        if identifier not in self._items:
            raise ObjectMissing(f"The dataset has no item {identifier}.")
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
                fetch = shared_workers().submit(lambda identifier=identifier: self._fetch(identifier))  # type: ignore[misc]
                self._ahead[identifier] = fetch

    def _path(self, identifier: str) -> Path:
        extension = PurePosixPath(self._items[identifier].relpath).suffix
        if len(extension.encode()) > _LONGEST_EXTENSION_BYTES:
            extension = ""
        return self._cache / f"{identifier}{extension}"

    def _is_cached(self, identifier: str) -> bool:
        try:
            return self._path(identifier).stat().st_size == self._items[identifier].size_bytes
        except OSError:
            # Where the cache itself cannot be used, fetching says so.
            return False

    def _fetch(self, identifier: str) -> None:
        """Puts the item into the cache. It appears there whole, or not at all. Raises CacheUnusable."""
        try:
            self._fetch_into_cache(identifier)
        except OSError as error:
            raise CacheUnusable(
                f"{self._items[identifier].relpath} cannot be put into the cache {self._cache.parent}:"
                f" {error.strerror or error}. Make room, or set DTOOL_CACHE_DIRECTORY to another folder."
            ) from error

    def _fetch_into_cache(self, identifier: str) -> None:
        self._cache.mkdir(parents=True, exist_ok=True)
        descriptor, partial = _partial_files.make(self._cache, identifier)
        try:
            with os.fdopen(descriptor, "w+b") as file:
                self._write(identifier, file)
                self._check(identifier, file)
            partial.replace(self._path(identifier))
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        finally:
            _partial_files.forget(partial)

    def _write(self, identifier: str, file: BinaryIO) -> None:
        key = f"{self._folder}{identifier}"
        if self._items[identifier].size_bytes > PARTS_FROM_BYTES:
            fetch_file(self._objects.store, key, file)
        else:
            file.write(self._objects.get(key)[0])

    def _check(self, identifier: str, file: BinaryIO) -> None:
        wanted = self._items[identifier]
        md5 = hashlib.md5(usedforsecurity=False)
        file.seek(0)
        while block := file.read(1024 * 1024):
            md5.update(block)
        found_bytes = file.tell()
        if found_bytes != wanted.size_bytes or (wanted.md5 and md5.hexdigest() != wanted.md5):
            raise ItemDamaged(
                f"{wanted.relpath} is not what the dataset's manifest says: {found_bytes:,} bytes with MD5"
                f" {md5.hexdigest()} in s3://{self._objects.bucket}/{self._folder}{identifier}, and"
                f" {wanted.size_bytes:,} bytes with MD5 {wanted.md5 or 'not noted'} in the manifest."
            )


class PartialFiles:
    """Files that threads are writing. They end with the process, while the threads still run after Ctrl-C."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._paths: set[Path] = set()
        self._ended = False

    def make(self, folder: Path, identifier: str) -> tuple[int, Path]:
        """A new file's descriptor and path. Raises StoreFailed where the process is at its end."""
        with self._lock:
            if self._ended:
                raise StoreFailed(f"{identifier} was not fetched: this process ends.")
            descriptor, name = tempfile.mkstemp(prefix=f"{identifier}.", suffix=".part", dir=folder)
            self._paths.add(Path(name))
            return descriptor, Path(name)

    def forget(self, path: Path) -> None:
        """The file is whole, or gone."""
        with self._lock:
            self._paths.discard(path)

    def end(self) -> None:
        """Removes the files, and lets no thread make more."""
        with self._lock:
            self._ended = True
            for path in self._paths:
                with contextlib.suppress(OSError):
                    path.unlink()


_partial_files = PartialFiles()
atexit.register(_partial_files.end)
