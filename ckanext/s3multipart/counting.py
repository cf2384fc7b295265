"""What happens here, counted for Prometheus: by all workers, job workers and commands of all machines.

The counts are in Redis, which CKAN has anyway, so no process keeps any and none is lost with one; they start
again from zero if Redis forgets them, which is what Prometheus expects of counters. Nobody waits for them.
``upkeep/metrics.py`` shows them.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any

import ckan.plugins.toolkit as tk
import redis

from ckanext.s3multipart import quick_redis

HASH = "metrics"
SETTING = "ckanext.s3multipart.metrics"
#: Upper ends of the histogram of the store's answers, in seconds.
BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


@dataclass(frozen=True)
class Counted:
    """A counter: its name without prefix and ``_total``, what it says, and the name of its label, "" for
    none."""

    name: str
    help: str
    label: str = ""


UPLOADS = Counted("uploads", "Uploads that were started, completed, failed or aborted.", "outcome")
UPLOADED_BYTES = Counted("uploaded_bytes", "Bytes of completed uploads.")
DOWNLOADS = Counted("downloads", "Downloads, as download statistics count them.")
DOWNLOADED_BYTES = Counted("downloaded_bytes", "Sizes of the files that were downloaded.")
JANITOR_ROUNDS = Counted("janitor_rounds", "Rounds of the janitor.")
JANITOR_UPLOADS = Counted("janitor_uploads", "What the janitor did with uploads.", "outcome")
STORE_ERRORS = Counted("store_errors", "Requests that the store refused or did not answer.", "operation")
COUNTERS = (
    UPLOADS,
    UPLOADED_BYTES,
    DOWNLOADS,
    DOWNLOADED_BYTES,
    JANITOR_ROUNDS,
    JANITOR_UPLOADS,
    STORE_ERRORS,
)
STORE_SECONDS = "store_request_seconds"
JANITOR_LAST = "janitor_last_round_timestamp_seconds"

Field = tuple[str, ...]


def is_on() -> bool:
    """Whether this site counts for Prometheus."""
    return bool(tk.asbool(tk.config.get(SETTING) or False))


def count(counted: Counted, label: str = "", number: int = 1) -> None:
    """Adds to a counter."""
    if number and is_on():
        _add({(counted.name, label): number})


def observe_store(operation: str, seconds: float, answered: bool) -> None:
    """Notes how long the store took for a request, with all its retries (`s3portal.transfer.open_store`)."""
    if not is_on():
        return
    bucket = next((str(end) for end in BUCKETS_S if seconds <= end), "+Inf")
    added: dict[Field, float] = {
        (STORE_SECONDS, operation, bucket): 1,
        (STORE_SECONDS, operation, "sum"): seconds,
    }
    if not answered:
        added[STORE_ERRORS.name, operation] = 1
    _add(added)


def counted_round(sweep: Callable[..., Any]) -> Callable[..., Any]:
    """Counts a round of the janitor, and what it did, unless it only looked."""

    @wraps(sweep)
    def counted(*, dry_run: bool = False) -> Any:
        swept = sweep(dry_run=dry_run)
        if is_on() and not dry_run:
            done = ("expired", "removed", "forgotten", "failed", "unknown", "refused", "taken_over")
            _add(
                {
                    (JANITOR_ROUNDS.name, ""): 1,
                    **{(JANITOR_UPLOADS.name, each): getattr(swept, each) for each in done},
                },
                {(JANITOR_LAST, ""): time.time()},
            )
        return swept

    return counted


def read_counts() -> dict[Field, float] | None:
    """All that was counted, by name and labels; None where Redis does not answer."""
    if quick_redis.is_away():
        return None
    try:
        kept = quick_redis.client().hgetall(quick_redis.key(HASH))
    except redis.RedisError as error:
        quick_redis.leave_alone("Metrics are incomplete", error)
        return None
    return {tuple(name.decode().split("|")): float(value) for name, value in kept.items()}


def _add(added: Mapping[Field, float], put: Mapping[Field, float] | None = None) -> None:
    if quick_redis.is_away():
        return
    try:
        with quick_redis.client().pipeline(transaction=False) as pipeline:
            place = quick_redis.key(HASH)
            for field, number in added.items():
                if isinstance(number, int):
                    pipeline.hincrby(place, "|".join(field), number)
                else:
                    pipeline.hincrbyfloat(place, "|".join(field), number)
            for field, number in (put or {}).items():
                pipeline.hset(place, "|".join(field), str(number))
            pipeline.execute()
    except redis.RedisError as error:
        quick_redis.leave_alone("Metrics are not counted", error)
