"""Object Ownership: whether ACLs count at all. Source: S3 User Guide, "Controlling ownership of objects"."""

from typing import Any

from s3portal.buckets.direct import direct
from s3portal.buckets.problems import NotOffered, Refused, asking
from s3portal.buckets.settings.acl import read_bucket_acl, strangers_in
from s3portal.buckets.settings.change import Change
from s3portal.buckets.settings.reading import read_setting
from s3portal.transfer import Store

_WHAT = "Object Ownership"
ENFORCED = "BucketOwnerEnforced"
#: Of buckets from before the setting existed.
UNSET = "ObjectWriter"


def read_ownership(store: Store) -> str:
    """``BucketOwnerEnforced`` (ACLs are off), ``BucketOwnerPreferred`` or ``ObjectWriter``; that too where
    the store does not know the setting. Raises Refused."""
    try:
        return find_ownership(store)
    except NotOffered:
        return UNSET


def find_ownership(store: Store) -> str:
    """The same. Raises NotOffered where the store does not know the setting, Refused."""

    def read() -> str:
        answer = direct(store).call("GetBucketOwnershipControls", "GET", query={"ownershipControls": ""})
        if answer.xml.name != "OwnershipControls":
            raise KeyError(answer.xml.name)
        rule = answer.xml.child("Rule")
        return rule.text("ObjectOwnership") if rule else UNSET

    found = read_setting(
        store,
        "s3:GetBucketOwnershipControls",
        _WHAT,
        read,
        ("OwnershipControlsNotFoundError",),
    )
    return found or UNSET


def enforcing_change(store: Store) -> Change:
    """Switches ACLs off: the bucket's owner owns everything, and only policies count.

    Raises Refused where the bucket's own ACL lets others in, which S3 does not accept, and NotOffered.
    """
    # Stores that do not know the setting may take writing it for CreateBucket.
    before = find_ownership(store)
    if before != ENFORCED and (others := strangers_in(read_bucket_acl(store))):
        raise Refused(
            f"the ACL of {store.bucket} lets others in ({', '.join(others)}), and S3 wants that gone first",
            f"s3portal bucket acl reset {store.bucket} --bucket-only",
        )
    text = f"switch ACLs off in {store.bucket}: they no longer let anyone in, and policies alone count"
    return Change(text, before, ENFORCED, lambda: _write(store))


def _write(store: Store) -> None:
    document: Any = {"Rules": [{"ObjectOwnership": ENFORCED}]}
    with asking(store, "s3:PutBucketOwnershipControls", what=_WHAT):
        store.client().put_bucket_ownership_controls(Bucket=store.bucket, OwnershipControls=document)
