"""What was counted of many files on days that are over, kept in Redis for a day: years of an organisation's
downloads are added up once, and not for each reader.

What is kept is found by the very files that it is the sum of, so nobody gets a sum that has a file in it that
they may not see: with another file, or one less, it is another sum. Without Redis it is added up each time.
"""

import json
from collections.abc import Callable
from datetime import date, timedelta

import redis

from ckanext.s3multipart import quick_redis
from ckanext.s3multipart.model import now
from ckanext.s3multipart.statistics.periods import Counted

_KEPT_S = 36 * 3600


def first_open_day() -> date:
    """The first day to which a worker may still add, whatever its clock says."""
    return now().date() - timedelta(days=1)


def past_days(files: str, until: date, add_up: Callable[[], list[Counted]]) -> list[Counted]:
    """All days before ``until``, a `first_open_day`, of these ``files`` (a digest of their ids); ``add_up``
    has the database answer."""
    key = quick_redis.key(f"days:{until}:{files}")
    if (kept := _read(key)) is not None:
        return kept
    days = add_up()
    _write(key, days)
    return days


def _read(key: str) -> list[Counted] | None:
    if quick_redis.is_away():
        return None
    try:
        kept = quick_redis.client().get(key)
    except redis.RedisError as error:
        quick_redis.leave_alone("Downloads are added up anew", error)
        return None
    return [(date.fromisoformat(day), count, sent) for day, count, sent in json.loads(kept)] if kept else None


def _write(key: str, days: list[Counted]) -> None:
    if quick_redis.is_away():
        return
    try:
        written = json.dumps([(day.isoformat(), count, sent) for day, count, sent in days])
        quick_redis.client().set(key, written, ex=_KEPT_S)
    except redis.RedisError as error:
        quick_redis.leave_alone("Downloads are added up anew", error)
