"""A deadline over everything that a call asks the store: connecting, waiting, every retry and every page.

boto3 fixes a client's timeouts when the client is made, and four tries of a minute each are far more than a
person waits for. Inside of ``deadline(seconds)`` each request of this thread may take only what is left of
the time, nothing is retried that would come too late, and nothing is sent after the end:

>>> with deadline(10):
...     list_parts(store, upload)

The time that runs out is a ``StoreUnavailable``, as that of any store that does not answer. Outside of a
deadline (a janitor, a command line) requests have the client's own timeouts. Portals use ``asking`` of
``store_gate.py``, which sets the deadline and limits how many calls wait. What is not bounded is how long
the system takes to resolve a host name.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from botocore.exceptions import HTTPClientError

_ends_at: ContextVar[float | None] = ContextVar("s3portal_deadline", default=None)


class DeadlineReached(HTTPClientError):
    """There is no time left for another request."""

    fmt = "No time is left to ask {endpoint_url}"


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """What the store is asked inside has this many seconds together; within another deadline, at most what
    that one leaves."""
    outer = _ends_at.get()
    ends_at = time.monotonic() + seconds
    token = _ends_at.set(ends_at if outer is None else min(outer, ends_at))
    try:
        yield
    finally:
        _ends_at.reset(token)


def time_left_s() -> float | None:
    """The seconds until the deadline, never negative; None where there is none."""
    ends_at = _ends_at.get()
    return None if ends_at is None else max(0.0, ends_at - time.monotonic())
