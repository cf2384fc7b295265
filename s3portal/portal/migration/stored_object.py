"""A file that arrived under a key of a bucket: compared with what the portal has on record."""

import base64
from collections.abc import Mapping
from typing import Any

from s3portal.portal.migration.interface import NotVerified
from s3portal.transfer import Store


def verify_object(store: Store, key: str, size_bytes: int, md5: str) -> None:
    """Compares the object with the size and the MD5 (hex, "" where it is not known) of its file.

    Raises NotVerified, and ClientError where there is no object.
    """
    head = store.client().head_object(Bucket=store.bucket, Key=key)
    if head["ContentLength"] != size_bytes:
        raise NotVerified(
            f"{key} in {store.bucket} has {head['ContentLength']} bytes and should have {size_bytes}"
        )
    if md5 and md5.lower() not in _md5s(head):
        raise NotVerified(f"{key} in {store.bucket} is another file: its MD5 is not {md5}")


def _md5s(head: Mapping[str, Any]) -> tuple[str, ...]:
    """What the object says of its MD5, in hex: metadata as rclone writes it, too, or the ETag of one part."""
    metadata = {name.lower(): value for name, value in head["Metadata"].items()}
    noted = metadata.get("md5chksum", "")
    return head["ETag"].strip('"').lower(), base64.b64decode(noted).hex()
