"""Which actions a request needs besides its operation's own: for a version, for tags, for an ACL.

Pure. Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
"""

from __future__ import annotations

from collections.abc import Mapping

# Who names a version needs the action on versions in place of the one on the object.
_OF_VERSIONS = {
    "s3:GetObject": "s3:GetObjectVersion",
    "s3:DeleteObject": "s3:DeleteObjectVersion",
    "s3:DeleteObjectTagging": "s3:DeleteObjectVersionTagging",
    "s3:GetObjectAttributes": "s3:GetObjectVersionAttributes",
    "s3:GetObjectTagging": "s3:GetObjectVersionTagging",
    "s3:PutObjectTagging": "s3:PutObjectVersionTagging",
}
# What a header of a request that makes an object asks for besides.
_BESIDE_PUT_OBJECT = {
    "x-amz-tagging": "s3:PutObjectTagging",
    "x-amz-acl": "s3:PutObjectAcl",
    "x-amz-grant-full-control": "s3:PutObjectAcl",
    "x-amz-grant-read": "s3:PutObjectAcl",
    "x-amz-grant-read-acp": "s3:PutObjectAcl",
    "x-amz-grant-write-acp": "s3:PutObjectAcl",
    "x-amz-object-lock-mode": "s3:PutObjectRetention",
    "x-amz-object-lock-retain-until-date": "s3:PutObjectRetention",
    "x-amz-object-lock-legal-hold": "s3:PutObjectLegalHold",
}
# Values that ask for what there is anyway.
_NOTHING = {"x-amz-acl": "private", "x-amz-object-lock-legal-hold": "off"}


def action_on_version(action: str, version_id: str | None) -> str:
    """Returns the action for a version of an object; ``version_id`` is None or '' for the current one."""
    return _OF_VERSIONS.get(action, action) if version_id else action


def actions_of_headers(headers: Mapping[str, str]) -> list[str]:
    """Returns what s3:PutObject alone does not cover in a request that makes an object, or begins one."""
    asked = [
        action
        for name, action in _BESIDE_PUT_OBJECT.items()
        if headers.get(name) and headers[name].lower() != _NOTHING.get(name)
    ]
    return list(dict.fromkeys(asked))
