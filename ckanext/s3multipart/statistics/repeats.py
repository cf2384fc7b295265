"""Whether the same reader asked for the same file just before: COUNTER's double-click rule.

COUNTER Code of Practice, "Double-Click Filtering": a click within 30 seconds of the one before is the same
download. All workers know of it through Redis, which keeps an HMAC of address, program and file for 30
seconds, with a random salt of the day that nobody else ever has; no personal data is kept.
"""

import hashlib
import hmac
import logging
import os
import secrets
import time
from datetime import date
from functools import lru_cache
from typing import Any

import ckan.plugins.toolkit as tk
import redis
from flask import Request

log = logging.getLogger(__name__)

DOUBLE_CLICK_S = 30
_SALT_KEPT_S = 2 * 24 * 3600
#: A reader does not wait for statistics: Redis answers at once, or is left alone for a while.
_PATIENCE_S = 0.2
_LEFT_ALONE_S = 30.0

_away_until: dict[int, float] = {}


def is_repeat(request: Request, resource_id: str, day: date) -> bool:
    """Whether this is a double click; False where Redis does not say."""
    if time.monotonic() < _away_until.get(os.getpid(), 0):
        return False
    prefix = f"s3multipart:{tk.config.get('ckan.site_id', '')}:"
    try:
        client = _redis(os.getpid(), tk.config.get("ckan.redis.url") or "redis://localhost:6379/0")
        reader = _reader(_salt(client, f"{prefix}salt:{day}"), request, resource_id)
        key = f"{prefix}click:{reader}"
        if client.set(key, 1, nx=True, ex=DOUBLE_CLICK_S):
            return False
        # Thirty seconds from this one, not from the first.
        client.expire(key, DOUBLE_CLICK_S)
    except redis.RedisError as error:
        _away_until[os.getpid()] = time.monotonic() + _LEFT_ALONE_S
        log.warning("Double clicks are counted for %d s: Redis: %s", _LEFT_ALONE_S, error)
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


@lru_cache(maxsize=8)
def _redis(_process_id: int, url: str) -> Any:
    return redis.Redis.from_url(url, socket_timeout=_PATIENCE_S, socket_connect_timeout=_PATIENCE_S)
