"""Quotas of buckets and users, put and shown as JSON. Not S3's own: MyFSIO has them in this form.

``GET`` and ``PUT /<bucket>?quota``; of a user or a role ``GET`` and ``PUT /?quota-user=<name or ARN>``. Only
administrators, who may do ``iam:ListUsers``, change them. What is used is told to all who may list the
bucket, and of a user to the user as well.
"""

from __future__ import annotations

import json
import re
from typing import Any

from s3portal.server.authority.arns import identity_arn
from s3portal.server.authority.denied import AccessDenied
from s3portal.server.bucket_settings.quota_documents import limits_of_text
from s3portal.server.gateway.call import Call, Target
from s3portal.server.gateway.operation import BUCKET, SERVICE, Operation
from s3portal.server.iam.records import Kind
from s3portal.server.storage import quotas, usage
from s3portal.server.storage.records import Quota
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.reply import NO_CONTENT, Reply

JSON_CONTENT_TYPE = "application/json"
USER_PARAMETER = "quota-user"
# AWS's name of the action, and MyFSIO's, which policies may have as well.
ADMINISTRATOR_ACTIONS = ("iam:ListUsers", "iam:list_users")
_SERVICE = Target(None)
_NAME = re.compile(r"(role/)?([A-Za-z0-9_+=,.@-]{1,64})")
_ARN = re.compile(r"arn:aws:iam::([0-9]{12}):(?:user|role)/[A-Za-z0-9_+=,.@/-]{1,576}")


def put_bucket_quota(call: Call) -> Reply:
    """Replaces the quota of the call's bucket by that in the body; one without limits removes it."""
    require_administrator(call)
    _refuse_other_accounts(call, call.bucket_row.require().owner)
    quotas.put_of_bucket(call.storage, call.bucket, _quota_in(call))
    return NO_CONTENT


def delete_bucket_quota(call: Call) -> Reply:
    require_administrator(call)
    _refuse_other_accounts(call, call.bucket_row.require().owner)
    quotas.put_of_bucket(call.storage, call.bucket, quotas.NO_QUOTA)
    return NO_CONTENT


def get_bucket_quota(call: Call) -> Reply:
    """Answers the limits, and what is used by now, from the counters."""
    own = call.bucket_row.require().owner == call.proof.caller.account_id
    if not (own and is_administrator(call)):
        call.require("s3:ListBucket", call.bucket)
    used = usage.of_bucket(call.storage, call.bucket)
    counted = {
        "bytes": used.object_bytes + used.version_bytes,
        "objects": used.objects + used.versions,
        "current_bytes": used.object_bytes,
        "current_objects": used.objects,
        "noncurrent_bytes": used.version_bytes,
        "noncurrent_versions": used.versions,
        "unfinished_uploads": used.uploads,
        "unfinished_upload_bytes": used.upload_bytes,
    }
    return _json_reply(_document(quotas.of_bucket(call.storage, call.bucket)) | {"usage": counted})


def put_user_quota(call: Call) -> Reply:
    """Replaces the quota of a user or a role by that in the body; one without limits removes it."""
    require_administrator(call)
    quotas.put_of_user(call.storage, _writer_named(call), _quota_in(call))
    return NO_CONTENT


def get_user_quota(call: Call) -> Reply:
    """Answers the limits of a user or a role, and what it has stored."""
    account_id = call.account_id
    writer = call.proof.caller.writer if not call.parameter(USER_PARAMETER) else _writer_named(call)
    if writer is None or (writer != call.proof.caller.writer and not is_administrator(call)):
        require_administrator(call)
        raise S3Error("AccessDenied")
    used = usage.of_user(call.storage, writer)
    counted = {
        "bytes": used.size_bytes,
        "objects": used.objects,
        "unfinished_upload_bytes": used.upload_bytes,
    }
    shown = {"user": writer, "account": account_id} | _document(quotas.of_user(call.storage, writer))
    return _json_reply(shown | {"usage": counted})


def is_administrator(call: Call) -> bool:
    """Whether the caller may change quotas."""
    return _refusal(call) is None


def require_administrator(call: Call) -> None:
    """Raises AccessDenied unless the caller may change quotas."""
    refusal = _refusal(call)
    if refusal is not None:
        raise refusal


def _refusal(call: Call) -> AccessDenied | None:
    circumstances = call.circumstances(None)
    decisions = [call.decide(action, _SERVICE, None, circumstances) for action in ADMINISTRATOR_ACTIONS]
    if any(decision.allowed for decision in decisions):
        return None
    return AccessDenied(decisions[0])


def _refuse_other_accounts(call: Call, owner: str) -> None:
    """A policy of a user is about the account of the user alone."""
    if call.account_id != owner:
        raise S3Error("AccessDenied")


def _writer_named(call: Call) -> str:
    """Returns the ARN of the user or the role that the query names. Raises InvalidArgument, and AccessDenied
    for one of another account."""
    named, account_id = call.parameter(USER_PARAMETER) or "", call.account_id
    match = _NAME.fullmatch(named)
    if match:
        kind = Kind.ROLE if match[1] else Kind.USER
        found = call.service.people.find(kind, account_id, match[2])
        return found.arn if found else identity_arn(account_id, kind.value, match[2])
    arn = _ARN.fullmatch(named)
    if arn is None:
        facts = {"ArgumentName": USER_PARAMETER, "ArgumentValue": named}
        message = "Name a user, a role as role/<name>, or the ARN of either."
        raise S3Error("InvalidArgument", message, facts=facts)
    _refuse_other_accounts(call, arn[1])
    return named


def _quota_in(call: Call) -> Quota:
    try:
        return Quota(*limits_of_text(call.document_text()))
    except ValueError as problem:
        raise S3Error("InvalidArgument", f"The quota cannot be read: {problem}") from problem


def _document(quota: Quota) -> dict[str, Any]:
    limits = {"max_bytes": quota.max_bytes, "max_objects": quota.max_objects}
    return {**limits, "quota": limits}


def _json_reply(document: dict[str, Any]) -> Reply:
    return Reply(200, {"Content-Type": JSON_CONTENT_TYPE}, json.dumps(document).encode())


OPERATIONS = (
    Operation("GetBucketQuota", BUCKET, "GET", ("quota",), "", get_bucket_quota),
    Operation("PutBucketQuota", BUCKET, "PUT", ("quota",), "", put_bucket_quota),
    Operation("DeleteBucketQuota", BUCKET, "DELETE", ("quota",), "", delete_bucket_quota),
    Operation("GetUserQuota", SERVICE, "GET", (USER_PARAMETER,), "", get_user_quota),
    Operation("PutUserQuota", SERVICE, "PUT", (USER_PARAMETER,), "", put_user_quota),
)
