"""Storing a file as an item: through the queue where it fits into memory, at once and in parts where not."""

import hashlib
from pathlib import Path

from dtoolcore.utils import generate_identifier

from s3portal.dtool.big_files import PARTS_FROM_BYTES, send_file
from s3portal.dtool.bucket_objects import BucketObjects
from s3portal.dtool.errors import ItemUnreadable
from s3portal.dtool.handles import encode_handle
from s3portal.dtool.item_index import ItemIndex, StoredItem
from s3portal.dtool.item_queue import ItemQueue
from s3portal.dtool.keys import DatasetKeys
from s3portal.dtool.s3_errors import check_open_files
from s3portal.dtool.upload_journal import UploadJournals


def store_item(
    objects: BucketObjects,
    keys: DatasetKeys,
    queue: ItemQueue,
    index: ItemIndex,
    journals: UploadJournals,
    path: str,
    relpath: str,
) -> None:
    """Stores the file at ``path`` as the item ``relpath``, and notes it in the index when S3 has said so.

    A file in parts that was started resumes where it was, as the journals tell.

    Raises ItemUnreadable for the file, and ItemsNotStored for this item or others that failed.
    """
    objects.require_key()
    try:
        key = keys.item(generate_identifier(relpath))
        size_bytes = Path(path).stat().st_size
        content = Path(path).read_bytes() if size_bytes <= PARTS_FROM_BYTES else None
    except (OSError, UnicodeEncodeError) as error:
        check_open_files(error)
        raise ItemUnreadable(f"{relpath!r} cannot be read from {path!r}: {error}") from error
    if content is None:
        queue.send_now(relpath, lambda: _store_file(objects, key, index, journals, path, relpath))
    else:
        queue.send(relpath, len(content), lambda: _store_content(objects, key, index, content, relpath))


def _store_content(objects: BucketObjects, key: str, index: ItemIndex, content: bytes, relpath: str) -> None:
    checksum = hashlib.md5(content, usedforsecurity=False).hexdigest()
    etag = objects.put(key, content, _metadata(relpath, checksum))
    index.remember(StoredItem(relpath, len(content), etag, checksum))


def _store_file(
    objects: BucketObjects, key: str, index: ItemIndex, journals: UploadJournals, path: str, relpath: str
) -> None:
    """The checksum is among the metadata, which S3 takes before the content: so the file is read twice."""
    before = Path(path).stat()
    checksum = _md5_of_file(path)
    send_file(objects.store, path, key, _metadata(relpath, checksum), journals)
    after = Path(path).stat()
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise ItemUnreadable(f"{path} was changed while it was being sent. Put it again when it is complete.")
    index.remember(StoredItem(relpath, after.st_size, checksum=checksum))


def _metadata(relpath: str, checksum: str) -> dict[str, str]:
    return {"handle": encode_handle(relpath), "checksum": checksum}


def _md5_of_file(path: str) -> str:
    md5 = hashlib.md5(usedforsecurity=False)
    with Path(path).open("rb") as file:
        while block := file.read(1024 * 1024):
            md5.update(block)
    return md5.hexdigest()
