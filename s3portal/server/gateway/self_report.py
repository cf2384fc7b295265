"""What the server says of itself: whether it is well, and its metrics. No bucket can have these names.

``/-/`` begins no bucket's name. ``/healthz`` could: no bucket of this name can be created, and where an
earlier release has created one, that one is answered.
"""

from __future__ import annotations

import hmac
import json
import logging
import sqlite3
import threading
import time
from dataclasses import dataclass

from s3portal import __version__
from s3portal.server.gateway.metrics import MetricsMemory
from s3portal.server.gateway.metrics_text import CONTENT_TYPE, metrics_text
from s3portal.server.storage import buckets, job_states
from s3portal.server.storage.storage import Storage, now_ms
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.reply import Reply
from s3portal.server.wire.s3_request import S3Request

#: Names that no bucket can be created with, because this server answers there itself.
RESERVED_NAMES = frozenset({"healthz"})
HEALTH_PATHS = ("/healthz", "/-/healthz")
ALIVE_PATH = "/-/livez"
METRICS_PATH = "/-/metrics"
# Anybody may ask, and each look is a commit.
CHECKED_EVERY_S = 5.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Health:
    """``database`` and ``disk`` say what is wrong with them, '' for nothing."""

    database: str = ""
    disk: str = ""

    @property
    def is_well(self) -> bool:
        return not (self.database or self.disk)


class HealthCheck:
    """Whether something can be stored: found out by storing something, at most every few seconds."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._lock = threading.Lock()
        self._checked_at_s: float | None = None
        self._found = Health()

    def look(self) -> Health:
        """Returns what was found last, or, where that is some time ago, what is found now."""
        if not self._lock.acquire(timeout=CHECKED_EVERY_S):
            return Health(database=f"a change takes more than {CHECKED_EVERY_S:.0f} s")
        try:
            now_s = time.monotonic()
            if self._checked_at_s is None or now_s - self._checked_at_s >= CHECKED_EVERY_S:
                self._found = self._check()
                self._checked_at_s = time.monotonic()
            return self._found
        finally:
            self._lock.release()

    def _check(self) -> Health:
        try:
            self._storage.require_room()
            job_states.write(self._storage, "health", {"checked_at": now_ms()})
        except S3Error as refused:
            return Health(disk=refused.message)
        except (sqlite3.Error, OSError, RuntimeError) as problem:
            log.error("nothing can be stored: %s", problem)
            return Health(database="it cannot be written")
        return Health()


class SelfReport:
    """Answers for these paths. ``token`` is what shows the metrics to whoever has it; '' shows them to
    nobody."""

    def __init__(self, storage: Storage, memory: MetricsMemory, token: str = "") -> None:
        self._storage = storage
        self._memory = memory
        self._token = token.encode()
        self._health = HealthCheck(storage)

    def answer(self, request: S3Request) -> Reply | None:
        """Returns the answer to a request for one of these pages; None for any other."""
        if request.bucket_in_host or request.method not in ("GET", "HEAD"):
            return None
        path = request.raw_path
        if path == ALIVE_PATH:
            return _json(200, {"status": "ok", "version": __version__})
        if path == METRICS_PATH and self._token:
            return self._metrics(request)
        if path in HEALTH_PATHS and not (path == HEALTH_PATHS[0] and self._is_bucket()):
            return self._well()
        return None

    def _is_bucket(self) -> bool:
        try:
            buckets.find(self._storage, HEALTH_PATHS[0].removeprefix("/"))
        except S3Error:
            return False
        return True

    def _well(self) -> Reply:
        found = self._health.look()
        shown = {
            "status": "ok" if found.is_well else "unavailable",
            "version": __version__,
            "database": found.database or "ok",
            "disk": found.disk or "ok",
        }
        return _json(200 if found.is_well else 503, shown)

    def _metrics(self, request: S3Request) -> Reply:
        given = (request.header("authorization") or "").encode("latin-1", "replace")
        if not hmac.compare_digest(given, b"Bearer " + self._token):
            return Reply(401, {"WWW-Authenticate": "Bearer", "Content-Type": "text/plain"}, b"")
        return Reply(200, {"Content-Type": CONTENT_TYPE}, metrics_text(self._memory, self._storage))


def _json(status: int, shown: dict[str, str]) -> Reply:
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
    return Reply(status, headers, json.dumps(shown).encode())


def warn_of_shadows(storage: Storage, names: frozenset[str] = RESERVED_NAMES) -> None:
    """Names the buckets whose names this server would answer itself, for those who start it."""
    for found in buckets.find_all(storage):
        if found.name not in names:
            continue
        lost = (
            "the health is at /-/healthz alone" if found.name in RESERVED_NAMES else "MyFSIO's route is not"
        )
        log.warning(
            "the bucket %s has a name that this server answers itself: it is still served, and %s. Copy its "
            "objects into another bucket, then delete it.",
            found.name,
            lost,
        )
