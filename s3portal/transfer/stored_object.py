"""An object as the store describes it, and whether it is still the file that was verified."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from s3portal.transfer.completion import full_object_checksum
from s3portal.transfer.error_translation import store_errors
from s3portal.transfer.errors import ContentDiffers
from s3portal.transfer.object_head import head_object, pinnable
from s3portal.transfer.object_metadata import decode_metadata
from s3portal.transfer.store import Store
from s3portal.transfer.upload import Checksum, Upload

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef


@dataclass(frozen=True, kw_only=True)
class StoredObject:
    """An object as HEAD shows it. ``version_id`` is None without versions; ``encryption`` is what S3 calls
    ``AES256`` or ``aws:kms``, "" for none; ``storage_class`` is "" for the standard one."""

    key: str
    version_id: str | None
    etag: str
    size_bytes: int
    content_type: str
    last_modified: datetime
    checksum: Checksum | None
    metadata: Mapping[str, str]
    encryption: str
    kms_key_id: str
    storage_class: str


def look_at(store: Store, key: str, version_id: str | None = None) -> StoredObject:
    """The object under ``key``, or this version of it; one request.

    Raises ObjectGone, StoreUnavailable, StoreFailed.
    """
    head = head_object(store, key, version_id)
    with store_errors("HeadObject"):
        return _from_head(key, head)


def require_unchanged(upload: Upload, found: StoredObject) -> None:
    """Compares an object with the record of the completed upload. Raises ContentDiffers."""
    if found.size_bytes != upload.size_bytes:
        raise ContentDiffers(what="size", expected=upload.size_bytes, found=found.size_bytes)
    if upload.etag and found.etag != upload.etag:
        raise ContentDiffers(what="ETag", expected=upload.etag, found=found.etag)
    if upload.version_id and found.version_id != upload.version_id:
        raise ContentDiffers(what="version", expected=upload.version_id, found=found.version_id or "")


def require_stored(store: Store, upload: Upload) -> None:
    """Asks the store whether the file of a completed upload is still there and the same; one request.

    Raises ObjectGone, ContentDiffers, StoreUnavailable, StoreFailed.
    """
    require_unchanged(upload, look_at(store, upload.key, upload.version_id))


def _from_head(key: str, head: "HeadObjectOutputTypeDef") -> StoredObject:
    return StoredObject(
        key=key,
        version_id=pinnable(head.get("VersionId")),
        etag=head.get("ETag", "").strip('"'),
        size_bytes=head["ContentLength"],
        content_type=head.get("ContentType", ""),
        last_modified=head["LastModified"],
        checksum=full_object_checksum(head, None),
        metadata=decode_metadata(head.get("Metadata", {})),
        encryption=head.get("ServerSideEncryption", ""),
        kms_key_id=head.get("SSEKMSKeyId", ""),
        storage_class=head.get("StorageClass", ""),
    )
