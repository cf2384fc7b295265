"""The operations of the key management by their names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from s3portal.server.api.kms import (
    alias_operations,
    cryptographic_operations,
    key_operations,
    rotation_operations,
)
from s3portal.server.api.kms.calls import Handler, KeyCall
from s3portal.server.api.kms.parameters import Parameters
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.operation import JsonOperation

TARGET_PREFIX = "TrentService"
HANDLERS: Mapping[str, Handler] = {
    "CancelKeyDeletion": key_operations.cancel_key_deletion,
    "CreateAlias": alias_operations.create_alias,
    "CreateKey": key_operations.create_key,
    "Decrypt": cryptographic_operations.decrypt,
    "DeleteAlias": alias_operations.delete_alias,
    "DescribeKey": key_operations.describe_key,
    "DisableKey": key_operations.disable_key,
    "DisableKeyRotation": rotation_operations.disable_key_rotation,
    "EnableKey": key_operations.enable_key,
    "EnableKeyRotation": rotation_operations.enable_key_rotation,
    "Encrypt": cryptographic_operations.encrypt,
    "GenerateDataKey": cryptographic_operations.generate_data_key,
    "GenerateDataKeyWithoutPlaintext": cryptographic_operations.generate_data_key_without_plaintext,
    "GenerateRandom": cryptographic_operations.generate_random,
    "GetKeyPolicy": key_operations.get_key_policy,
    "GetKeyRotationStatus": rotation_operations.get_key_rotation_status,
    "ListAliases": alias_operations.list_aliases,
    "ListKeyPolicies": key_operations.list_key_policies,
    "ListKeyRotations": rotation_operations.list_key_rotations,
    "ListKeys": key_operations.list_keys,
    "ListResourceTags": key_operations.list_resource_tags,
    "PutKeyPolicy": key_operations.put_key_policy,
    "ReEncrypt": cryptographic_operations.re_encrypt,
    "RotateKeyOnDemand": rotation_operations.rotate_key_on_demand,
    "ScheduleKeyDeletion": key_operations.schedule_key_deletion,
    "TagResource": key_operations.tag_resource,
    "UntagResource": key_operations.untag_resource,
    "UpdateAlias": alias_operations.update_alias,
    "UpdateKeyDescription": key_operations.update_key_description,
}


def perform(call: Call, name: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Does what an operation says for the caller of ``call``, whatever dialect it came in; returns its
    answer.

    Raises S3Error with the codes of the key management, AccessDenied, and KeyError for a name that is none.
    """
    return HANDLERS[name](KeyCall(call, Parameters(parameters)))


def _operation(name: str) -> JsonOperation:
    return JsonOperation(
        TARGET_PREFIX, name, lambda call, parameters: perform(call, name, parameters), service="kms"
    )


OPERATIONS = tuple(_operation(name) for name in HANDLERS)
