"""Reading an object from beginning to end, in constant memory, across connections that break."""

from collections.abc import Iterator

from botocore.exceptions import ClientError

from s3portal.transfer.error_translation import error_code, store_errors
from s3portal.transfer.errors import ContentDiffers, ObjectGone
from s3portal.transfer.resuming_body import Body, BrokenOff, ResumingBody
from s3portal.transfer.store import Store
from s3portal.transfer.store_failures import StoreUnavailable
from s3portal.transfer.upload import Upload

_BLOCK_BYTES = 1024 * 1024
_MISSING_CODES = frozenset({"404", "NoSuchKey", "NoSuchVersion", "405", "MethodNotAllowed"})


def read_object(store: Store, upload: Upload) -> Iterator[bytes]:
    """The content of a completed upload, in blocks of 1 MiB at most; reading continues where a connection
    broke, and only of the object that was recorded.

    Raises ObjectGone, ContentDiffers where something else is there, StoreUnavailable, StoreFailed.
    """
    first = _open_from(store, upload, 0)
    body = ResumingBody(lambda start: _open_from(store, upload, start), 0, upload.size_bytes, first)
    try:
        yield from body.blocks(_BLOCK_BYTES)
    except BrokenOff as error:
        raise StoreUnavailable(operation="GetObject") from error


def _open_from(store: Store, upload: Upload, offset: int) -> Body:
    asked: dict[str, str] = {}
    if upload.version_id:
        asked["VersionId"] = upload.version_id
    if upload.etag:
        asked["IfMatch"] = f'"{upload.etag}"'
    if offset:
        asked["Range"] = f"bytes={offset}-"
    with store_errors("GetObject"):
        try:
            answer = store.client().get_object(Bucket=store.bucket, Key=upload.key, **asked)  # type: ignore[arg-type]
        except ClientError as error:
            if error_code(error) in _MISSING_CODES:
                raise ObjectGone from error
            if error_code(error) in ("PreconditionFailed", "412"):
                raise ContentDiffers(what="ETag", expected=upload.etag or "", found="another") from error
            if error_code(error) in ("InvalidRange", "416"):
                raise ContentDiffers(what="size", expected=upload.size_bytes, found=offset) from error
            raise
    found = offset + answer["ContentLength"]
    if found != upload.size_bytes:
        answer["Body"].close()
        raise ContentDiffers(what="size", expected=upload.size_bytes, found=found)
    return answer["Body"]
