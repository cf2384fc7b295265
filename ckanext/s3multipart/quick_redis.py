"""Redis for what no reader waits for, such as counting: it answers at once, or is left alone for a while."""

import logging
import os
import time
from functools import lru_cache
from typing import Any

import ckan.plugins.toolkit as tk
import redis

log = logging.getLogger(__name__)

_PATIENCE_S = 0.2
_LEFT_ALONE_S = 30.0

_away_until: dict[int, float] = {}


def is_away() -> bool:
    """Whether Redis did not answer this process a moment ago."""
    return time.monotonic() < _away_until.get(os.getpid(), 0)


def leave_alone(consequence: str, error: redis.RedisError) -> None:
    """Redis did not answer: it is not asked for a while, and the log says what follows from that."""
    _away_until[os.getpid()] = time.monotonic() + _LEFT_ALONE_S
    log.warning("%s for %d s: Redis: %s", consequence, _LEFT_ALONE_S, error)


def client() -> Any:
    """The client of this process."""
    return _connected(os.getpid(), tk.config.get("ckan.redis.url") or "redis://localhost:6379/0")


def key(name: str) -> str:
    """What something of this site is called: several sites may share one Redis."""
    return f"s3multipart:{tk.config.get('ckan.site_id', '')}:{name}"


@lru_cache(maxsize=8)
def _connected(_process_id: int, url: str) -> Any:
    return redis.Redis.from_url(url, socket_timeout=_PATIENCE_S, socket_connect_timeout=_PATIENCE_S)
