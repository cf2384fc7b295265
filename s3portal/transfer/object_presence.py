"""What the store has under a key now, as one HEAD tells."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from s3portal.transfer.store import Store
from s3portal.transfer.store_errors import error_code, store_errors

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import HeadObjectRequestTypeDef

# HEAD answers without a body, so most stores say the status alone. 405 is the version that marks a deletion.
MISSING_CODES = frozenset({"404", "NoSuchKey", "NoSuchVersion", "405", "MethodNotAllowed"})


@dataclass(frozen=True)
class FoundObject:
    """An object at the store. ``etag`` is without its quotes."""

    etag: str
    size_bytes: int
    last_modified: datetime


def find_object(store: Store, key: str, version_id: str | None = None) -> FoundObject | None:
    """The object, or None where the store says that there is none.

    Requests: HeadObject. Raises StoreUnavailable, StoreFailed: without s3:ListBucket, AWS answers 403 for an
    object that is not there, which says nothing.
    """
    request: HeadObjectRequestTypeDef = {"Bucket": store.bucket, "Key": key}
    if version_id:
        request["VersionId"] = version_id
    with store_errors("HeadObject"):
        try:
            head = store.client().head_object(**request)
        except ClientError as error:
            if error_code(error) in MISSING_CODES:
                return None
            raise
        return FoundObject(head["ETag"].strip('"'), head["ContentLength"], head["LastModified"])
