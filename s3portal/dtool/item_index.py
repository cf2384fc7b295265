"""What is known of a dataset's items: from sending them, from a listing, and from a HEAD only where neither
tells.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from dtoolcore.utils import generate_identifier

from s3portal.dtool.bucket_objects import BucketObjects
from s3portal.dtool.errors import ForeignObject
from s3portal.dtool.handles import decode_handle
from s3portal.dtool.workers import in_parallel


@dataclass(frozen=True, slots=True)
class StoredItem:
    """An item in the bucket. ``checksum`` is its MD5 in hex; "" and None stand for unknown values."""

    handle: str
    size_bytes: int
    etag: str = ""
    checksum: str = ""
    stored_at: datetime | None = None

    @property
    def identifier(self) -> str:
        return str(generate_identifier(self.handle))

    def is_still(self, size_bytes: int, etag: str) -> bool:
        """Whether an object of this size and ETag has the same content."""
        return self.size_bytes == size_bytes and self.etag in ("", etag)


class ItemIndex:
    """The items of one dataset.

    ``folder`` is what their keys begin with. ``relpaths`` gives the manifest's relative paths by identifier,
    nothing before the freeze. ``remember`` may be called from any thread.
    """

    def __init__(
        self, objects: BucketObjects, folder: str, relpaths: Callable[[], Mapping[str, str]]
    ) -> None:
        self._objects = objects
        self._folder = folder
        self._relpaths = relpaths
        self._items: dict[str, StoredItem] = {}
        self._sent: dict[str, StoredItem] = {}

    def remember(self, item: StoredItem) -> None:
        """Notes an item that has just been stored by this process."""
        self._items[item.identifier] = self._sent[item.identifier] = item

    def read(self) -> list[StoredItem]:
        """All items that are in the bucket now, in the order of their identifiers.

        A listing, and a HEAD for each whose handle nothing else tells. Raises ForeignObject.
        """
        listing = {
            listed.key.removeprefix(self._folder): listed
            for listed in self._objects.list(self._folder)
            # Consoles make empty objects that stand for folders.
            if listed.key != self._folder
        }
        known = {
            name: item
            for name, listed in listing.items()
            if (item := self._items.get(name)) and item.is_still(listed.size_bytes, listed.etag)
        }
        relpaths = self._relpaths() if len(known) < len(listing) else {}
        unknown = [name for name in listing if name not in known and name not in relpaths]
        asked = dict(zip(unknown, in_parallel(self._ask, unknown), strict=True))
        self._items = {
            name: known.get(name) or asked.get(name) or StoredItem(relpaths[name], listed.size_bytes)
            for name, listed in listing.items()
        }
        self._items = {
            name: replace(item, etag=listing[name].etag, stored_at=listing[name].stored_at)
            for name, item in self._items.items()
        }
        return list(self._items.values())

    def lost(self) -> list[str]:
        """The handles of items that this process stored and that the last ``read`` did not find so."""
        return [
            sent.handle
            for name, sent in self._sent.items()
            if not ((found := self._items.get(name)) and sent.is_still(found.size_bytes, found.etag))
        ]

    def item(self, handle: str) -> StoredItem:
        """The item, from a HEAD where it is not known completely. Raises ObjectMissing."""
        name = generate_identifier(handle)
        item = self._items.get(name)
        if item is None or item.stored_at is None:
            item = self._items[name] = self._ask(name, handle)
        return item

    def checksum(self, handle: str) -> str:
        """The MD5 of the item in hex, as recorded when it was stored.

        The first question about an item that it is not known of asks about all of these, because all will be
        wanted. Raises ForeignObject.
        """
        item = self._items.get(generate_identifier(handle)) or self.item(handle)
        if not item.checksum:
            unknown = [name for name, known in self._items.items() if not known.checksum]
            asked = in_parallel(lambda name: self._ask(name, self._items[name].handle), unknown)
            self._items.update(zip(unknown, asked, strict=True))
            item = self._items[item.identifier]
        if not item.checksum:
            raise ForeignObject(
                f"s3://{self._objects.bucket}/{self._folder}{item.identifier} ({handle}) has no checksum in"
                " its metadata, so dtool did not store it. Copy it from its source again."
            )
        return item.checksum

    def _ask(self, name: str, handle: str | None = None) -> StoredItem:
        key = f"{self._folder}{name}"
        head = self._objects.head(key)
        told = handle or decode_handle(head.metadata.get("handle", ""), name)
        if told is None:
            raise ForeignObject(
                f"s3://{self._objects.bucket}/{key} is among the items but does not say which one it is, so"
                " dtool did not store it. Remove it from the bucket if it does not belong there."
            )
        checksum = head.metadata.get("checksum", "")
        return StoredItem(told, head.size_bytes, head.etag, checksum, head.stored_at)
