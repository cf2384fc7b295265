"""The request by which a job of S3 Batch Operations is made. Pure.

Source: S3 API Reference, CreateJob (S3 Control); what ``aws s3control create-job --cli-input-json`` takes.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from s3portal.buckets.problems import Unusable

_ACCOUNT = re.compile(r"[0-9]{12}")
_ROLE = re.compile(r"arn:[a-z-]+:iam::[0-9]{12}:role/.+")


@dataclass(frozen=True)
class ManifestPlace:
    """Where a manifest is, and which columns it has."""

    bucket: str
    key: str
    etag: str
    has_versions: bool


@dataclass(frozen=True)
class ReportPlace:
    """Where a job writes what became of each object."""

    bucket: str
    prefix: str = ""
    failures_only: bool = True


def job_request(
    operation: Mapping[str, Any],
    manifest: ManifestPlace,
    *,
    account: str,
    role: str,
    report: ReportPlace | None,
    description: str,
    priority: int = 10,
) -> dict[str, Any]:
    """The whole request. The same one has the same token, so that AWS makes one job of it, however often it
    is sent. Raises Unusable."""
    if not _ACCOUNT.fullmatch(account):
        raise Unusable(f"--account {account}: an AWS account is a number of 12 digits")
    if not _ROLE.fullmatch(role):
        raise Unusable(f"--batch-role {role}: write arn:aws:iam::ACCOUNT:role/NAME")
    partition = role.split(":")[1]
    fields = ["Bucket", "Key", *(["VersionId"] if manifest.has_versions else [])]
    request: dict[str, Any] = {
        "AccountId": account,
        "ConfirmationRequired": True,
        "Operation": dict(operation),
        "Report": _report(report, partition),
        "Manifest": {
            "Spec": {"Format": "S3BatchOperations_CSV_20180820", "Fields": fields},
            "Location": {
                "ObjectArn": f"arn:{partition}:s3:::{manifest.bucket}/{manifest.key}",
                "ETag": manifest.etag,
            },
        },
        "Description": description[:256],
        "Priority": priority,
        "RoleArn": role,
    }
    token = hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()
    return {**request, "ClientRequestToken": token}


def _report(report: ReportPlace | None, partition: str) -> dict[str, Any]:
    if report is None:
        return {"Enabled": False}
    return {
        "Enabled": True,
        "Bucket": f"arn:{partition}:s3:::{report.bucket}",
        **({"Prefix": report.prefix.rstrip("/")} if report.prefix else {}),
        "Format": "Report_CSV_20180820",
        "ReportScope": "FailedTasksOnly" if report.failures_only else "AllTasks",
    }


def copying(
    target: str,
    prefix: str = "",
    *,
    storage_class: str = "",
    acl: str = "",
    tags: Mapping[str, str] | None = None,
    partition: str = "aws",
) -> dict[str, Any]:
    """Copies to a bucket, under a prefix; metadata and, unless new ones are given, tags come along."""
    copy = {
        "TargetResource": f"arn:{partition}:s3:::{target}",
        **({"TargetKeyPrefix": prefix.rstrip("/")} if prefix else {}),
        "MetadataDirective": "COPY",
        **({"StorageClass": storage_class} if storage_class else {}),
        **({"CannedAccessControlList": acl} if acl else {}),
        **({"NewObjectTagging": _tag_set(tags)} if tags else {}),
    }
    return {"S3PutObjectCopy": copy}


def tagging(tags: Mapping[str, str]) -> dict[str, Any]:
    """Replaces the tags of each object; none deletes them."""
    return {"S3PutObjectTagging": {"TagSet": _tag_set(tags)}} if tags else {"S3DeleteObjectTagging": {}}


def acl_setting(acl: str) -> dict[str, Any]:
    """Gives each object a canned ACL."""
    return {"S3PutObjectAcl": {"AccessControlPolicy": {"CannedAccessControlList": acl}}}


def restoring(days: int, tier: str) -> dict[str, Any]:
    """Restores archived objects for so many days; ``tier`` is BULK or STANDARD."""
    return {"S3InitiateRestoreObject": {"ExpirationInDays": days, "GlacierJobTier": tier}}


def retaining(mode: str, until: str) -> dict[str, Any]:
    """Locks each version until then, an ISO 8601 time."""
    return {"S3PutObjectRetention": {"Retention": {"Mode": mode, "RetainUntilDate": until}}}


def holding(*, on: bool) -> dict[str, Any]:
    """Puts each version under a legal hold, or lifts it."""
    return {"S3PutObjectLegalHold": {"LegalHold": {"Status": "ON" if on else "OFF"}}}


def _tag_set(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": name, "Value": value} for name, value in tags.items()]
