"""Keys: created, described, listed, enabled, deleted; their descriptions, tags and policies."""

from __future__ import annotations

from dataclasses import replace

from s3portal.server.api.kms.calls import Document, KeyCall, page, seconds
from s3portal.server.api.kms.parameters import TAGS_LIMIT
from s3portal.server.api.kms.permission import decide_on
from s3portal.server.authority.key_policy import read_key_policy
from s3portal.server.authority.policy_patterns import PolicyError
from s3portal.server.kms.key_errors import not_found, require_not_pending
from s3portal.server.kms.key_records import AWS, CUSTOMER, ENABLED, PENDING_DELETION, Key
from s3portal.server.kms.keys import DAY_MS, default_policy
from s3portal.server.storage.storage import now_ms
from s3portal.server.wire.errors import S3Error

SYMMETRIC = "SYMMETRIC_DEFAULT"
POLICY_LIMIT = 32 * 1024
DESCRIPTION_LIMIT = 8192
LEAST_WAITING_DAYS, MOST_WAITING_DAYS = 7, 30
_MORE_THAN_ANY = 100_000


def create_key(asked: KeyCall) -> Document:
    """https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateKey.html"""
    parameters = asked.parameters
    for name, known in (
        ("KeySpec", SYMMETRIC),
        ("CustomerMasterKeySpec", SYMMETRIC),
        ("KeyUsage", "ENCRYPT_DECRYPT"),
        ("Origin", "AWS_KMS"),
    ):
        value = parameters.optional_text(name)
        if value not in (None, known):
            raise S3Error("UnsupportedOperationException", f"this server makes keys with {name} {known} only")
    if parameters.flag("MultiRegion") or parameters.optional_text("CustomKeyStoreId"):
        raise S3Error(
            "UnsupportedOperationException", "this server makes keys of one region, in its own store"
        )
    asked.require_without_key("CreateKey")
    tags = _few(parameters.tags())
    policy = parameters.optional_text("Policy", limit=POLICY_LIMIT, least=1)
    description = parameters.optional_text("Description", limit=DESCRIPTION_LIMIT) or ""
    if tags:
        asked.require_without_key("TagResource")
    if policy is not None:
        _check_policy(asked, policy, None)
    made = asked.keys.create(asked.account_id, policy=policy, description=description, tags=tags)
    return {"KeyMetadata": metadata(made)}


def describe_key(asked: KeyCall) -> Document:
    return {"KeyMetadata": metadata(asked.named_key("DescribeKey"))}


def metadata(key: Key) -> Document:
    """https://docs.aws.amazon.com/kms/latest/APIReference/API_KeyMetadata.html"""
    document: Document = {
        "AWSAccountId": key.account_id,
        "Arn": key.arn,
        "CreationDate": seconds(key.created_at),
        "CustomerMasterKeySpec": SYMMETRIC,
        "Description": key.description,
        "Enabled": key.state == ENABLED,
        "EncryptionAlgorithms": [SYMMETRIC],
        "KeyId": key.key_id,
        "KeyManager": key.manager,
        "KeySpec": SYMMETRIC,
        "KeyState": key.state,
        "KeyUsage": "ENCRYPT_DECRYPT",
        "MultiRegion": False,
        "Origin": "AWS_KMS",
    }
    if key.deletion_at is not None:
        document["DeletionDate"] = seconds(key.deletion_at)
    return document


def list_keys(asked: KeyCall) -> Document:
    asked.require_without_key("ListKeys")
    found = asked.keys.of_account(asked.account_id, limit=_MORE_THAN_ANY)
    return page(
        asked, found, "Keys", lambda key: {"KeyId": key.key_id, "KeyArn": key.arn}, lambda key: key.key_id
    )


def enable_key(asked: KeyCall) -> Document:
    return _switch(asked, "EnableKey", is_enabled=True)


def disable_key(asked: KeyCall) -> Document:
    """What was encrypted with the key cannot be opened until it is enabled again."""
    return _switch(asked, "DisableKey", is_enabled=False)


def _switch(asked: KeyCall, action: str, *, is_enabled: bool) -> Document:
    key = own_key(asked, action)

    def decide(found: Key) -> Key:
        require_not_pending(found)
        return replace(found, is_enabled=is_enabled)

    asked.keys.change(key.key_id, decide)
    return {}


def own_key(asked: KeyCall, action: str) -> Key:
    """Returns the named key; raises AccessDeniedException for the one that belongs to the server."""
    key = asked.named_key(action)
    if key.manager == AWS:
        raise S3Error("AccessDeniedException", f"{key.arn} is managed by the server and cannot be changed")
    return key


def schedule_key_deletion(asked: KeyCall) -> Document:
    """https://docs.aws.amazon.com/kms/latest/APIReference/API_ScheduleKeyDeletion.html"""
    days = asked.parameters.number(
        "PendingWindowInDays", least=LEAST_WAITING_DAYS, limit=MOST_WAITING_DAYS, default=MOST_WAITING_DAYS
    )
    key = own_key(asked, "ScheduleKeyDeletion")

    def decide(found: Key) -> Key:
        require_not_pending(found)
        return replace(found, deletion_at=now_ms() + (days or MOST_WAITING_DAYS) * DAY_MS)

    changed = asked.keys.change(key.key_id, decide)
    return {
        "KeyId": changed.arn,
        "DeletionDate": seconds(changed.deletion_at or 0),
        "KeyState": changed.state,
        "PendingWindowInDays": days,
    }


def cancel_key_deletion(asked: KeyCall) -> Document:
    """The key is disabled then: https://docs.aws.amazon.com/kms/latest/APIReference/API_CancelKeyDeletion.html"""
    key = own_key(asked, "CancelKeyDeletion")

    def decide(found: Key) -> Key:
        if found.state != PENDING_DELETION:
            raise S3Error("KMSInvalidStateException", f"{found.arn} is not pending deletion.")
        return replace(found, deletion_at=None, is_enabled=False)

    return {"KeyId": asked.keys.change(key.key_id, decide).arn}


def update_key_description(asked: KeyCall) -> Document:
    description = asked.parameters.text("Description", limit=DESCRIPTION_LIMIT, least=0)
    key = own_key(asked, "UpdateKeyDescription")

    def decide(found: Key) -> Key:
        require_not_pending(found)
        return replace(found, description=description)

    asked.keys.change(key.key_id, decide)
    return {}


# --- tags ----------------------------------------------------------------------------------------------


def tag_resource(asked: KeyCall) -> Document:
    tags = asked.parameters.tags()
    key = own_key(asked, "TagResource")

    def decide(found: Key) -> Key:
        require_not_pending(found)
        return replace(found, tags=_few({**found.tags, **tags}))

    asked.keys.change(key.key_id, decide)
    return {}


def _few(tags: dict[str, str]) -> dict[str, str]:
    if len(tags) > TAGS_LIMIT:
        raise S3Error("LimitExceededException", f"a key has at most {TAGS_LIMIT} tags")
    return tags


def untag_resource(asked: KeyCall) -> Document:
    gone = set(asked.parameters.texts("TagKeys"))
    key = own_key(asked, "UntagResource")

    def decide(found: Key) -> Key:
        require_not_pending(found)
        return replace(found, tags={name: value for name, value in found.tags.items() if name not in gone})

    asked.keys.change(key.key_id, decide)
    return {}


def list_resource_tags(asked: KeyCall) -> Document:
    key = asked.named_key("ListResourceTags")
    return page(
        asked,
        sorted(key.tags.items()),
        "Tags",
        lambda tag: {"TagKey": tag[0], "TagValue": tag[1]},
        lambda tag: tag[0],
    )


# --- policies ------------------------------------------------------------------------------------------

POLICY_NAME = "default"


def get_key_policy(asked: KeyCall) -> Document:
    _check_policy_name(asked)
    return {"Policy": asked.named_key("GetKeyPolicy").policy, "PolicyName": POLICY_NAME}


def list_key_policies(asked: KeyCall) -> Document:
    asked.named_key("ListKeyPolicies")
    return {"PolicyNames": [POLICY_NAME], "Truncated": False}


def put_key_policy(asked: KeyCall) -> Document:
    """https://docs.aws.amazon.com/kms/latest/APIReference/API_PutKeyPolicy.html"""
    _check_policy_name(asked)
    policy = asked.parameters.text("Policy", limit=POLICY_LIMIT)
    key = own_key(asked, "PutKeyPolicy")
    _check_policy(asked, policy, key)

    def decide(found: Key) -> Key:
        require_not_pending(found)
        return replace(found, policy=policy)

    asked.keys.change(key.key_id, decide)
    return {}


def _check_policy_name(asked: KeyCall) -> None:
    name = asked.parameters.optional_text("PolicyName")
    if name not in (None, POLICY_NAME):
        raise not_found(f"Policy {name}")


def _check_policy(asked: KeyCall, policy: str, key: Key | None) -> None:
    """Raises MalformedPolicyDocumentException for what is no policy, and for one that would lock out who puts
    it: unless they say that they mean it."""
    whose = key or Key(
        "new",
        asked.account_id,
        CUSTOMER,
        0,
        True,
        None,
        "",
        default_policy(asked.account_id),
        {},
        None,
        None,
        "",
    )
    try:
        read_key_policy(policy, whose.arn)
    except PolicyError as problem:
        raise S3Error("MalformedPolicyDocumentException", str(problem)) from problem
    if asked.parameters.flag("BypassPolicyLockoutSafetyCheck"):
        return
    if not decide_on(asked.call, "kms:PutKeyPolicy", replace(whose, policy=policy), {}).allowed:
        raise S3Error(
            "MalformedPolicyDocumentException",
            "The new key policy will not allow you to update the key policy in the future.",
        )
