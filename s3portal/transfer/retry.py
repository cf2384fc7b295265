"""What to do about a failure: try again and when, sign again, or stop. Pure; the browser decides the same.

Waits have full jitter (uniform from 0 to the growing cap), so that many clients that failed together do not
come back together (AWS Architecture Blog, "Exponential Backoff And Jitter").
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Literal


@dataclass(frozen=True)
class Failure:
    """What a request met. ``status`` is 0 where no answer arrived; ``code`` is S3's or the portal's."""

    status: int
    code: str
    message: str
    retry_after_s: float | None = None

    def __str__(self) -> str:
        answered = f"{self.status} {self.code}".strip() if self.status else "no answer"
        return f"{answered}: {self.message}" if self.message else answered


@dataclass(frozen=True)
class RetryPolicy:
    """``tries`` of one request, the first one included. A network that is away is given longer than a server
    that answers with errors: about ten minutes."""

    tries: int = 10
    tries_without_answer: int = 40
    base_s: float = 0.3
    cap_s: float = 30.0
    retry_after_cap_s: float = 300.0
    #: More of them spend tries, so that a wrong clock comes to an end.
    free_signings: int = 3


@dataclass(frozen=True)
class Decision:
    """``sign`` is to sign and send again at once."""

    action: Literal["retry", "sign", "stop"]
    delay_s: float = 0.0


# S3 answers these with 400 although nothing is wrong with the request itself.
_PASSING_CODES = frozenset({"RequestTimeout", "IncompleteBody", "BadDigest"})
# The keys under a URL have expired (S3 API, "Error responses").
_EXPIRED_CODES = frozenset({"ExpiredToken", "TokenRefreshRequired"})


def is_expired(failure: Failure) -> bool:
    """Whether the signature is too old and nothing else is wrong."""
    if failure.code in _EXPIRED_CODES:
        return True
    # An old presigned URL is a plain AccessDenied; only its message tells.
    return failure.status == 403 and "request has expired" in failure.message.lower()


def is_passing(failure: Failure) -> bool:
    """Whether the same request may work later."""
    if failure.status in (0, 408, 429):
        return True
    if failure.status == 400:
        return failure.code in _PASSING_CODES
    return failure.status >= 500 and failure.status != 501


def decide(
    failure: Failure, *, tries: int, signings: int, policy: RetryPolicy, random: Callable[[], float]
) -> Decision:
    """What to do after ``tries`` tries, this one included, and ``signings`` free ones. ``random`` gives 0 to
    below 1."""
    expired = is_expired(failure)
    if expired and signings < policy.free_signings:
        return Decision("sign")
    if not expired and not is_passing(failure):
        return Decision("stop")
    if tries >= (policy.tries if failure.status else policy.tries_without_answer):
        return Decision("stop")
    # The exponent stays small enough for a float.
    jitter_s = random() * min(policy.cap_s, policy.base_s * 2 ** min(tries - 1, 32))
    # Jitter on top of the wait that was asked for, since all other clients were asked for the same.
    return Decision("retry", min(failure.retry_after_s or 0.0, policy.retry_after_cap_s) + jitter_s)


def parse_retry_after(text: str | None, now: datetime | None = None) -> float | None:
    """Seconds from now, of a Retry-After header (RFC 9110, 10.2.3); None where there is none to be read."""
    if text is None:
        return None
    if re.fullmatch(r"[0-9]{1,9}", text.strip()):
        return float(text)
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    now = now or datetime.now(timezone.utc)
    return max(0.0, (date.replace(tzinfo=date.tzinfo or timezone.utc) - now).total_seconds())
