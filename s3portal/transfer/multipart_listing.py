"""Lists all unfinished multipart uploads that a store has under a prefix, and aborts them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from botocore.exceptions import ClientError

from s3portal.transfer.error_translation import says_no_upload, store_errors
from s3portal.transfer.store import Store

#: S3 API Reference, "Error responses": this store, or these keys, do not list.
NOT_LISTED_CODES = frozenset(
    {"AccessDenied", "AllAccessDisabled", "MethodNotAllowed", "NotImplemented", "403", "405", "501"}
)


@dataclass(frozen=True)
class ListedUpload:
    """An unfinished multipart upload as ListMultipartUploads shows it."""

    key: str
    s3_upload_id: str
    initiated_at: datetime


def list_uploads(store: Store, prefix: str = "") -> Iterator[ListedUpload]:
    """All unfinished multipart uploads under the prefix, in order of their keys; a request for every 1,000.

    Raises StoreUnavailable, and StoreFailed also where the keys may not list.
    """
    pages = iter(
        store.client().get_paginator("list_multipart_uploads").paginate(Bucket=store.bucket, Prefix=prefix)
    )
    while True:
        with store_errors("ListMultipartUploads"):
            page = next(pages, None)
            if page is None:
                return
            found = [
                ListedUpload(each["Key"], each["UploadId"], each["Initiated"])
                for each in page.get("Uploads", [])
            ]
        yield from found


def stored_bytes(store: Store, listed: ListedUpload) -> int:
    """How much the parts of an unfinished upload hold together; 0 if it is gone. A request for every 1,000
    parts. Raises StoreUnavailable, StoreFailed.
    """
    pages = (
        store.client()
        .get_paginator("list_parts")
        .paginate(Bucket=store.bucket, Key=listed.key, UploadId=listed.s3_upload_id)
    )
    with store_errors("ListParts"):
        try:
            return sum(part["Size"] for page in pages for part in page.get("Parts", []))
        except ClientError as error:
            if not says_no_upload(error):
                raise
            return 0


def abort_listed(store: Store, listed: ListedUpload) -> bool:
    """Aborts the upload; False if it is gone already. Raises StoreUnavailable, StoreFailed."""
    return abort_at_store(store, listed.key, listed.s3_upload_id)


def abort_at_store(store: Store, key: str, s3_upload_id: str) -> bool:
    """AbortMultipartUpload; False if the store does not know the upload (any longer).

    Raises StoreUnavailable, StoreFailed.
    """
    with store_errors("AbortMultipartUpload"):
        try:
            store.client().abort_multipart_upload(Bucket=store.bucket, Key=key, UploadId=s3_upload_id)
        except ClientError as error:
            if not says_no_upload(error):
                raise
            return False
    return True
