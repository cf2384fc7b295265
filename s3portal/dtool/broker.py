"""The storage broker: what dtoolcore asks of ``s3://`` datasets, said in terms of the files beside this one.

A broker is made for every question that dtool has, so making one sends nothing.
"""

import json
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from dtoolcore.storagebroker import BaseStorageBroker
from dtoolcore.utils import generate_identifier, generous_parse_uri

from s3portal.dtool import admin_metadata as admin
from s3portal.dtool.bucket_objects import BucketObjects
from s3portal.dtool.drop_in import warn_of_dtool_s3, warn_of_unsuffixed_settings
from s3portal.dtool.errors import ItemsMissing, ObjectMissing
from s3portal.dtool.item_index import ItemIndex, StoredItem
from s3portal.dtool.item_metadata import ItemsMetadata, delete_fragments, put_fragment, read_fragments
from s3portal.dtool.item_queue import ItemQueue
from s3portal.dtool.item_reader import ItemReader, as_stored
from s3portal.dtool.item_source import store_item
from s3portal.dtool.keys import DatasetKeys, json_name, registration_key
from s3portal.dtool.listing import ListedMetadata, list_datasets
from s3portal.dtool.manifest import HASHER, read_manifest, relpaths, wanted_items
from s3portal.dtool.publishing import DatasetContents, publish, read_contents
from s3portal.dtool.readmes import replace_readme
from s3portal.dtool.registration import find_prefix, register
from s3portal.dtool.resuming import (
    check_there_is_a_rest,
    is_begun_copy,
    is_copied_again,
    say_how_to_go_on_if_interrupted,
)
from s3portal.dtool.settings import cache_directory, publish_expiry_s, read_bucket_settings, store_of
from s3portal.dtool.signed_access import SignedAccess
from s3portal.dtool.structure import DTOOL_README, structure_parameters

# dtoolcore loads every broker before it picks one, so this is said even where dtool-s3 is picked.
warn_of_dtool_s3()

_listed = ListedMetadata()


class S3StorageBroker(BaseStorageBroker):  # type: ignore[misc]
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
        self._structure_parameters = structure_parameters(self.uuid)
        self._queue = ItemQueue()
        self._manifest: dict[str, Any] | None = None
        # From the beginning of a freeze to its end nothing is asked twice.
        self._frozen_items: list[StoredItem] | None = None
        self._frozen_metadata: ItemsMetadata | None = None

    # ---- Where things are

    @cached_property
    def _keys(self) -> DatasetKeys:
        return DatasetKeys(find_prefix(self._objects, self.uuid, self._settings.dataset_prefix), self.uuid)

    @property
    def dataset_registration_key(self) -> str:
        return registration_key(self.uuid)

    @property
    def data_key_prefix(self) -> str:
        return self._keys.items

    @property
    def http_manifest_key(self) -> str:
        return self._keys.http_manifest

    def get_admin_metadata_key(self) -> str:
        return self._keys.admin_metadata

    def get_readme_key(self) -> str:
        return self._keys.readme

    def get_manifest_key(self) -> str:
        return self._keys.manifest

    def get_structure_key(self) -> str:
        return self._keys.structure

    def get_dtool_readme_key(self) -> str:
        return self._keys.dtool_readme

    def get_overlay_key(self, overlay_name: str) -> str:
        return self._keys.overlay(overlay_name)

    def get_annotation_key(self, annotation_name: str) -> str:
        return self._keys.annotation(annotation_name)

    def get_tag_key(self, tag: str) -> str:
        return self._keys.tag(tag)

    # ---- The datasets of a bucket

    @classmethod
    def generate_uri(cls, name: str | None, uuid: str, base_uri: str) -> str:
        """The URI of the dataset: its name is not in it."""
        return f"s3://{generous_parse_uri(base_uri).netloc}/{uuid}"

    @classmethod
    def list_dataset_uris(cls, base_uri: str, config_path: str | None = None) -> list[str]:
        """The URIs of all datasets in the bucket, proto datasets too."""
        settings = read_bucket_settings(generous_parse_uri(base_uri).netloc, config_path)
        objects = BucketObjects(store_of(settings))
        datasets = list_datasets(objects, settings.dataset_prefix)
        _listed.keep(objects, datasets)
        return [cls.generate_uri(None, dataset.uuid, base_uri) for dataset in datasets]

    # ---- The dataset as such

    def _create_structure(self) -> None:
        prefix = register(self._objects, self.uuid, self._settings.dataset_prefix)
        self._keys = DatasetKeys(prefix, self.uuid)

    def has_admin_metadata(self) -> bool:
        """Whether this is a dataset, frozen or not. A 403 is raised, not taken for a no.

        To the ``dtool cp`` that began a copy, and is given again, the copy is none before it is complete.
        """
        if not self.uuid:
            return False
        if _listed.has(self._objects, self.uuid):
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
        found = self._objects.get_if_there(self._keys.admin_metadata)
        told = admin.from_object(*found) if found else None
        check_there_is_a_rest(told, self.bucket, f"s3://{self.bucket}/{self.uuid}")
        return told

    def put_admin_metadata(self, admin_metadata: dict[str, Any]) -> None:
        _listed.take(self._objects, self.uuid)
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
        """Replaces the README and keeps the one that was, under the time of now."""
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

        Small files are sent soon after, in other threads; the file may be deleted at once all the same.
        Raises ItemsNotStored, ItemUnreadable.
        """
        say_how_to_go_on_if_interrupted()
        self._frozen_items = self._manifest = None
        self.__dict__.pop("_reader", None)
        store_item(self._objects, self._keys, self._queue, self._index, fpath, relpath)
        return relpath

    def add_item_metadata(self, handle: str, key: str, value: Any) -> None:
        identifier = generate_identifier(handle)
        self._queue.send(
            f"{handle} ({key})",
            0,
            lambda: put_fragment(self._objects, self._keys, identifier, key, value),
        )

    def pre_freeze_hook(self) -> None:
        """Waits for all items, and sees that all are there. Raises ItemsNotStored, ItemsMissing."""
        self._queue.finish()
        self._frozen_items = self._index.read()
        if lost := self._index.lost():
            raise ItemsMissing(lost)
        self._frozen_metadata = read_fragments(self._objects, self._keys)

    def post_freeze_hook(self) -> None:
        if self._frozen_metadata:
            delete_fragments(self._objects, self._keys)
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
        """The path of a local copy of the item. Raises ObjectMissing, ItemDamaged."""
        say_how_to_go_on_if_interrupted()
        return self._reader.abspath(identifier)

    @cached_property
    def _reader(self) -> ItemReader:
        manifest = self._manifest or read_manifest(self._objects, self._keys)
        wanted = wanted_items(manifest) if manifest else as_stored(self._stored_items())
        return ItemReader(
            self._objects, self._keys.items, cache_directory(self._config_path) / self.uuid, wanted
        )

    # ---- Reading and writing without a key

    def http_enable(self) -> str:
        """Publishes the dataset and returns its address. Raises PublishingRefused."""
        expiry_s = publish_expiry_s(self._config_path)
        return publish(self._objects, self._keys, self._contents(), expiry_s)

    def supports_signing(self) -> bool:
        """Whether the ``generate_`` methods below work; what they do is told in signed_access.py."""
        return True

    def generate_signed_read_url(self, key: str, expiry_seconds: int = 3600) -> str:
        return self._signed.read_url(key, expiry_seconds)

    def generate_signed_write_url(self, key: str, expiry_seconds: int = 3600) -> str:
        return self._signed.write_url(key, expiry_seconds)

    def generate_signed_item_write_url(
        self, relpath: str, md5: str, expiry_seconds: int = 3600
    ) -> tuple[str, dict[str, str]]:
        return self._signed.item_write_url(relpath, md5, expiry_seconds)

    def generate_dataset_signed_urls(self, expiry_seconds: int = 3600) -> dict[str, Any]:
        return self._signed.dataset_urls(self._contents(), expiry_seconds)

    @property
    def _signed(self) -> SignedAccess:
        return SignedAccess(self._objects.store, self._keys)

    def _contents(self) -> DatasetContents:
        return read_contents(self._objects, self._keys, self.get_admin_metadata(), self.get_manifest())
