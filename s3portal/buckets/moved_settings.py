"""All settings of a bucket, read from one and given to another that takes its place, and compared.

``late`` ones come after the objects: they would act on what is only arriving (lifecycle, replication,
notifications, a default retention), or keep it out (a policy).

Source: S3 API Reference, the Get and Put operations of each.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from s3portal.buckets.problems import NotOffered
from s3portal.buckets.settings import versioning
from s3portal.buckets.settings.acl import strangers_in
from s3portal.buckets.settings.change import Change
from s3portal.buckets.settings.ownership import UNSET
from s3portal.buckets.settings.public_access import ALL, without_keeping_owner_out
from s3portal.buckets.settings.reading import read_setting
from s3portal.transfer import Store

Document = Any
_Read = Callable[[Any, str], Document]
_Write = Callable[[Any, str, Document], object]
#: What says in an answer's place that a bucket has no such setting.
_MISSING = (
    "NoSuchBucketPolicy",
    "NoSuchCORSConfiguration",
    "NoSuchLifecycleConfiguration",
    "NoSuchPublicAccessBlockConfiguration",
    "NoSuchTagSet",
    "NoSuchWebsiteConfiguration",
    "ObjectLockConfigurationNotFoundError",
    "OwnershipControlsNotFoundError",
    "ReplicationConfigurationNotFoundError",
    "ServerSideEncryptionConfigurationNotFoundError",
)


@dataclass(frozen=True)
class Kind:
    """One setting. ``read`` gives None, or something empty, where a bucket has none."""

    name: str
    permission: str
    read: _Read
    write: _Write
    late: bool = False
    #: What of it may be there while objects arrive; the rest is late, too.
    at_first: Callable[[Store, Document], Document] | None = None
    #: What counts where a store that has such a setting has none of it for a bucket.
    absent: Document | None = None

    def of(self, store: Store) -> Document | None:
        """What the bucket has; None where it has none, or the store does not offer it. Raises Refused."""
        try:
            found = self.find(store)
        except NotOffered:
            return None
        return found or self.absent

    def find(self, store: Store) -> Document | None:
        """The same, but raises NotOffered, and None where only ``absent`` counts."""
        client: Any = store.client()
        return read_setting(
            store, self.permission, self.name, lambda: self.read(client, store.bucket), _MISSING
        )


def settings_changes(source: Store, target: Store, *, late: bool) -> Iterator[Change]:
    """What the target needs to be set up like the source, in an order in which S3 accepts it. What names the
    source's ARN names the target's then. Raises Refused."""
    for kind in KINDS:
        if kind.late is not late and not (late and kind.at_first):
            continue
        wanted, before = _renamed(kind.of(source), source, target), kind.of(target)
        if wanted is not None and kind.at_first and not late:
            wanted = kind.at_first(target, wanted)
        change = _change(kind, target, before, wanted)
        if wanted is not None and change.is_needed:
            yield change


def differences(source: Store, target: Store) -> Iterator[str]:
    """The names of the settings that the target does not have as the source has them. Raises Refused."""
    for kind in KINDS:
        wanted = _renamed(kind.of(source), source, target)
        if wanted is not None and _change(kind, target, kind.of(target), wanted).is_needed:
            yield kind.name


def _change(kind: Kind, target: Store, before: Document | None, wanted: Document) -> Change:
    client: Any = target.client()
    text = f"{kind.name} of {target.bucket}"

    def apply() -> None:
        if before is None:
            # Not written to a store that does not know it, and may take that for CreateBucket.
            kind.find(target)
        read_setting(
            target,
            kind.permission.replace(":Get", ":Put"),
            kind.name,
            lambda: kind.write(client, target.bucket, wanted),
        )

    return Change(text, before, wanted, apply)


def _renamed(document: Document, source: Store, target: Store) -> Document:
    """An ARN of the bucket itself or of what is in it, and not of one whose name only begins so."""
    arn = re.compile(rf"(arn:[a-z-]+:s3:::){re.escape(source.bucket)}(?=[\"/*])")
    if document is None:
        return None
    return json.loads(arn.sub(rf"\g<1>{target.bucket}", json.dumps(document, default=str)))


def _plain(operation: str, within: str | None, argument: str) -> tuple[_Read, _Write]:
    """Reading and writing where S3's answer is what it takes back."""

    def read(client: Any, bucket: str) -> Document:
        answer = dict(getattr(client, f"get_{operation}")(Bucket=bucket))
        answer.pop("ResponseMetadata", None)
        return answer.get(within) if within else answer

    def write(client: Any, bucket: str, document: Document) -> object:
        return getattr(client, f"put_{operation}")(Bucket=bucket, **{argument: document})

    return read, write


def _read_ownership(client: Any, bucket: str) -> Document:
    # Without rules: what a store answers that takes the request for another one.
    rules = client.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    return {"Rules": [{"ObjectOwnership": rules[0]["ObjectOwnership"] if rules else UNSET}]}


def _read_block(client: Any, bucket: str) -> Document:
    found = client.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    if not found:
        raise KeyError("PublicAccessBlockConfiguration")
    return {name: bool(found.get(name)) for name in ALL}


def _read_versioning(client: Any, bucket: str) -> Document:
    # While it is suspended, what arrives would overwrite what arrived before.
    status = client.get_bucket_versioning(Bucket=bucket).get("Status")
    return {"Status": versioning.ON} if status else None


def _read_suspended(client: Any, bucket: str) -> Document:
    status = client.get_bucket_versioning(Bucket=bucket).get("Status")
    return {"Status": status} if status == versioning.SUSPENDED else None


def _write_versioning(client: Any, bucket: str, document: Document) -> object:
    return client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=document)


def _read_acl(client: Any, bucket: str) -> Document:
    acl = client.get_bucket_acl(Bucket=bucket)
    return {"Owner": acl["Owner"], "Grants": acl["Grants"]} if strangers_in(acl) else None


def _write_acl(client: Any, bucket: str, document: Document) -> object:
    return client.put_bucket_acl(Bucket=bucket, AccessControlPolicy=document)


def _read_policy(client: Any, bucket: str) -> Document:
    return json.loads(client.get_bucket_policy(Bucket=bucket)["Policy"])


def _write_policy(client: Any, bucket: str, document: Document) -> object:
    return client.put_bucket_policy(Bucket=bucket, Policy=json.dumps(document))


def _read_payer(client: Any, bucket: str) -> Document:
    payer = client.get_bucket_request_payment(Bucket=bucket).get("Payer", "BucketOwner")
    return {"Payer": payer} if payer == "Requester" else None


def _write_payer(client: Any, bucket: str, document: Document) -> object:
    return client.put_bucket_request_payment(Bucket=bucket, RequestPaymentConfiguration=document)


def _read_tags(client: Any, bucket: str) -> Document:
    found = client.get_bucket_tagging(Bucket=bucket)["TagSet"]
    return {"TagSet": sorted(found, key=lambda tag: str(tag["Key"]))}


def _read_lock(client: Any, bucket: str) -> Document:
    found = client.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]
    return found if found.get("Rule") else None


def _read_encryption(client: Any, bucket: str) -> Document:
    return {"Rules": client.get_bucket_encryption(Bucket=bucket)[_ENCRYPTION]["Rules"]}


def _read_replication(client: Any, bucket: str) -> Document:
    # Ceph RGW answers with an empty role where there is none.
    found = client.get_bucket_replication(Bucket=bucket)["ReplicationConfiguration"]
    return found if found.get("Rules") else None


def _read_logging(client: Any, bucket: str) -> Document:
    found = client.get_bucket_logging(Bucket=bucket).get("LoggingEnabled")
    return {"LoggingEnabled": found} if found else None


_ENCRYPTION = "ServerSideEncryptionConfiguration"
#: In an order in which S3 accepts them: ACLs after ownership, policies after the block on public ones.
KINDS = (
    Kind(
        "Object Ownership", "s3:GetBucketOwnershipControls", _read_ownership,
        _plain("bucket_ownership_controls", None, "OwnershipControls")[1],
        absent={"Rules": [{"ObjectOwnership": UNSET}]},
    ),
    Kind(
        "Block Public Access", "s3:GetBucketPublicAccessBlock", _read_block,
        _plain("public_access_block", None, "PublicAccessBlockConfiguration")[1],
        absent=dict.fromkeys(ALL, False), at_first=without_keeping_owner_out,
    ),
    Kind("versioning", "s3:GetBucketVersioning", _read_versioning, _write_versioning),
    Kind(
        "default encryption", "s3:GetEncryptionConfiguration",
        _read_encryption, _plain("bucket_encryption", None, _ENCRYPTION)[1],
    ),
    Kind("bucket ACL", "s3:GetBucketAcl", _read_acl, _write_acl),
    Kind(
        "CORS rules", "s3:GetBucketCORS",
        lambda client, bucket: {"CORSRules": client.get_bucket_cors(Bucket=bucket)["CORSRules"]},
        _plain("bucket_cors", None, "CORSConfiguration")[1],
    ),
    Kind("tags", "s3:GetBucketTagging", _read_tags, _plain("bucket_tagging", None, "Tagging")[1]),
    Kind("who pays for requests", "s3:GetBucketRequestPayment", _read_payer, _write_payer),
    Kind(
        "transfer acceleration", "s3:GetAccelerateConfiguration",
        *_plain("bucket_accelerate_configuration", None, "AccelerateConfiguration"),
    ),
    Kind("policy", "s3:GetBucketPolicy", _read_policy, _write_policy, late=True),
    Kind(
        "website", "s3:GetBucketWebsite", *_plain("bucket_website", None, "WebsiteConfiguration"), late=True
    ),
    Kind(
        "access log", "s3:GetBucketLogging", _read_logging,
        _plain("bucket_logging", None, "BucketLoggingStatus")[1], late=True,
    ),
    Kind(
        "default retention", "s3:GetBucketObjectLockConfiguration", _read_lock,
        _plain("object_lock_configuration", None, "ObjectLockConfiguration")[1], late=True,
    ),
    Kind(
        "notifications", "s3:GetBucketNotification",
        *_plain("bucket_notification_configuration", None, "NotificationConfiguration"), late=True,
    ),
    Kind(
        "lifecycle rules", "s3:GetLifecycleConfiguration",
        lambda client, bucket: {"Rules": client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]},
        _plain("bucket_lifecycle_configuration", None, "LifecycleConfiguration")[1], late=True,
    ),
    Kind(
        "replication", "s3:GetReplicationConfiguration",
        _read_replication, _plain("bucket_replication", None, "ReplicationConfiguration")[1], late=True,
    ),
    Kind(
        "versioning (suspended)", "s3:GetBucketVersioning", _read_suspended, _write_versioning, late=True
    ),
)  # fmt: skip
