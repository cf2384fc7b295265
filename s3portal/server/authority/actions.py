"""Which actions a request needs besides its operation's own: for a version, for tags, for an ACL.

Pure. Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
"""

from __future__ import annotations

from collections.abc import Mapping

# Who names a version needs the action on versions in place of the one on the object.
_OF_VERSIONS = {
    "s3:DeleteObject": "s3:DeleteObjectVersion",
    "s3:DeleteObjectTagging": "s3:DeleteObjectVersionTagging",
    "s3:GetObject": "s3:GetObjectVersion",
    "s3:GetObjectAcl": "s3:GetObjectVersionAcl",
    "s3:GetObjectAttributes": "s3:GetObjectVersionAttributes",
    "s3:GetObjectTagging": "s3:GetObjectVersionTagging",
    "s3:PutObjectAcl": "s3:PutObjectVersionAcl",
    "s3:PutObjectTagging": "s3:PutObjectVersionTagging",
}
# What needs the permission to read as well.
READING_TOO = {"s3:GetObjectAttributes": "s3:GetObject"}
_GRANTS = ("full-control", "read", "read-acp", "write", "write-acp")
# What a header of a request that makes an object asks for besides.
_BESIDE_PUT_OBJECT = {
    "x-amz-tagging": ("s3:PutObjectTagging",),
    "x-amz-acl": ("s3:PutObjectAcl",),
    **{f"x-amz-grant-{permission}": ("s3:PutObjectAcl",) for permission in _GRANTS},
    "x-amz-object-lock-mode": ("s3:PutObjectRetention",),
    "x-amz-object-lock-retain-until-date": ("s3:PutObjectRetention",),
    "x-amz-object-lock-legal-hold": ("s3:PutObjectLegalHold",),
}
# And of one that makes a bucket.
_BESIDE_CREATE_BUCKET = {
    "x-amz-acl": ("s3:PutBucketAcl",),
    **{f"x-amz-grant-{permission}": ("s3:PutBucketAcl",) for permission in _GRANTS},
    "x-amz-bucket-object-lock-enabled": ("s3:PutBucketObjectLockConfiguration", "s3:PutBucketVersioning"),
    "x-amz-object-ownership": ("s3:PutBucketOwnershipControls",),
}
# Values that ask for what there is anyway.
_NOTHING = {
    "x-amz-acl": "private",
    "x-amz-bucket-object-lock-enabled": "false",
    "x-amz-object-lock-legal-hold": "off",
}


def action_on_version(action: str, version_id: str | None) -> str:
    """Returns the action for a version of an object; ``version_id`` is None or '' for the current one."""
    return _OF_VERSIONS.get(action, action) if version_id else action


def actions_of_headers(headers: Mapping[str, str]) -> list[str]:
    """Returns what s3:PutObject alone does not cover in a request that makes an object, or begins one."""
    return _asked(headers, _BESIDE_PUT_OBJECT)


def actions_of_bucket_headers(headers: Mapping[str, str]) -> list[str]:
    """Returns what s3:CreateBucket alone does not cover in a request that makes a bucket."""
    return _asked(headers, _BESIDE_CREATE_BUCKET)


def _asked(headers: Mapping[str, str], beside: Mapping[str, tuple[str, ...]]) -> list[str]:
    asked = [
        action
        for name, actions in beside.items()
        if headers.get(name) and headers[name].lower() != _NOTHING.get(name)
        for action in actions
    ]
    return list(dict.fromkeys(asked))
