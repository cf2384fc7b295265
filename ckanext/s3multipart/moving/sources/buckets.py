"""Files that are objects of a bucket, of whichever extension wrote them there."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import IO

from ckanext.s3multipart.model import OWNER_TYPE
from ckanext.s3multipart.moving.block_stream import BlockStream
from ckanext.s3multipart.moving.sources.interface import Located, NotUsable
from ckanext.s3multipart.settings import portal_store
from s3portal.transfer import (
    MAX_PART_SIZE_BYTES,
    ContentDiffers,
    CopySource,
    ObjectGone,
    SettingsError,
    State,
    Store,
    StoredObject,
    StoreError,
    TransferSettings,
    Upload,
    look_at,
    open_store,
    read_object,
    read_settings,
)

# S3 User Guide, "Understanding and managing Amazon S3 storage classes": not readable without a restore.
_ARCHIVES = ("GLACIER", "DEEP_ARCHIVE")


def store_of(bucket: str, **given: str) -> Store:
    """The store of another extension's bucket. ``given`` are values of TransferSettings; without any, the
    bucket is behind the portal's own endpoint and keys. Raises NotUsable."""
    values = {name: value for name, value in given.items() if value}
    if not values:
        return portal_store().beside(bucket)
    try:
        return open_store(read_settings(TransferSettings, {**values, "s3_bucket": bucket}, ""))
    except SettingsError as error:
        raise NotUsable("; ".join(str(problem) for problem in error.problems)) from error


class BucketFiles:
    """The objects of one bucket, as places that files come from."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def locate(self, *keys: str, sha256: str = "", filename: str = "") -> Located:
        """The object under the first of these keys that has one. Raises NotUsable."""
        for key in keys:
            try:
                found = look_at(self._store, key)
            except ObjectGone:
                continue
            except StoreError as error:
                raise NotUsable(f"{self.address(key)} cannot be read: {error}") from error
            if found.storage_class in _ARCHIVES:
                raise NotUsable(
                    f"{self.address(key)} is in an archive ({found.storage_class}): restore it first"
                )
            return Located(
                key, stamp_of(found), found.size_bytes, found.content_type, sha256=sha256, filename=filename
            )
        raise NotUsable(f"there is no object {self.address(keys[0])}")

    def inside(self, located: Located) -> CopySource | None:
        """The object, where the bucket is behind the portal's own endpoint and keys. What has a SHA-256 on
        record is read, and compared with that."""
        own = portal_store()
        if located.sha256 or not self._store.signed or own.beside(self._store.bucket) != self._store:
            return None
        etag, _, version_id = located.stamp.partition(" ")
        return CopySource(
            located.place, etag, located.size_bytes, version_id or None, bucket=self._store.bucket
        )

    @contextmanager
    def open(self, located: Located) -> Iterator[IO[bytes]]:
        """The object, if it is the one that was located. Raises NotUsable."""
        etag, _, version_id = located.stamp.partition(" ")
        recorded = recorded_object(located.place, located.size_bytes, etag, version_id or None)
        try:
            yield BlockStream(read_object(self._store, recorded))  # type: ignore[misc]
        except (ObjectGone, ContentDiffers) as error:
            raise NotUsable(
                f"{self.address(located.place)} has changed since it was listed. Run the same command again."
            ) from error

    def address(self, key: str) -> str:
        """How a message calls an object."""
        return f"s3://{self._store.bucket}/{key}"


def stamp_of(found: StoredObject) -> str:
    """What changes when the object does."""
    return f"{found.etag} {found.version_id or ''}"


def recorded_object(
    key: str, size_bytes: int, etag: str, version_id: str | None = None, **values: str
) -> Upload:
    """An object that no upload of the portal's made, as the record of one."""
    moment = datetime.now(timezone.utc)
    part_size_bytes = min(max(size_bytes, 1), MAX_PART_SIZE_BYTES)
    described = {"id": "", "owner_id": "", "user": "", "filename": "", "content_type": "", **values}
    return Upload(
        **described,
        state=State.ATTACHED,
        owner_type=OWNER_TYPE,
        size_bytes=size_bytes,
        part_size_bytes=part_size_bytes,
        part_count=max(1, -(-size_bytes // part_size_bytes)),
        key=key,
        s3_upload_id="",
        created_at=moment,
        updated_at=moment,
        expires_at=moment,
        etag=etag,
        version_id=version_id,
    )
