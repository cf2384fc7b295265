"""The storage broker: what dtoolcore asks of ``s3://`` datasets, said in terms of the files beside this one.

A broker is made for every question that dtool has, so making one sends nothing.
"""

import io
import json
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from dtoolcore.storagebroker import BaseStorageBroker
from dtoolcore.utils import generate_identifier, generous_parse_uri

from s3portal.dtool import admin_metadata as admin
from s3portal.dtool.big_files import remove_begun
from s3portal.dtool.bucket_objects import BucketObjects
from s3portal.dtool.drop_in import warn_of_dtool_s3, warn_of_unsuffixed_settings
from s3portal.dtool.errors import ItemsMissing, ObjectMissing
from s3portal.dtool.item_index import ItemIndex, StoredItem
from s3portal.dtool.item_metadata import ItemsMetadata, delete_fragments, put_fragment, read_fragments
from s3portal.dtool.item_queue import ItemQueue
from s3portal.dtool.item_reader import ItemReader, as_stored
from s3portal.dtool.item_source import store_item
from s3portal.dtool.item_stream import open_stream
from s3portal.dtool.keys import DatasetKeys, json_name
from s3portal.dtool.listing import ListedMetadata, check_base_uri, list_datasets
from s3portal.dtool.manifest import HASHER, read_manifest, relpaths, wanted_items
from s3portal.dtool.place import DatasetPlace
from s3portal.dtool.publishing import DatasetContents, publish, read_contents
from s3portal.dtool.readmes import replace_readme
from s3portal.dtool.registration import UNWRITABLE, naming_the_registration
from s3portal.dtool.resuming import (
    check_there_is_a_rest,
    is_begun_copy,
    is_copied_again,
    say_how_to_go_on_if_interrupted,
)
from s3portal.dtool.settings import cache_directory, publish_expiry_s, read_bucket_settings, store_of
from s3portal.dtool.signed_access import SignedAccess
from s3portal.dtool.stock_names import StockNames
from s3portal.dtool.structure import DTOOL_README, structure_parameters
from s3portal.dtool.upload_journal import UploadJournals
from s3portal.transfer import Store

# dtoolcore loads every broker before it picks one, so this is said even where dtool-s3 is picked.
warn_of_dtool_s3()

_listed = ListedMetadata()


class S3StorageBroker(StockNames, BaseStorageBroker):  # type: ignore[misc]
    """One dataset in a bucket; ``s3://bucket/uuid``. With a bare ``s3://bucket`` only the class methods and
    ``has_admin_metadata`` mean anything.

    Every method raises a DtoolS3Error where S3 or the settings fail.
    """

    #: The scheme of the URIs.
    key = "s3"
    hasher = HASHER
    _dtool_readme_txt = DTOOL_README

    def __init__(self, uri: str, config_path: str | None = None) -> None:
        parsed = generous_parse_uri(uri)
        self.bucket: str = parsed.netloc
        self.uuid: str = parsed.path.strip("/")
        self._config_path = config_path
        self._settings = read_bucket_settings(self.bucket, config_path)
        warn_of_unsuffixed_settings(self.bucket, config_path)
        self._objects = BucketObjects(store_of(self._settings))
        listed = _listed.look(self._objects, self.uuid)
        self._place = DatasetPlace(
            self._objects, self.uuid, self._settings.dataset_prefix, listed.prefix if listed else None
        )
        self._structure_parameters = structure_parameters(self.uuid)
        self._queue = ItemQueue()
        self._manifest: dict[str, Any] | None = None
        # From the beginning of a freeze to its end nothing is asked twice.
        self._frozen_items: list[StoredItem] | None = None
        self._frozen_metadata: ItemsMetadata | None = None

    # ---- Where things are

    @property
    def _store(self) -> Store:
        return self._objects.store

    @property
    def _keys(self) -> DatasetKeys:
        return self._place.keys

    # ---- The datasets of a bucket

    @classmethod
    def generate_uri(cls, name: str | None, uuid: str, base_uri: str) -> str:
        """The URI of the dataset: its name is not in it. Raises NotABaseUri where the base URI has a path."""
        parsed = generous_parse_uri(base_uri)
        check_base_uri(parsed.netloc, parsed.path)
        return f"s3://{parsed.netloc}/{uuid}"

    @classmethod
    def list_dataset_uris(cls, base_uri: str, config_path: str | None = None) -> list[str]:
        """The URIs of all datasets in the bucket, proto datasets too. Raises NotABaseUri."""
        parsed = generous_parse_uri(base_uri)
        settings = read_bucket_settings(parsed.netloc, config_path)
        objects = BucketObjects(store_of(settings))
        check_base_uri(parsed.netloc, parsed.path, objects)
        datasets = list_datasets(objects, settings.dataset_prefix)
        _listed.keep(objects, datasets)
        return [cls.generate_uri(None, dataset.uuid, base_uri) for dataset in datasets]

    # ---- The dataset as such

    def create_structure(self) -> None:
        """Begins the dataset. Registration and administrative metadata, which make it one, come last."""
        self._place.prepare()
        prefix = self._keys.prefix
        own_prefix = self._settings.dataset_prefix
        with naming_the_registration(self.uuid, self.bucket, prefix, own_prefix, UNWRITABLE):
            super().create_structure()

    def _create_structure(self) -> None:
        """Nothing: a bucket has no folders."""

    def has_admin_metadata(self) -> bool:
        """Whether this is a dataset, frozen or not. A 403 is raised, not taken for a no.

        To the ``dtool cp`` that began a copy, and is given again, the copy is none before it is complete.
        """
        if not self.uuid:
            return False
        if _listed.look(self._objects, self.uuid):
            return True
        told = self._read_admin_metadata()
        return told is not None and not (is_begun_copy(told) and is_copied_again(self.bucket))

    def get_admin_metadata(self) -> dict[str, Any]:
        """The administrative metadata, with times as numbers. Raises ObjectMissing."""
        told = _listed.take(self._objects, self.uuid) or self._read_admin_metadata()
        if told is None:
            raise ObjectMissing(f"s3://{self.bucket}/{self.uuid} is not a dataset.")
        return told

    def _read_admin_metadata(self) -> dict[str, Any] | None:
        found = self._place.read()
        told = admin.from_object(*found) if found else None
        check_there_is_a_rest(told, self.bucket, f"s3://{self.bucket}/{self.uuid}")
        return told

    def put_admin_metadata(self, admin_metadata: dict[str, Any]) -> None:
        _listed.take(self._objects, self.uuid)
        self._place.register()
        body = json.dumps(admin_metadata).encode()
        self._objects.put(self._keys.admin_metadata, body, admin.to_headers(admin_metadata))

    def get_manifest(self) -> dict[str, Any]:
        """The manifest. Raises ObjectMissing before the freeze."""
        self._manifest = read_manifest(self._objects, self._keys)
        if self._manifest is None:
            raise ObjectMissing(f"s3://{self.bucket}/{self._keys.manifest} does not exist: not frozen yet.")
        return self._manifest

    # ---- Texts: the READMEs, overlays, annotations and tags

    def get_text(self, key: str) -> str:
        return self._objects.get(key)[0].decode()

    def put_text(self, key: str, text: str) -> None:
        self._objects.put(key, text.encode())

    def delete_key(self, key: str) -> None:
        self._objects.delete(key)

    def update_readme(self, content: str) -> None:
        """Replaces the README and keeps the former one, named by the current time."""
        replace_readme(self._objects, self._keys, content)

    def _list_historical_readme_keys(self) -> list[str]:
        return [listed.key for listed in self._objects.list(self._keys.historical_readmes)]

    def list_overlay_names(self) -> list[str]:
        return [json_name(name, "") for name in self._objects.names(self._keys.overlays)]

    def list_annotation_names(self) -> list[str]:
        return [json_name(name, "") for name in self._objects.names(self._keys.annotations)]

    def list_tags(self) -> list[str]:
        return list(self._objects.names(self._keys.tags))

    # ---- Items on their way in

    def put_item(self, fpath: str, relpath: str) -> str:
        """Takes the file's content for the item ``relpath`` and returns that handle.

        Small files are sent soon after, in other threads; the file may be deleted at once anyway.
        Raises ItemsNotStored, ItemUnreadable.
        """
        say_how_to_go_on_if_interrupted()
        self._frozen_items = self._manifest = None
        self.__dict__.pop("_reader", None)
        store_item(self._objects, self._keys, self._queue, self._index, self._journals, fpath, relpath)
        return relpath

    def add_item_metadata(self, handle: str, key: str, value: Any) -> None:
        identifier = generate_identifier(handle)
        self._queue.send(
            f"{handle} ({key})",
            0,
            lambda: put_fragment(self._objects, self._keys, identifier, key, value),
        )

    def pre_freeze_hook(self) -> None:
        """Waits for all items, and sees that all are there. Raises ItemsNotStored, ItemsMissing, and
        RegisteredElsewhere if no one would find them.
        """
        self._queue.finish()
        self._place.check_registration()
        self._frozen_items = self._index.read()
        if lost := self._index.lost():
            raise ItemsMissing(lost)
        self._frozen_metadata = read_fragments(self._objects, self._keys)

    def post_freeze_hook(self) -> None:
        if self._frozen_metadata:
            delete_fragments(self._objects, self._keys)
        remove_begun(self._store, self._journals, self._keys.items)
        self._frozen_items = self._frozen_metadata = None

    # ---- Items that are there

    @cached_property
    def _index(self) -> ItemIndex:
        return ItemIndex(
            self._objects, self._keys.items, lambda: relpaths(read_manifest(self._objects, self._keys))
        )

    def _stored_items(self) -> list[StoredItem]:
        self._queue.finish()
        return self._index.read() if self._frozen_items is None else self._frozen_items

    def iter_item_handles(self) -> Iterator[str]:
        """The relative paths of the items that are in the bucket."""
        return (item.handle for item in self._stored_items())

    def _item(self, handle: str) -> StoredItem:
        self._queue.finish()
        return self._index.item(handle)

    def get_size_in_bytes(self, handle: str) -> int:
        return self._item(handle).size_bytes

    def get_utc_timestamp(self, handle: str) -> float:
        """When the item was stored, in seconds since 1970 in UTC."""
        stored_at = self._item(handle).stored_at
        return stored_at.timestamp() if stored_at else 0.0

    def get_hash(self, handle: str) -> str:
        self._queue.finish()
        return self._index.checksum(handle)

    def get_item_metadata(self, handle: str) -> dict[str, Any]:
        identifier = generate_identifier(handle)
        if self._frozen_metadata is None:
            self._queue.finish()
            return read_fragments(self._objects, self._keys, identifier).get(identifier, {})
        return self._frozen_metadata.get(identifier, {})

    def get_item_abspath(self, identifier: str) -> str:
        """The path of a local copy of the item. Raises UnknownItem, ObjectMissing, ItemDamaged."""
        say_how_to_go_on_if_interrupted()
        return self._reader.abspath(identifier)

    def open_item(self, identifier: str) -> io.BufferedReader:
        """The item's content as a file to read and seek in; from S3 as far as it is read, unless it is
        cached.

        Raises UnknownItem, ObjectMissing; reading raises ItemDamaged at the end.
        """
        if cached := self._reader.cached_path(identifier):
            return cached.open("rb")
        return open_stream(self._objects, self._keys.item(identifier), self._reader.wanted(identifier))

    @cached_property
    def _reader(self) -> ItemReader:
        # A freeze that was interrupted leaves a manifest, and items may be put after it.
        frozen = self.get_admin_metadata()["type"] == "dataset"
        manifest = (self._manifest or read_manifest(self._objects, self._keys)) if frozen else None
        wanted = wanted_items(manifest) if manifest else as_stored(self._stored_items())
        folder = cache_directory(self._config_path) / self.uuid
        return ItemReader(self._objects, self._keys.items, folder, wanted, frozen=manifest is not None)

    @property
    def _journals(self) -> UploadJournals:
        return UploadJournals(cache_directory(self._config_path))

    # ---- Reading and writing without a key

    def http_enable(self) -> str:
        """Publishes the dataset and returns its address. Raises PublishingRefused."""
        expiry_s = publish_expiry_s(self._config_path)
        return publish(self._objects, self._keys, self._contents(), expiry_s)

    def supports_signing(self) -> bool:
        """Whether the ``generate_`` methods below work; what they do is told in signed_access.py."""
        return not self._objects.anonymous

    def generate_signed_read_url(self, key: str, expiry_seconds: int = 3600) -> str:
        return self._signed.read_url(key, expiry_seconds)

    def generate_signed_write_url(self, key: str, expiry_seconds: int = 3600) -> str:
        return self._signed.write_url(key, expiry_seconds)

    def generate_signed_item_write_url(
        self, relpath: str, md5_hexdigest: str = "", expiry_seconds: int = 3600, *, md5: str = ""
    ) -> tuple[str, dict[str, str]]:
        return self._signed.item_write_url(relpath, md5_hexdigest or md5, expiry_seconds)

    def generate_dataset_signed_urls(self, expiry_seconds: int = 3600) -> dict[str, Any]:
        return self._signed.dataset_urls(self._contents(), expiry_seconds)

    @property
    def _signed(self) -> SignedAccess:
        return SignedAccess(self._objects.store, self._keys)

    def _contents(self) -> DatasetContents:
        return read_contents(self._objects, self._keys, self.get_admin_metadata(), self.get_manifest())
