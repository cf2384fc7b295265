"""Versioning. Source: S3 User Guide, "Using versioning in S3 buckets"."""

from typing import Any

from s3portal.buckets.problems import Refused, asking
from s3portal.buckets.settings.change import Change
from s3portal.buckets.settings.reading import read_setting
from s3portal.transfer import Store

_WHAT = "versioning"
ON, SUSPENDED, NEVER = "Enabled", "Suspended", "never switched on"


def read_versioning(store: Store) -> str:
    """``Enabled``, ``Suspended`` or ``never switched on``. Raises Refused, NotOffered."""
    client = store.client()
    found = read_setting(
        store,
        "s3:GetBucketVersioning",
        _WHAT,
        lambda: client.get_bucket_versioning(Bucket=store.bucket).get("Status", NEVER),
    )
    return str(found)


def versioning_change(store: Store, *, on: bool) -> Change:
    """Switches versioning on, or suspends it: what was kept stays. Raises Refused."""
    before = read_versioning(store)
    after = ON if on else (SUSPENDED if before != NEVER else NEVER)
    text = (
        f"keep former versions in {store.bucket}"
        if on
        else f"keep no new versions in {store.bucket}; those that are there stay"
    )
    return Change(text, before, after, lambda: _write(store, after))


def _write(store: Store, status: str) -> None:
    if status == NEVER:
        raise Refused("versioning was never switched on")
    document: Any = {"Status": status}
    with asking(store, "s3:PutBucketVersioning", what=_WHAT):
        store.client().put_bucket_versioning(Bucket=store.bucket, VersioningConfiguration=document)
