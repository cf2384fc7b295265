"""Block Public Access. Source: S3 User Guide, "Blocking public access to your Amazon S3 storage"."""

from collections.abc import Collection
from contextlib import suppress
from typing import Any

from botocore.exceptions import ClientError

from s3portal.buckets.problems import NotOffered, asking
from s3portal.buckets.settings.change import Change
from s3portal.buckets.settings.reading import read_setting
from s3portal.portal.doctor import ACL_BLOCKS, POLICY_BLOCKS
from s3portal.transfer import Store, error_code

__all__ = ["ACL_BLOCKS", "ALL", "POLICY_BLOCKS", "block_change", "read_block"]
_WHAT = "Block Public Access"
_TRIED_KEY = ".s3portal-tried"
ALL = (*ACL_BLOCKS, *POLICY_BLOCKS)


def read_block(store: Store) -> dict[str, bool] | None:
    """The four switches, or None where the bucket has none of them, or the store does not know them.

    Raises Refused.
    """
    try:
        return find_block(store)
    except NotOffered:
        return None


def find_block(store: Store) -> dict[str, bool] | None:
    """The same. Raises NotOffered where the store does not know them, Refused."""
    client = store.client()

    def read() -> dict[str, bool]:
        found = client.get_public_access_block(Bucket=store.bucket)["PublicAccessBlockConfiguration"]
        if not found:
            raise KeyError("PublicAccessBlockConfiguration")
        return {name: bool(found.get(name)) for name in ALL}

    return read_setting(
        store, "s3:GetBucketPublicAccessBlock", _WHAT, read, ("NoSuchPublicAccessBlockConfiguration",)
    )


def block_change(store: Store, on: Collection[str] = (), off: Collection[str] = ()) -> Change:
    """Switches these on and those off; the others stay. Raises Refused, NotOffered."""
    before = find_block(store)
    after = {name: (name in on) or (bool((before or {}).get(name)) and name not in off) for name in ALL}
    done = [*(f"{name} on" for name in on), *(f"{name} off" for name in off)]
    return Change(
        f"{_WHAT} of {store.bucket}: {', '.join(done)}", before, after, lambda: _write(store, after)
    )


def _write(store: Store, block: dict[str, bool]) -> None:
    _put(store, block)
    if store.settings.on_aws or not block["BlockPublicAcls"] or not _refuses_parts(store):
        return
    # Ceph RGW 16 then refuses every upload. Public ACLs have no effect with IgnorePublicAcls alone.
    _put(store, {**block, "BlockPublicAcls": False})
    if _refuses_parts(store):
        # It is the keys that may not write.
        _put(store, block)


def _put(store: Store, block: dict[str, bool]) -> None:
    document: Any = block
    with asking(store, "s3:PutBucketPublicAccessBlock", what=_WHAT):
        store.client().put_public_access_block(Bucket=store.bucket, PublicAccessBlockConfiguration=document)


def _refuses_parts(store: Store) -> bool:
    """Whether a part of an upload, which is aborted, is answered AccessDenied."""
    client: Any = store.client()
    place = {"Bucket": store.bucket, "Key": _TRIED_KEY}
    try:
        upload_id = client.create_multipart_upload(**place)["UploadId"]
    except ClientError:
        return False
    try:
        client.upload_part(**place, UploadId=upload_id, PartNumber=1, Body=b"x")
    except ClientError as error:
        return error_code(error) == "AccessDenied"
    finally:
        with suppress(ClientError):
            client.abort_multipart_upload(**place, UploadId=upload_id)
    return False
