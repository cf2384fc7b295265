"""What a multipart upload is created with; by real uploads and by those that try the store, alike."""

from collections.abc import Mapping
from typing import Any

from s3portal.transfer.disposition import INERT_TYPE, content_disposition, is_content_type
from s3portal.transfer.encryption import encryption_arguments
from s3portal.transfer.object_metadata import encode_metadata
from s3portal.transfer.store import Store


def creation_arguments(
    store: Store, *, key: str, filename: str, content_type: str, metadata: Mapping[str, str]
) -> dict[str, Any]:
    """Arguments of CreateMultipartUpload, without those of checksums (checksum_trial.py)."""
    return {
        "Bucket": store.bucket,
        "Key": key,
        "ContentType": stored_content_type(content_type),
        # Even a reader who finds the object without the portal gets a download and not a page.
        "ContentDisposition": content_disposition(filename),
        "Metadata": encode_metadata(metadata),
        **encryption_arguments(store.settings.s3_sse),
    }


def stored_content_type(content_type: str) -> str:
    """The type that an object is stored with."""
    return content_type if is_content_type(content_type) else INERT_TYPE


def is_encrypted_by_kms(answer: Mapping[str, Any]) -> bool:
    """Whether the store's answer says that a key from KMS encrypts, so that ETags are no MD5s (S3 API
    Reference, "Object", ETag)."""
    return str(answer.get("ServerSideEncryption", "")).startswith("aws:kms")
