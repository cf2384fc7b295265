"""Reading an object from beginning to end, in constant memory, across connections that break."""

from collections.abc import Iterator

from botocore.exceptions import ClientError, ConnectionError, HTTPClientError, IncompleteReadError

from s3portal.transfer.error_translation import error_code, store_errors
from s3portal.transfer.errors import ContentDiffers, ObjectGone, StoreUnavailable
from s3portal.transfer.store import Store
from s3portal.transfer.upload import Upload

_BLOCK_BYTES = 1024 * 1024
#: So many connections in a row may break without a single byte.
_FRUITLESS_TRIES = 4
_MISSING_CODES = frozenset({"404", "NoSuchKey", "NoSuchVersion", "405", "MethodNotAllowed"})


def read_object(store: Store, upload: Upload) -> Iterator[bytes]:
    """The content of a completed upload, in blocks of 1 MiB at most; reading continues where a connection
    broke, and only of the object that was recorded.

    Raises ObjectGone, ContentDiffers where something else is there, StoreUnavailable, StoreFailed.
    """
    offset = fruitless = 0
    while offset < upload.size_bytes or (upload.size_bytes == 0 and fruitless == 0):
        before = offset
        try:
            for block in _from(store, upload, offset):
                offset += len(block)
                yield block
        except StoreUnavailable:
            if fruitless + 1 >= _FRUITLESS_TRIES and offset == before:
                raise
        if upload.size_bytes == 0:
            return
        fruitless = 0 if offset > before else fruitless + 1
        if fruitless >= _FRUITLESS_TRIES or offset > upload.size_bytes:
            raise ContentDiffers(what="size", expected=upload.size_bytes, found=offset)


def _from(store: Store, upload: Upload, offset: int) -> Iterator[bytes]:
    asked: dict[str, str] = {}
    if upload.version_id:
        asked["VersionId"] = upload.version_id
    if upload.etag:
        asked["IfMatch"] = f'"{upload.etag}"'
    if offset:
        asked["Range"] = f"bytes={offset}-"
    with store_errors("GetObject"):
        try:
            body = store.client().get_object(Bucket=store.bucket, Key=upload.key, **asked)["Body"]  # type: ignore[arg-type]
        except ClientError as error:
            if error_code(error) in _MISSING_CODES:
                raise ObjectGone from error
            if error_code(error) in ("PreconditionFailed", "412"):
                raise ContentDiffers(what="ETag", expected=upload.etag or "", found="another") from error
            if error_code(error) in ("InvalidRange", "416"):
                raise ContentDiffers(what="size", expected=upload.size_bytes, found=offset) from error
            raise
    try:
        yield from body.iter_chunks(_BLOCK_BYTES)
    except (ConnectionError, HTTPClientError, IncompleteReadError) as error:
        raise StoreUnavailable(operation="GetObject") from error
    finally:
        body.close()
