"""MyFSIO's actions: their aliases, and the actions of AWS that each stands for.

An alias stands for its whole action, as in MyFSIO: ``s3:GetObject`` lets read as ``read`` does. Pure. Source:
MyFSIO's document, section 4, and the aliases that release 0.2.1 has besides.
"""

from __future__ import annotations

from collections.abc import Mapping

ALL = "*"
IAM_ALL = "iam:*"


def _s3(names: str) -> tuple[str, ...]:
    return tuple(f"s3:{name}" for name in names.split())


def _iam(names: str) -> tuple[str, ...]:
    return tuple(f"iam:{name}" for name in names.split())


#: What is done to buckets and objects. ``policy`` has the other settings of a bucket too: who may write its
#: policy can give themselves anything. HeadBucket is ``s3:ListBucket`` on AWS, which ``read`` does not give.
S3_ACTIONS: Mapping[str, tuple[str, ...]] = {
    "list": _s3(
        "ListBucket ListBucketVersions ListBucketMultipartUploads ListMultipartUploadParts GetBucketLocation"
    ),
    "read": _s3(
        "GetObject GetObjectVersion GetObjectTagging GetObjectVersionTagging GetObjectAcl "
        "GetObjectVersionAcl GetObjectAttributes GetObjectVersionAttributes GetBucketVersioning"
    ),
    "write": _s3(
        "PutObject CreateBucket AbortMultipartUpload PutObjectTagging PutObjectVersionTagging "
        "PutBucketVersioning"
    ),
    "delete": _s3(
        "DeleteObject DeleteObjectVersion DeleteBucket DeleteObjectTagging DeleteObjectVersionTagging"
    ),
    "share": _s3("PutObjectAcl PutObjectVersionAcl PutBucketAcl GetBucketAcl"),
    "policy": _s3(
        "PutBucketPolicy GetBucketPolicy DeleteBucketPolicy GetBucketPolicyStatus PutBucketCORS "
        "GetBucketCORS PutBucketTagging GetBucketTagging PutEncryptionConfiguration "
        "GetEncryptionConfiguration PutLifecycleConfiguration GetLifecycleConfiguration"
    ),
    "replication": _s3(
        "GetReplicationConfiguration PutReplicationConfiguration ReplicateObject ReplicateTags "
        "ReplicateDelete"
    ),
}
#: What is done to users. ``iam:*`` is the administrator, who has the keys as well.
IAM_ACTIONS: Mapping[str, tuple[str, ...]] = {
    "iam:list_users": _iam("ListUsers GetUser"),
    "iam:create_user": _iam("CreateUser"),
    "iam:delete_user": _iam("DeleteUser"),
    "iam:rotate_key": _iam("CreateAccessKey UpdateAccessKey DeleteAccessKey ListAccessKeys"),
    "iam:update_policy": _iam(
        "PutUserPolicy GetUserPolicy ListUserPolicies DeleteUserPolicy ListAttachedUserPolicies"
    ),
    IAM_ALL: ("iam:*", "kms:*"),
}
#: On the service: with ``list`` on all buckets.
LIST_BUCKETS = "s3:ListAllMyBuckets"
#: What a caller needs of the keys that its objects are encrypted with; MyFSIO asks for nothing.
KEY_ACTIONS: Mapping[str, tuple[str, ...]] = {
    "read": ("kms:Decrypt",),
    "write": ("kms:GenerateDataKey", "kms:Decrypt"),
}
_ALIASES_OF: Mapping[str, tuple[str, ...]] = {
    "list": _s3("ListBucket ListAllMyBuckets ListBucketVersions ListMultipartUploads ListParts"),
    "read": _s3(
        "GetObject GetObjectVersion GetObjectTagging GetObjectVersionTagging GetObjectAcl "
        "GetBucketVersioning HeadObject HeadBucket"
    ),
    "write": _s3(
        "PutObject CreateBucket PutObjectTagging PutBucketVersioning CreateMultipartUpload UploadPart "
        "CompleteMultipartUpload AbortMultipartUpload CopyObject"
    ),
    "delete": _s3("DeleteObject DeleteObjectVersion DeleteBucket DeleteObjectTagging"),
    "share": _s3("PutObjectAcl PutBucketAcl GetBucketAcl"),
    "policy": _s3("PutBucketPolicy GetBucketPolicy DeleteBucketPolicy"),
    "replication": _s3(
        "GetReplicationConfiguration PutReplicationConfiguration DeleteReplicationConfiguration "
        "ReplicateObject ReplicateTags ReplicateDelete"
    ),
    "iam:list_users": _iam("ListUsers"),
    "iam:create_user": _iam("CreateUser"),
    "iam:delete_user": _iam("DeleteUser"),
    "iam:rotate_key": _iam("RotateAccessKey"),
    "iam:update_policy": _iam("PutUserPolicy"),
}
_KNOWN: Mapping[str, str] = {
    **{name: name for name in (*S3_ACTIONS, *IAM_ACTIONS)},
    **{alias.lower(): name for name, aliases in _ALIASES_OF.items() for alias in aliases},
}


def action_named(text: str) -> frozenset[str]:
    """Returns the actions that a name or an alias stands for, compared without case: all for ``*``, none for
    an unknown one."""
    name = text.strip().lower()
    if name == ALL:
        return frozenset((*S3_ACTIONS, *IAM_ACTIONS))
    known = _KNOWN.get(name)
    return frozenset() if known is None else frozenset((known,))
