"""The ACLs of many objects: what is public and why, and making them private again, with a way back.

Sources: S3 User Guide, "The meaning of public"; S3 API Reference, PutObjectAcl.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from botocore.exceptions import BotoCoreError, ClientError

from s3portal.buckets.direct import Node, direct, local_name
from s3portal.buckets.failures import Failure
from s3portal.buckets.listing import ListedVersion, object_pages, version_pages
from s3portal.buckets.parallel import side_by_side
from s3portal.buckets.problems import NOT_OFFERED, NotOffered, Unusable, asking
from s3portal.buckets.settings import acl as acls
from s3portal.buckets.settings.ownership import ENFORCED, read_ownership
from s3portal.buckets.settings.policy import lets_strangers, read_policy
from s3portal.buckets.settings.public_access import read_block
from s3portal.buckets.sharding import WHOLE, Shard
from s3portal.transfer import Store, error_code

_GONE = frozenset({"NoSuchKey", "NoSuchVersion", "MethodNotAllowed", "404"})


@dataclass(frozen=True)
class AclRules:
    """What the bucket's settings say about ACLs, before any of them is read. ``reason`` says which setting
    makes them powerless, or "" where they count."""

    reason: str
    policy_is_public: bool
    bucket_grants: tuple[str, ...]

    @property
    def count(self) -> bool:
        """Whether an object's ACL can let anyone in."""
        return not self.reason


def acls_are_off(store: Store) -> bool:
    """Whether no ACL counts; one request. Raises Refused."""
    return read_ownership(store) == ENFORCED


def acl_rules(store: Store) -> AclRules:
    """Three requests, whatever the size of the bucket. Raises Refused."""
    block = read_block(store) or {}
    reason = ""
    if read_ownership(store) == ENFORCED:
        reason = "Object Ownership is BucketOwnerEnforced, so ACLs are off"
    elif block.get("IgnorePublicAcls"):
        reason = "Block Public Access has IgnorePublicAcls, so public ACLs have no effect"
    try:
        policy_is_public = lets_strangers(read_policy(store)) and not block.get("RestrictPublicBuckets")
    except NotOffered:
        policy_is_public = False
    try:
        grants = tuple(acls.strangers_in(acls.read_bucket_acl(store)))
    except NotOffered:
        return AclRules("this store has no ACLs", policy_is_public, ())
    return AclRules(reason, policy_is_public, grants)


def objects_of(
    store: Store, prefix: str, *, all_versions: bool, shard: Shard = WHOLE
) -> Iterator[ListedVersion]:
    """The objects of a share whose ACLs can be changed; markers of deletion have none. Without
    ``all_versions`` the current ones, named without a version."""
    if not all_versions:
        for page in object_pages(store, prefix):
            for each in page:
                if shard.has(each.key):
                    yield ListedVersion(each.key, "", each.size_bytes)
        return
    for versions in version_pages(store, prefix):
        yield from (each for each in versions if not each.is_marker and shard.has(each.key))


@dataclass(frozen=True)
class ObjectAcl:
    """An object's ACL as it was read."""

    key: str
    version_id: str
    acl: Mapping[str, Any]

    @property
    def is_public(self) -> bool:
        return acls.is_public(self.acl)

    @property
    def grants(self) -> list[str]:
        return acls.strangers_in(self.acl)


def object_acls(store: Store, objects: Iterable[ListedVersion]) -> Iterator[ObjectAcl | Failure]:
    """The ACL of each, many at a time, as they come; objects that are gone are left out."""

    def read(each: ListedVersion) -> ObjectAcl | Failure | None:
        try:
            found = read_acl(store, each)
        except ClientError as error:
            if error_code(error) in _GONE:
                return None
            return Failure(each.key, str(error), each.version_id)
        return ObjectAcl(each.key, each.version_id, found)

    yield from (found for found in side_by_side(read, objects) if found is not None)


def make_private(store: Store, objects: Iterable[ListedVersion]) -> Iterator[Failure | None]:
    """PutObjectAcl private for each, without reading what is there; None for each that went well."""

    def reset(each: ListedVersion) -> Failure | None:
        return _make_private(store, each.key, each.version_id)

    yield from side_by_side(reset, objects)


def restore(store: Store, former: Iterable[ObjectAcl]) -> Iterator[Failure | None]:
    """Gives objects the ACLs back that a report noted; None for each that went well."""

    def give_back(each: ObjectAcl) -> Failure | None:
        return _put(store, each.key, each.version_id, AccessControlPolicy=dict(each.acl))

    yield from side_by_side(give_back, former)


class AclReport:
    """The ACLs that a reset takes away, a JSON object a line, from which they can be given back."""

    def __init__(self, path: Path) -> None:
        # Nothing that was noted before is overwritten: it is the way back.
        try:
            self._file: TextIO = path.open("x", encoding="utf-8")
        except FileExistsError as error:
            raise Unusable(f"--report {path}: is there already; name a new file") from error

    def add(self, found: ObjectAcl) -> None:
        line = {"key": found.key, "version_id": found.version_id, "acl": found.acl, "grants": found.grants}
        self._file.write(json.dumps(line, default=str) + "\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def read_acl_report(path: Path) -> Iterator[ObjectAcl]:
    """The ACLs that a report noted. Raises Unusable."""
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                fields = json.loads(line)
                yield ObjectAcl(str(fields["key"]), str(fields["version_id"]), dict(fields["acl"]))
            except (ValueError, KeyError, TypeError) as error:
                raise Unusable(f"{path}, line {number}: this is no line of a report of ACLs") from error


def reset_noting(
    store: Store, objects: Iterable[ListedVersion], note: Callable[[ObjectAcl], None]
) -> Iterator[Failure | None]:
    """As make_private, but reads each ACL first, and notes it where it lets anyone in beside the owner; what
    is private already is not written again."""

    def noted() -> Iterator[ObjectAcl | Failure]:
        for found in object_acls(store, objects):
            if isinstance(found, ObjectAcl) and found.grants:
                # It is on the disk before it is taken away.
                note(found)
            yield found

    def reset(found: ObjectAcl | Failure) -> Failure | None:
        if isinstance(found, Failure):
            return found
        return _make_private(store, found.key, found.version_id) if found.grants else None

    yield from side_by_side(reset, noted())


def make_bucket_private(store: Store) -> None:
    """Takes everyone but the owner out of the bucket's own ACL. Raises Refused, NotOffered."""
    with asking(store, "s3:PutBucketAcl", what="ACLs"):
        store.client().put_bucket_acl(Bucket=store.bucket, ACL="private")


def read_acl(store: Store, of: ListedVersion) -> dict[str, Any]:
    """An object's ACL in the form that boto3 gives it, and takes it back in."""
    query = {"acl": "", **({"versionId": of.version_id} if of.version_id else {})}
    document = direct(store).call("GetObjectAcl", "GET", of.key, query).xml
    owner, grants = document.child("Owner"), document.child("AccessControlList")
    return {
        "Owner": _texts(owner) if owner else {},
        "Grants": [
            {"Grantee": _grantee(grant), "Permission": grant.text("Permission")}
            for grant in (grants.all("Grant") if grants else ())
        ],
    }


def _grantee(grant: Node) -> dict[str, str]:
    grantee = grant.child("Grantee")
    if grantee is None:
        return {}
    kind = next((text for name, text in grantee.element.items() if local_name(name) == "type"), "")
    return {**_texts(grantee), **({"Type": kind} if kind else {})}


def _texts(node: Node) -> dict[str, str]:
    return {local_name(each.tag): each.text or "" for each in node.element}


def _make_private(store: Store, key: str, version_id: str) -> Failure | None:
    query = {"acl": "", **({"versionId": version_id} if version_id else {})}
    try:
        direct(store).call("PutObjectAcl", "PUT", key, query, {"x-amz-acl": "private"})
    except ClientError as error:
        if error_code(error) in _GONE:
            return None
        if error_code(error) in NOT_OFFERED:
            raise NotOffered(f"this store has no ACLs: it answers {error_code(error)}") from error
        return Failure(key, str(error), version_id)
    except BotoCoreError as error:
        return Failure(key, str(error), version_id)
    return None


def _put(store: Store, key: str, version_id: str, **what: Any) -> Failure | None:
    try:
        store.client().put_object_acl(Bucket=store.bucket, Key=key, **_version(version_id), **what)
    except ClientError as error:
        return None if error_code(error) in _GONE else Failure(key, str(error), version_id)
    return None


def _version(version_id: str) -> dict[str, Any]:
    return {"VersionId": version_id} if version_id else {}
