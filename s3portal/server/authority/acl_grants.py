"""What the ACLs of a bucket and its objects give: their permissions in terms of actions.

Pure. Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#acl-access-policy-permission-mapping
"""

from __future__ import annotations

from collections.abc import Callable

from s3portal.server.authority.callers import Caller
from s3portal.server.authority.facts import BucketFacts, ObjectFacts
from s3portal.server.bucket_settings import acl

_OF_BUCKET = {
    "s3:ListBucket": acl.READ,
    "s3:ListBucketVersions": acl.READ,
    "s3:ListBucketMultipartUploads": acl.READ,
    "s3:PutObject": acl.WRITE,
    "s3:DeleteObject": acl.WRITE,
    "s3:GetBucketAcl": acl.READ_ACP,
    "s3:PutBucketAcl": acl.WRITE_ACP,
}
_OF_OBJECT = {
    "s3:GetObject": acl.READ,
    "s3:GetObjectVersion": acl.READ,
    "s3:GetObjectAcl": acl.READ_ACP,
    "s3:GetObjectVersionAcl": acl.READ_ACP,
    "s3:PutObjectAcl": acl.WRITE_ACP,
    "s3:PutObjectVersionAcl": acl.WRITE_ACP,
}
FindObject = Callable[[], ObjectFacts | None]


def is_of_object(action: str) -> bool:
    """Whether an action is one that the owner of an object, not of its bucket, gives away."""
    return action in _OF_OBJECT


def granting_acl(
    caller: Caller, action: str, bucket: BucketFacts, find_object: FindObject, *, public_only: bool
) -> str | None:
    """Returns the name of the ACL that gives this to the caller, None where none does.

    ``public_only`` leaves out what an ACL gives to the caller's account. The object is looked for only where
    its ACL could decide.
    """
    if bucket.acls_are_disabled:
        return None
    ignore_public = bucket.ignores_public_acls
    if action in _OF_BUCKET:
        found = acl.read(bucket.settings.get(acl.KIND), bucket.owner)
        if not _gives(found, _OF_BUCKET[action], caller, public_only, ignore_public):
            return None
        if action == "s3:DeleteObject" and not _may_delete(caller, bucket, find_object()):
            return None
        return f"the ACL of bucket {bucket.name}"
    if action not in _OF_OBJECT or (public_only and ignore_public):
        return None
    target = find_object()
    if target is None:
        # There is nothing to read: who may list the bucket learns so.
        listed = granting_acl(caller, "s3:ListBucket", bucket, find_object, public_only=public_only)
        return listed if _OF_OBJECT[action] == acl.READ else None
    found = acl.read(target.acl, target.owner)
    given = _gives(found, _OF_OBJECT[action], caller, public_only, ignore_public)
    return "the ACL of the object" if given else None


def _gives(found: acl.Acl, permission: str, caller: Caller, public_only: bool, ignore_public: bool) -> bool:
    if public_only and caller.account_id is not None:
        return not ignore_public and any(
            grant.is_public and grant.gives(permission) for grant in found.grants
        )
    return found.gives(permission, caller.account_id, ignore_public=ignore_public)


def _may_delete(caller: Caller, bucket: BucketFacts, target: ObjectFacts | None) -> bool:
    """WRITE on a bucket deletes what is one's own, and all of it for the bucket's owner."""
    return caller.account_id is not None and (
        target is None or caller.account_id in (bucket.owner, target.owner)
    )
