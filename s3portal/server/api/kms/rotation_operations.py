"""Rotation: new material for a key, which keeps what it had.

Source: https://docs.aws.amazon.com/kms/latest/developerguide/rotate-keys.html
"""

from __future__ import annotations

from dataclasses import replace

from s3portal.server.api.kms.calls import Document, KeyCall, page, seconds
from s3portal.server.api.kms.key_operations import own_key
from s3portal.server.kms.key_errors import require_not_pending, require_usable
from s3portal.server.kms.key_records import ON_DEMAND, Key, Rotation
from s3portal.server.kms.keys import DAY_MS
from s3portal.server.storage.storage import now_ms
from s3portal.server.wire.errors import S3Error

LEAST_DAYS, MOST_DAYS, DEFAULT_DAYS = 90, 2560, 365
#: https://docs.aws.amazon.com/kms/latest/developerguide/resource-limits.html
ON_DEMAND_LIMIT = 25


def enable_key_rotation(asked: KeyCall) -> Document:
    days = asked.parameters.number("RotationPeriodInDays", least=LEAST_DAYS, limit=MOST_DAYS)
    key = own_key(asked, "EnableKeyRotation")

    def decide(found: Key) -> Key:
        require_usable(found)
        period = days or found.rotation_days or DEFAULT_DAYS
        if found.rotation_days == period:
            return found
        return replace(found, rotation_days=period, rotates_at=now_ms() + period * DAY_MS)

    asked.keys.change(key.key_id, decide)
    return {}


def disable_key_rotation(asked: KeyCall) -> Document:
    key = own_key(asked, "DisableKeyRotation")

    def decide(found: Key) -> Key:
        require_usable(found)
        return replace(found, rotation_days=None, rotates_at=None)

    asked.keys.change(key.key_id, decide)
    return {}


def get_key_rotation_status(asked: KeyCall) -> Document:
    key = asked.named_key("GetKeyRotationStatus")
    require_not_pending(key)
    document: Document = {"KeyId": key.arn, "KeyRotationEnabled": key.rotation_days is not None}
    if key.rotation_days is not None and key.rotates_at is not None:
        document["RotationPeriodInDays"] = key.rotation_days
        document["NextRotationDate"] = seconds(key.rotates_at)
    return document


def rotate_key_on_demand(asked: KeyCall) -> Document:
    key = own_key(asked, "RotateKeyOnDemand")
    require_usable(key)
    done = [rotation for rotation in asked.keys.rotations(key.key_id) if rotation.kind == ON_DEMAND]
    if len(done) >= ON_DEMAND_LIMIT:
        raise S3Error("LimitExceededException", f"a key is rotated on demand at most {ON_DEMAND_LIMIT} times")
    asked.keys.rotate(key.key_id, ON_DEMAND)
    return {"KeyId": key.arn}


def list_key_rotations(asked: KeyCall) -> Document:
    key = asked.named_key("ListKeyRotations")

    def show(rotation: Rotation) -> Document:
        return {
            "KeyId": key.arn,
            "RotationDate": seconds(rotation.created_at),
            "RotationType": rotation.kind,
        }

    found = asked.keys.rotations(key.key_id)
    return page(asked, found, "Rotations", show, lambda rotation: f"{rotation.number:08}")
