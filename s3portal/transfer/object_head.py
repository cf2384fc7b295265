"""What HEAD says of an object, and which upload wrote it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from s3portal.transfer.error_translation import error_code, store_errors
from s3portal.transfer.errors import ContentDiffers, ObjectGone
from s3portal.transfer.store import Store
from s3portal.transfer.upload import Upload

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef, HeadObjectRequestTypeDef

# HEAD answers without a body, so most stores say the status alone. 405 is the version that marks a deletion.
_MISSING_CODES = frozenset({"404", "NoSuchKey", "NoSuchVersion", "405", "MethodNotAllowed"})


def head_object(store: Store, key: str, version_id: str | None = None) -> "HeadObjectOutputTypeDef":
    """The answer to HEAD, of the newest version or of this one, with checksums; one request.

    Raises ObjectGone, StoreUnavailable, StoreFailed.
    """
    request: HeadObjectRequestTypeDef = {"Bucket": store.bucket, "Key": key, "ChecksumMode": "ENABLED"}
    if version_id:
        request["VersionId"] = version_id
    with store_errors("HeadObject"):
        try:
            return store.client().head_object(**request)
        except ClientError as error:
            if error_code(error) in _MISSING_CODES:
                raise ObjectGone from error
            raise


def pinnable(version_id: str | None) -> str | None:
    """The version id, unless it is the "null" of a bucket without versions, which the next write replaces."""
    return None if version_id == "null" else version_id


def require_written_by(upload: Upload, metadata: Mapping[str, str]) -> None:
    """Raises ContentDiffers unless the decoded metadata of an object name this upload: anyone who has session
    credentials for a whole dataset could write an object of their own under its key."""
    if metadata.get("upload") != upload.id:
        raise ContentDiffers(what="upload id", expected=upload.id, found=metadata.get("upload", ""))
