"""What an administrator sets at AWS for one portal's store, filled in: policies, CORS, lifecycle. Pure.

Sources: IAM User Guide, "Creating a role to delegate permissions to an IAM user"; S3 User Guide, "Multipart
upload API and permissions"; Service Authorization Reference, "Actions for Amazon S3".
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from s3portal.portal.doctor.case import Case
from s3portal.portal.doctor.cors_rules import with_portal_rule, with_readers_rule
from s3portal.portal.doctor.lifecycle_rules import aborting_rule, days_of
from s3portal.transfer import UPLOAD_ACTIONS, prefix_policy

_OBJECT_ACTIONS = (
    "s3:PutObject",
    "s3:GetObject",
    "s3:GetObjectVersion",
    "s3:DeleteObject",
    "s3:DeleteObjectVersion",
    "s3:AbortMultipartUpload",
    "s3:ListMultipartUploadParts",
)
_BUCKET_ACTIONS = (
    "s3:ListBucket",
    "s3:ListBucketVersions",
    "s3:ListBucketMultipartUploads",
    "s3:GetBucketCORS",
    "s3:GetLifecycleConfiguration",
    "s3:GetBucketPublicAccessBlock",
    "s3:GetBucketOwnershipControls",
    "s3:GetBucketAcl",
    "s3:GetBucketPolicy",
    "s3:GetBucketVersioning",
    "s3:GetEncryptionConfiguration",
)
_KMS_ACTIONS = ("kms:GenerateDataKey", "kms:Decrypt")
_ASSUMED_ROLE = re.compile(r"arn:([^:]+):sts::([^:]+):assumed-role/([^/]+)/.+")


@dataclass(frozen=True)
class SiteDocument:
    """A document and what is done with it. ``name`` is short and stable; ``command`` is run with the document
    saved as ``<name>.json``."""

    name: str
    title: str
    command: str
    document: dict[str, Any]


def site_documents(case: Case, principal: str = "") -> list[SiteDocument]:
    """Every document of the store; those of the role only where one is set. ``principal`` is the ARN that the
    portal runs as, "" where it is not known."""
    store, settings = case.store, case.store.settings
    partition = (settings.s3_role or principal or "arn:aws:").split(":")[1]
    documents = [
        SiteDocument(
            "portal-policy",
            "What the user or role that the portal runs as may do",
            "aws iam put-user-policy --user-name PORTAL --policy-name s3portal"
            " --policy-document file://portal-policy.json",
            _policy(*_portal_statements(case, partition)),
        )
    ]
    if role := settings.s3_role:
        named = role.rsplit("/", 1)[-1]
        trusted = role_behind(principal) or f"arn:{partition}:iam::{role.split(':')[4]}:user/PORTAL"
        documents += [
            SiteDocument(
                "role-trust",
                f"Who may assume the role {named}: the portal, and nobody else",
                f"aws iam update-assume-role-policy --role-name {named}"
                " --policy-document file://role-trust.json",
                _policy({"Principal": {"AWS": trusted}, "Action": "sts:AssumeRole"}),
            ),
            SiteDocument(
                "role-policy",
                f"What sessions of the role {named} may do at most; each is limited to one upload or prefix",
                f"aws iam put-role-policy --role-name {named} --policy-name s3portal"
                " --policy-document file://role-policy.json",
                _policy(
                    {"Action": list(UPLOAD_ACTIONS), "Resource": _objects(case, partition)},
                    *_kms_statements(settings.s3_sse),
                ),
            ),
        ]
    prefix = settings.s3_prefix.strip("/")
    pages = with_portal_rule([], case.origin)
    rule = aborting_rule(f"{prefix}/" if prefix else "", days_of(settings.upload_expires))
    return [
        *documents,
        SiteDocument(
            "cors",
            f"The pages of {case.origin} may send parts to the bucket; this replaces the rules that it has",
            f"aws s3api put-bucket-cors --bucket {store.bucket} --cors-configuration file://cors.json",
            {"CORSRules": with_readers_rule(pages) if case.other_sites_read else pages},
        ),
        SiteDocument(
            "lifecycle",
            "Unfinished uploads are aborted some day; this replaces the rules that the bucket has",
            f"aws s3api put-bucket-lifecycle-configuration --bucket {store.bucket}"
            " --lifecycle-configuration file://lifecycle.json",
            {"Rules": [rule]},
        ),
    ]


def role_behind(principal: str) -> str:
    """The ARN that a trust policy names: of a session of a role, the role."""
    session = _ASSUMED_ROLE.fullmatch(principal)
    return f"arn:{session[1]}:iam::{session[2]}:role/{session[3]}" if session else principal


def _portal_statements(case: Case, partition: str) -> list[dict[str, Any]]:
    settings = case.store.settings
    bucket = f"arn:{partition}:s3:::{case.store.bucket}"
    statements: list[dict[str, Any]] = [
        {"Action": list(_OBJECT_ACTIONS), "Resource": _objects(case, partition)},
        {"Action": list(_BUCKET_ACTIONS), "Resource": bucket},
        *_kms_statements(settings.s3_sse),
    ]
    if settings.s3_role:
        statements.append({"Action": "sts:AssumeRole", "Resource": settings.s3_role})
    return statements


def _objects(case: Case, partition: str) -> str:
    """The ARN of everything that the portal stores, with the characters of the prefix that are wildcards
    written as themselves."""
    prefix = case.store.settings.s3_prefix.strip("/")
    if not prefix:
        return f"arn:{partition}:s3:::{case.store.bucket}/*"
    policy = json.loads(prefix_policy(case.store.bucket, prefix, partition))
    return str(policy["Statement"][0]["Resource"])


def _kms_statements(encryption: str) -> list[dict[str, Any]]:
    key = encryption.removeprefix("aws:kms:") if encryption.startswith("aws:kms:") else ""
    return [{"Action": list(_KMS_ACTIONS), "Resource": key}] if key.startswith("arn:") else []


def _policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", **statement} for statement in statements],
    }
