"""The datasets of a bucket: one listing of the registrations and a HEAD for each, side by side."""

import hashlib
import logging
import time
from dataclasses import dataclass

from s3portal.dtool import admin_metadata
from s3portal.dtool.admin_metadata import AdminMetadata
from s3portal.dtool.bucket_objects import BucketObjects, ListedObject
from s3portal.dtool.errors import NotPermitted, ObjectMissing
from s3portal.dtool.keys import REGISTRATION_PREFIX, DatasetKeys
from s3portal.dtool.registration import remember_prefix
from s3portal.dtool.workers import in_parallel

logger = logging.getLogger(__name__)

# dtool asks for the metadata of each listed dataset again, straight after; later it may have changed.
_METADATA_KEPT_S = 60.0


@dataclass(frozen=True, slots=True)
class ListedDataset:
    """A dataset of the bucket, frozen or not yet. ``admin_metadata`` is None where it may not be read."""

    uuid: str
    admin_metadata: AdminMetadata | None


def list_datasets(objects: BucketObjects, own_prefix: str) -> list[ListedDataset]:
    """Every dataset that is registered in the bucket and is there, in the order of the listing.

    Those that the key may not read are left out and counted in a warning.
    """
    registrations = [listed for listed in objects.list(REGISTRATION_PREFIX) if _uuid(listed)]
    datasets = in_parallel(lambda listed: _look_at(objects, listed, own_prefix), registrations)
    refused = [dataset for dataset in datasets if dataset and dataset.admin_metadata is None]
    if refused:
        logger.warning(
            "%d of %d datasets in s3://%s are left out, because the key may not read them (403): %s",
            len(refused),
            len(datasets),
            objects.bucket,
            ", ".join(dataset.uuid for dataset in refused[:10]) + (", ..." if len(refused) > 10 else ""),
        )
    return [dataset for dataset in datasets if dataset and dataset.admin_metadata]


class ListedMetadata:
    """What a listing has just learned, for the questions that dtool asks about each dataset in turn."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str, str], AdminMetadata] = {}
        self._until = 0.0

    def keep(self, objects: BucketObjects, datasets: list[ListedDataset]) -> None:
        """Keeps the metadata of these datasets, for a minute, and of no others."""
        self._kept = {
            self._place(objects, dataset.uuid): dataset.admin_metadata
            for dataset in datasets
            if dataset.admin_metadata
        }
        self._until = time.monotonic() + _METADATA_KEPT_S

    def has(self, objects: BucketObjects, uuid: str) -> bool:
        """Whether the metadata of the dataset is kept."""
        return time.monotonic() < self._until and self._place(objects, uuid) in self._kept

    def take(self, objects: BucketObjects, uuid: str) -> AdminMetadata | None:
        """The metadata of the dataset, once: whoever asks again gets what S3 says then."""
        kept = self._kept.pop(self._place(objects, uuid), None)
        return kept if time.monotonic() < self._until else None

    @staticmethod
    def _place(objects: BucketObjects, uuid: str) -> tuple[str, str, str]:
        return objects.store.settings.s3_endpoint, objects.bucket, uuid


def _look_at(objects: BucketObjects, listed: ListedObject, own_prefix: str) -> ListedDataset | None:
    """The dataset, or None where its registration is all that is left of it."""
    uuid = _uuid(listed)
    try:
        prefix = _prefix(objects, listed, own_prefix)
        remember_prefix(objects, uuid, prefix)
        key = DatasetKeys(prefix, uuid).admin_metadata
        told = admin_metadata.from_headers(objects.head(key).metadata)
        return ListedDataset(uuid, told) if told else _from_body(objects, uuid, key)
    except ObjectMissing:
        return None
    except NotPermitted:
        return ListedDataset(uuid, None)


def _from_body(objects: BucketObjects, uuid: str, key: str) -> ListedDataset | None:
    told = admin_metadata.from_object(*objects.get(key))
    return ListedDataset(uuid, told) if told else None


def _prefix(objects: BucketObjects, listed: ListedObject, own_prefix: str) -> str:
    """The content of the registration, which size and ETag often tell without reading it."""
    if listed.size_bytes == 0:
        return ""
    own = own_prefix.encode()
    if listed.etag.strip('"') == hashlib.md5(own, usedforsecurity=False).hexdigest():
        return own_prefix
    return objects.get(listed.key)[0].decode()


def _uuid(listed: ListedObject) -> str:
    return listed.key.removeprefix(REGISTRATION_PREFIX)
