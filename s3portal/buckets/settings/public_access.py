"""Block Public Access. Source: S3 User Guide, "Blocking public access to your Amazon S3 storage"."""

from collections.abc import Collection
from typing import Any

from s3portal.buckets.problems import NotOffered, Refused, asking
from s3portal.buckets.settings.change import Change
from s3portal.buckets.settings.ownership import find_ownership
from s3portal.buckets.settings.reading import read_setting
from s3portal.portal.doctor import ACL_BLOCKS, POLICY_BLOCKS
from s3portal.transfer import Store

__all__ = [
    "ACL_BLOCKS",
    "ALL",
    "POLICY_BLOCKS",
    "block_change",
    "keeps_owner_out",
    "read_block",
    "without_keeping_owner_out",
]
_WHAT = "Block Public Access"
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
    """Switches these on and those off; the others stay. Raises Refused, NotOffered.

    Where BlockPublicAcls would keep the owner out (``keeps_owner_out``), IgnorePublicAcls does the work of
    both.
    """
    before = find_block(store)
    wanted = {*on}
    left_out = "BlockPublicAcls" in wanted and keeps_owner_out(store)
    if left_out:
        wanted = (wanted - {"BlockPublicAcls"}) | {"IgnorePublicAcls"}
        off = {*off, "BlockPublicAcls"}
    after = {name: (name in wanted) or (bool((before or {}).get(name)) and name not in off) for name in ALL}
    done = [
        *(f"{name} on" for name in ALL if name in wanted),
        *(f"{name} off" for name in ALL if name in off),
    ]
    why = " (with BlockPublicAcls this store would refuse uploads)" if left_out else ""
    return Change(
        f"{_WHAT} of {store.bucket}: {', '.join(done)}{why}", before, after, lambda: _put(store, after)
    )


def without_keeping_owner_out(store: Store, block: dict[str, bool]) -> dict[str, bool]:
    """What of a block may be on while the owner writes: IgnorePublicAcls in place of BlockPublicAcls, where
    that would keep the owner out."""
    if not block["BlockPublicAcls"] or not keeps_owner_out(store):
        return block
    return {**block, "BlockPublicAcls": False, "IgnorePublicAcls": True}


def keeps_owner_out(store: Store) -> bool:
    """Whether BlockPublicAcls makes the store refuse every upload, that of the owner, too, as Ceph RGW 16
    does. It is known by having no Object Ownership."""
    if store.settings.on_aws:
        return False
    try:
        find_ownership(store)
    except NotOffered:
        return True
    except Refused:
        # Who may not read it speaks to a store that has it.
        return False
    return False


def _put(store: Store, block: dict[str, bool]) -> None:
    document: Any = block
    with asking(store, "s3:PutBucketPublicAccessBlock", what=_WHAT):
        store.client().put_public_access_block(Bucket=store.bucket, PublicAccessBlockConfiguration=document)
