"""The datasets of a bucket: one listing of the registrations and a HEAD for each, side by side."""

import difflib
import hashlib
import logging
import time
from dataclasses import dataclass

from s3portal.dtool import admin_metadata
from s3portal.dtool.admin_metadata import AdminMetadata
from s3portal.dtool.bucket_objects import BucketObjects, ListedObject
from s3portal.dtool.errors import DtoolS3Error, NotABaseUri, NotPermitted, ObjectMissing
from s3portal.dtool.keys import REGISTRATION_PREFIX, DatasetKeys
from s3portal.dtool.registration import LONGEST_KEY_BYTES, read_registration
from s3portal.dtool.workers import in_parallel

logger = logging.getLogger(__name__)

# dtool asks for the metadata of each listed dataset again, straight after; later it may have changed.
_METADATA_KEPT_S = 60.0


@dataclass(frozen=True, slots=True)
class ListedDataset:
    """A dataset of the bucket, frozen or not yet. ``admin_metadata`` is None where it may not be read."""

    uuid: str
    prefix: str
    admin_metadata: AdminMetadata | None


def list_datasets(objects: BucketObjects, own_prefix: str) -> list[ListedDataset]:
    """Every dataset that is registered in the bucket and is there, in the order of the listing.

    Those that the key may not read are left out and counted in a warning.
    """
    registrations = [listed for listed in objects.list(REGISTRATION_PREFIX) if _may_be_one(listed)]
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


def check_base_uri(bucket: str, path: str, objects: BucketObjects | None = None) -> None:
    """Raises NotABaseUri where a URI has a path: datasets are in the bucket itself, whatever their prefix.

    With ``objects`` it says which dataset may have been meant.
    """
    path = path.strip("/")
    if not path:
        return
    if objects is None:
        raise NotABaseUri(
            f"s3://{bucket}/{path} is not a place for datasets: URIs of the bucket's datasets are"
            f" s3://{bucket}/<uuid>, whatever folder they are in. Use s3://{bucket}, and set"
            f" DTOOL_S3_DATASET_PREFIX_{bucket} to {path + '/'!r} if that is the folder for your datasets."
        )
    message = (
        f"s3://{bucket}/{path} is not a dataset. To list all datasets of the bucket: dtool ls s3://{bucket}"
    )
    if close := difflib.get_close_matches(path, _registered_uuids(objects), n=1, cutoff=0.75):
        message += f"\nDid you mean s3://{bucket}/{close[0]}?"
    raise NotABaseUri(message)


def _registered_uuids(objects: BucketObjects) -> list[str]:
    try:
        return [_uuid(listed) for listed in objects.list(REGISTRATION_PREFIX)]
    except DtoolS3Error as error:
        logger.debug("No suggestion without a listing: %s", error)
        return []


class ListedMetadata:
    """What a listing has just learned, for the questions that dtool asks about each dataset in turn."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str, str], ListedDataset] = {}
        self._until = 0.0

    def keep(self, objects: BucketObjects, datasets: list[ListedDataset]) -> None:
        """Keeps the metadata of these datasets, for a minute, and of no others."""
        self._kept = {self._place(objects, dataset.uuid): dataset for dataset in datasets}
        self._until = time.monotonic() + _METADATA_KEPT_S

    def look(self, objects: BucketObjects, uuid: str) -> ListedDataset | None:
        """The dataset as it was listed, where it is kept."""
        return self._kept.get(self._place(objects, uuid)) if time.monotonic() < self._until else None

    def take(self, objects: BucketObjects, uuid: str) -> AdminMetadata | None:
        """The metadata of the dataset, once: anyone who asks again gets what S3 says then."""
        kept = self._kept.pop(self._place(objects, uuid), None)
        return kept.admin_metadata if kept and time.monotonic() < self._until else None

    @staticmethod
    def _place(objects: BucketObjects, uuid: str) -> tuple[str, str, str]:
        return objects.store.settings.s3_endpoint, objects.bucket, uuid


def _look_at(objects: BucketObjects, listed: ListedObject, own_prefix: str) -> ListedDataset | None:
    """The dataset, or None where its registration is all that is left of it, or is none."""
    uuid, refused = _uuid(listed), None
    try:
        registered = _prefix(objects, listed, own_prefix)
    except ObjectMissing:
        return None
    except NotPermitted:
        return ListedDataset(uuid, "", None)
    # A registration that leads to nothing: see place.py.
    for prefix in {registered: None, own_prefix: None, "": None}:
        key = "" if prefix is None else DatasetKeys(prefix, uuid).admin_metadata
        if prefix is None or len(key.encode()) > LONGEST_KEY_BYTES:
            continue
        try:
            if told := _metadata(objects, key):
                return ListedDataset(uuid, prefix, told)
        except ObjectMissing:
            continue
        except NotPermitted:
            if prefix == registered:
                refused = ListedDataset(uuid, prefix, None)
                break
    return refused


def _metadata(objects: BucketObjects, key: str) -> AdminMetadata | None:
    """What the object says, or None where something else than dtool wrote it. Raises ObjectMissing."""
    told = admin_metadata.from_headers(objects.head(key).metadata)
    if told is None:
        told = admin_metadata.from_object(*objects.get(key))
    # dtool prints it of each dataset; what others wrote may lack it.
    return {"creator_username": "?", **told} if told else None


def _prefix(objects: BucketObjects, listed: ListedObject, own_prefix: str) -> str | None:
    """What the registration says, which size and ETag often tell without reading it; None for no prefix."""
    if listed.size_bytes == 0:
        return ""
    own = own_prefix.encode()
    if listed.etag.strip('"') == hashlib.md5(own, usedforsecurity=False).hexdigest():
        return own_prefix
    registration = read_registration(objects, _uuid(listed))
    return registration.prefix if registration else None


def _may_be_one(listed: ListedObject) -> bool:
    uuid = _uuid(listed)
    return bool(uuid) and "/" not in uuid and uuid.isprintable() and listed.size_bytes <= LONGEST_KEY_BYTES


def _uuid(listed: ListedObject) -> str:
    return listed.key.removeprefix(REGISTRATION_PREFIX)
