"""Whether the same reader asked for the same file just before: COUNTER's double-click rule.

COUNTER Code of Practice, "Double-Click Filtering": a click within 30 seconds of the one before is the same
download. All workers know of it through Redis, which keeps an HMAC of address, program and file for 30
seconds, with a random salt of the day that nobody else ever has; no personal data is kept.
"""

import hashlib
import hmac
import secrets
from datetime import date
from typing import Any

import redis
from flask import Request

from ckanext.s3multipart import quick_redis

DOUBLE_CLICK_S = 30
_SALT_KEPT_S = 2 * 24 * 3600


def is_repeat(request: Request, resource_id: str, day: date) -> bool:
    """Whether this is a double click; False where Redis does not say."""
    if quick_redis.is_away():
        return False
    try:
        client = quick_redis.client()
        reader = _reader(_salt(client, quick_redis.key(f"salt:{day}")), request, resource_id)
        key = quick_redis.key(f"click:{reader}")
        if client.set(key, 1, nx=True, ex=DOUBLE_CLICK_S):
            return False
        # Thirty seconds from this one, not from the first.
        client.expire(key, DOUBLE_CLICK_S)
    except redis.RedisError as error:
        quick_redis.leave_alone("Double clicks are counted", error)
        return False
    return True


def _salt(client: Any, key: str) -> bytes:
    fresh = secrets.token_bytes(32)
    if client.set(key, fresh, nx=True, ex=_SALT_KEPT_S):
        return fresh
    return client.get(key) or fresh


def _reader(salt: bytes, request: Request, resource_id: str) -> str:
    who = "\n".join((request.remote_addr or "", request.headers.get("User-Agent", ""), resource_id))
    return hmac.new(salt, who.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()
