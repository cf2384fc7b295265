"""What belongs to an object of the source beside its content, read and given to what becomes of it.

CopyObject takes type, metadata and tags along; it never takes the ACL, retention and legal hold, and parts
take nothing (S3 API Reference, CopyObject, CreateMultipartUpload).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from typing import Any, TypeVar

from s3portal.buckets.creating import has_object_lock
from s3portal.buckets.problems import Refused, Unusable
from s3portal.buckets.settings.acl import read_bucket_acl
from s3portal.buckets.settings.ownership import ENFORCED, read_ownership
from s3portal.buckets.sync.entries import Entry
from s3portal.buckets.sync.places import Folder, Prefix
from s3portal.buckets.sync.requests import Requests
from s3portal.buckets.sync.wanted import TAGS, Wanted, grant_headers, tags_header
from s3portal.transfer import Store

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Belongings:
    """Of the objects of one source, for one target. Raises RequestFailed and boto3's ClientError."""

    wanted: Wanted
    source: Prefix
    target: Prefix
    requests: Requests

    def for_copy(self, entry: Entry) -> dict[str, str]:
        """The headers of CopyObject. No request is made for what CopyObject takes along by itself."""
        wanted = self.wanted
        head: Mapping[str, str] = {}
        if wanted.describes or wanted.keep_retention:
            head = self.requests.head(self.source.key(entry.path), entry.etag)
        headers = {**self._acl(entry), **wanted.locking_like(head, _now()), **wanted.placing(entry)}
        if wanted.describes:
            headers |= {"x-amz-metadata-directive": "REPLACE", **wanted.description_like(head)}
        if wanted.tags is not None:
            headers |= {"x-amz-tagging-directive": "REPLACE", TAGS: wanted.tags}
        elif wanted.describes and not self.target.store.settings.on_aws and (tags := self._tags(entry, head)):
            # With a new description, Ceph RGW 16 leaves them behind.
            headers |= {"x-amz-tagging-directive": "REPLACE", TAGS: tags}
        return headers

    def like(self, entry: Entry, source: Mapping[str, str]) -> dict[str, str]:
        """The headers of PutObject or CreateMultipartUpload, for an object that answered with the headers
        ``source``, in small letters."""
        tags = self._tags(entry, source) if self.wanted.tags is None else self.wanted.tags
        return {
            **self._acl(entry),
            **self.wanted.locking_like(source, _now()),
            **self.wanted.placing(entry),
            **self.wanted.description_like(source),
            **({TAGS: tags} if tags else {}),
        }

    def _tags(self, entry: Entry, source: Mapping[str, str]) -> str:
        # Only to those who may read the tags S3 says how many there are; others would be refused here, too.
        if not int(source.get("x-amz-tagging-count") or 0):
            return ""
        client: Any = self.source.store.client()
        found = client.get_object_tagging(Bucket=self.source.store.bucket, Key=self.source.key(entry.path))
        return tags_header({tag["Key"]: tag["Value"] for tag in found["TagSet"]})

    def _acl(self, entry: Entry) -> dict[str, str]:
        if not self.wanted.keep_acl:
            return {}
        client: Any = self.source.store.client()
        acl = client.get_object_acl(Bucket=self.source.store.bucket, Key=self.source.key(entry.path))
        return grant_headers(acl, self._new_owner)

    @cached_property
    def _new_owner(self) -> str:
        # With ACLs, who writes an object owns it; a bucket's owner is its writer unless another account
        # writes here, which then has to name the bucket's owner anyway.
        return str(read_bucket_acl(self.target.store)["Owner"]["ID"])


def require_possible(wanted: Wanted, source: Folder | Prefix, target: Folder | Prefix) -> None:
    """Raises Unusable where what is wanted of new objects cannot be had of these places, before anything is
    written."""
    if isinstance(target, Folder):
        if wanted != Wanted():
            raise Unusable(
                "files have no ACL, tags, storage class or retention: these options are for buckets"
            )
        return
    for is_kept, option in (
        (wanted.keep_acl, "--keep-acl"),
        (wanted.keep_retention, "--keep-retention"),
        (wanted.keep_storage_class, "--keep-storage-class"),
    ):
        if is_kept and isinstance(source, Folder):
            raise Unusable(f"{option}: files have none; it is for copies from bucket to bucket")
    locks = any(name.startswith("x-amz-object-lock-") for name in wanted.placed)
    if (locks or wanted.keep_retention) and _knows(has_object_lock, target.store) is False:
        raise Unusable(
            f"{target.store.bucket} has no Object Lock, so nothing in it can be retained",
            f"create another bucket:  s3portal bucket create {target.store.bucket}-locked --object-lock",
        )
    acl = wanted.placed.get("x-amz-acl", "")
    # The one ACL that a bucket without ACLs takes, since it says what is so anyway.
    says_an_acl = wanted.keep_acl or acl not in ("", "bucket-owner-full-control")
    if says_an_acl and _knows(read_ownership, target.store) == ENFORCED:
        raise Unusable(
            f"{target.store.bucket} has its ACLs switched off (Object Ownership BucketOwnerEnforced)",
            "leave --acl and --keep-acl out; who may read is decided by the bucket's policy",
        )


def _knows(ask: Callable[[Store], Answer], store: Store) -> Answer | None:
    """None where the keys may not ask: those that may write need not read the bucket's settings."""
    try:
        return ask(store)
    except Refused:
        return None


def _now() -> datetime:
    return datetime.now(timezone.utc)
