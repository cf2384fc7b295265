"""The condition keys that this server knows, and the actions that each of them speaks about.

Pure. Sources: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html and
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
"""

from __future__ import annotations

import re

from s3portal.server.authority.identity_keys import (
    IDENTITY_KEYS,
    IDENTITY_PREFIXES,
    MULTIVALUED_IDENTITY_KEYS,
)
from s3portal.server.authority.known_actions import KMS_ACTIONS

OBJECT_CREATION_OPERATION = "s3:objectcreationoperation"
IF_MATCH, IF_NONE_MATCH = "s3:if-match", "s3:if-none-match"
PREFIX, DELIMITER, MAX_KEYS = "s3:prefix", "s3:delimiter", "s3:max-keys"
VERSION_ID = "s3:versionid"
COPY_SOURCE, METADATA_DIRECTIVE = "s3:x-amz-copy-source", "s3:x-amz-metadata-directive"
REQUEST_TAG_KEYS = "s3:requestobjecttagkeys"
# Behind the slash is the key of a tag.
PRINCIPAL_TAG = "aws:principaltag/"
EXISTING_TAG = "s3:existingobjecttag/"
REQUEST_TAG = "s3:requestobjecttag/"

_LISTINGS = frozenset({"s3:ListBucket", "s3:ListBucketVersions"})
_PUTS = frozenset({"s3:PutObject"})
_OBJECT_ACLS = frozenset({"s3:PutObject", "s3:PutObjectAcl", "s3:PutObjectVersionAcl"})
_ACLS = _OBJECT_ACLS | {"s3:CreateBucket", "s3:PutBucketAcl"}
_TAGGED = frozenset({"s3:PutObject", "s3:PutObjectTagging", "s3:PutObjectVersionTagging", "s3:ReplicateTags"})
_RETENTION = frozenset({"s3:PutObject", "s3:PutObjectRetention", "s3:BypassGovernanceRetention"})
_VERSIONS = frozenset(
    {
        "s3:DeleteObjectVersion",
        "s3:DeleteObjectVersionTagging",
        "s3:GetObjectVersion",
        "s3:GetObjectVersionAcl",
        "s3:GetObjectVersionAttributes",
        "s3:GetObjectVersionTagging",
        "s3:PutObjectVersionAcl",
        "s3:PutObjectVersionTagging",
    }
)
#: What reads or changes an object that is there, whose tags can be asked about.
_EXISTING = _VERSIONS | {
    "s3:BypassGovernanceRetention",
    "s3:DeleteObject",
    "s3:DeleteObjectTagging",
    "s3:GetObject",
    "s3:GetObjectAcl",
    "s3:GetObjectAttributes",
    "s3:GetObjectLegalHold",
    "s3:GetObjectRetention",
    "s3:GetObjectTagging",
    "s3:PutObjectAcl",
    "s3:PutObjectLegalHold",
    "s3:PutObjectRetention",
    "s3:PutObjectTagging",
    "s3:RestoreObject",
}

#: Keys of every request.
GLOBAL_KEYS = frozenset(
    {
        "aws:currenttime",
        "aws:epochtime",
        "aws:federatedprovider",
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principalisawsservice",
        "aws:principaltype",
        "aws:referer",
        "aws:resourceaccount",
        "aws:securetransport",
        "aws:sourceidentity",
        "aws:sourceip",
        "aws:tokenissuetime",
        "aws:useragent",
        "aws:userid",
        "aws:username",
        "aws:viaawsservice",
        "s3:authtype",
        "s3:resourceaccount",
        "s3:signatureage",
        "s3:signatureversion",
        "s3:tlsversion",
        "s3:x-amz-content-sha256",
        # Of calls by AWS's own services, which nobody here makes.
        "aws:sourceaccount",
        "aws:sourcearn",
    }
)
#: Keys that only requests for certain actions have.
ACTIONS_OF_KEYS = {
    PREFIX: _LISTINGS | {"s3:ListBucketMultipartUploads"},
    DELIMITER: _LISTINGS | {"s3:ListBucketMultipartUploads"},
    MAX_KEYS: _LISTINGS,
    VERSION_ID: _VERSIONS | {"s3:PutObjectLegalHold", "s3:PutObjectRetention"},
    OBJECT_CREATION_OPERATION: _PUTS,
    IF_MATCH: _PUTS | {"s3:DeleteObject", "s3:DeleteObjectVersion"},
    IF_NONE_MATCH: _PUTS,
    REQUEST_TAG_KEYS: _TAGGED,
    "s3:x-amz-object-ownership": frozenset({"s3:CreateBucket"}),
    "s3:x-amz-acl": _ACLS,
    **{
        f"s3:x-amz-grant-{permission}": _ACLS
        for permission in ("full-control", "read", "read-acp", "write", "write-acp")
    },
    COPY_SOURCE: _PUTS,
    METADATA_DIRECTIVE: _PUTS,
    "s3:x-amz-storage-class": _PUTS,
    "s3:x-amz-server-side-encryption": _PUTS,
    "s3:x-amz-server-side-encryption-aws-kms-key-id": _PUTS,
    "s3:x-amz-server-side-encryption-customer-algorithm": _PUTS,
    "s3:x-amz-website-redirect-location": _PUTS,
    "s3:object-lock-mode": _RETENTION,
    "s3:object-lock-retain-until-date": _RETENTION,
    "s3:object-lock-remaining-retention-days": _RETENTION,
    "s3:object-lock-legal-hold": frozenset({"s3:PutObject", "s3:PutObjectLegalHold"}),
    **IDENTITY_KEYS,
}
#: Keys that requests to the key management have, and what S3 asks of it for its callers.
KMS_VIA_SERVICE, KMS_CALLER_ACCOUNT = "kms:viaservice", "kms:calleraccount"
KMS_CONTEXT, KMS_CONTEXT_KEYS = "kms:encryptioncontext:", "kms:encryptioncontextkeys"
_OF_KMS = frozenset({KMS_VIA_SERVICE, KMS_CALLER_ACCOUNT, KMS_CONTEXT_KEYS})
_ACTIONS_OF_PREFIXES = {EXISTING_TAG: _EXISTING, REQUEST_TAG: _TAGGED, **IDENTITY_PREFIXES}
#: What an issuer says of who signs in with its token: ``login.example.org/realms/main:sub``.
_CLAIM = re.compile(r"(?:[a-z0-9-]+(?:\.[a-z0-9-]+)+|localhost)(?::[0-9]+)?(?:/[^:\s]*)?:(?:amr|aud|azp|sub)")
#: Keys whose requests may have several values.
MULTIVALUED_KEYS = frozenset({REQUEST_TAG_KEYS, KMS_CONTEXT_KEYS}) | MULTIVALUED_IDENTITY_KEYS


def is_known_key(key: str) -> bool:
    """Whether a request's value of a key, in any case, can be told here."""
    name = key.lower()
    if _CLAIM.fullmatch(name) or name in _OF_KMS or name.startswith(KMS_CONTEXT):
        return True
    prefix, slash, tag = name.partition("/")
    if slash:
        return bool(tag) and (prefix + slash) in (PRINCIPAL_TAG, *_ACTIONS_OF_PREFIXES)
    return name in GLOBAL_KEYS or name in ACTIONS_OF_KEYS


def actions_with_key(key: str) -> frozenset[str] | None:
    """Returns the actions whose requests may have a known key; None for a key of all requests."""
    name = key.lower()
    if name in _OF_KMS or name.startswith(KMS_CONTEXT):
        return KMS_ACTIONS
    prefix, slash, _ = name.partition("/")
    return _ACTIONS_OF_PREFIXES.get(prefix + slash) if slash else ACTIONS_OF_KEYS.get(name)
