"""How a portal's call asks the store: with a deadline, beside few others, and not at all while it is away.

A store that hangs must not stop a whole portal. Every call wraps what asks the store, and only that:

>>> with asking(store):                                  # create, show, sign, doctor: 10 seconds
...     upload = create_upload(store, ...)
>>> with asking(store, COMPLETE, user=row.user):         # 45 seconds, slots of its own
...     completed = complete_upload(store, upload)
>>> with asking(store, LOOK):                            # a second, for what is nice to know
...     head = ...

No database connection, transaction or row lock is held inside: commit before. Each process has one gate for
each store. It lets a few calls in, has others wait for two seconds while calls come and go quickly, and else
raises ``StoreBusy`` at once, which a portal answers with 503 and a Retry-After of ``retry_after_s``. After
failures it stops asking for some seconds; then the next call tries, and the others wait for how that ends.
Only what says that the store is away counts: no connection, no answer in time, and 500, 502, 503 and 504.
"""

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from botocore.exceptions import ClientError, ConnectionError, HTTPClientError

from s3portal.transfer.deadlines import DeadlineReached, deadline
from s3portal.transfer.store import Store
from s3portal.transfer.store_failures import StoreBusy

# How long a call waits for a place among calls that come and go.
_WAIT_FOR_A_PLACE_S = 2.0
# After this many failures in a row, or one call that waited until its deadline, the store is left alone.
_FAILURES = 3
_SHORTEST_PAUSE_S = 5.0
_LONGEST_PAUSE_S = 30.0
_AWAY_STATUSES = frozenset({500, 502, 503, 504})


@dataclass(frozen=True)
class Lane:
    """A kind of calls: how many of a process run at a time, and how long one may take over all its tries."""

    name: str
    places: int
    places_for_a_user: int
    within_s: float
    # If a full lane holds a call that is older, no one waits for a slot.
    slow_after_s: float
    # Whether a failure says something of the store; a look of a second may be too short for it.
    tells: bool = True


CALL = Lane("call", places=6, places_for_a_user=6, within_s=10, slow_after_s=2)
# Putting many parts together takes long at some stores. Shorter than what proxies (nginx: 60 s) and process
# managers (uWSGI as CKAN configures it: 50 s) allow; the next call finds what was completed later.
COMPLETE = Lane("complete", places=4, places_for_a_user=2, within_s=45, slow_after_s=5)
LOOK = Lane("look", places=4, places_for_a_user=4, within_s=1, slow_after_s=0.2, tells=False)


@contextmanager
def asking(
    store: Store, lane: Lane = CALL, *, user: str = "", within_s: float | None = None, of: str = "s3"
) -> Iterator[None]:
    """Asks the store inside, within ``within_s`` seconds (the lane's own where not given).

    ``user`` is whom the limit of places for one user is for; ``of`` is ``"sts"`` where STS alone is asked,
    which may be away while the store is not. Raises StoreBusy instead of asking; what the store raises stays.
    """
    within_s = lane.within_s if within_s is None else within_s
    # Made once in a process: that takes up to seconds, in which no store is waited for.
    _ = store.sts_client() if of == "sts" else store.client()
    with _gate(store, of).passed(lane, user, within_s), deadline(within_s):
        yield


def is_away(store: Store) -> bool:
    """Whether the store did not answer lately and is left alone for now."""
    return _gate(store, "s3").is_closed


def _gate(store: Store, of: str) -> "StoreGate":
    return store.once(f"gate {of}", StoreGate)


@dataclass
class _Call:
    lane: Lane
    user: str
    began_at: float
    within_s: float
    is_trial: bool


@dataclass
class StoreGate:
    """The gate of one process before one store. All of it is changed under one lock."""

    _changed: threading.Condition = field(default_factory=threading.Condition)
    _inside: list[_Call] = field(default_factory=list)
    _failures: int = 0
    _pause_s: float = 0.0
    # 0 while the store answers; otherwise when the next call may try.
    _closed_until: float = 0.0

    @property
    def is_closed(self) -> bool:
        """Whether the store is left alone now, or one call is trying."""
        with self._changed:
            return self._closed_until > time.monotonic() or self._trial_runs()

    @contextmanager
    def passed(self, lane: Lane, user: str, within_s: float) -> Iterator[None]:
        """Runs one call inside; its error, if any, says how the store is. Raises StoreBusy."""
        call = self._enter(lane, user, within_s)
        try:
            yield
        except BaseException as error:
            self._leave(call, error)
            raise
        self._leave(call, None)

    def _enter(self, lane: Lane, user: str, within_s: float) -> _Call:
        with self._changed:
            give_up_at = time.monotonic() + _WAIT_FOR_A_PLACE_S
            self._require_open(lane)
            while self._is_full(lane, user):
                left_s = give_up_at - time.monotonic()
                if left_s <= 0 or self._is_slow(lane):
                    raise StoreBusy(operation=f"enter {lane.name}", retry_after_s=2)
                # Also woken by the clock, since calls inside become slow without any change here.
                self._changed.wait(min(left_s, 0.1))
                self._require_open(lane)
            call = _Call(lane, user, time.monotonic(), within_s, is_trial=self._closed_until > 0)
            self._inside.append(call)
            return call

    def _leave(self, call: _Call, error: BaseException | None) -> None:
        with self._changed:
            self._inside.remove(call)
            if error is None or not says_away(error):
                if error is None or _came_from_store(error):
                    self._failures, self._pause_s, self._closed_until = 0, 0.0, 0.0
            elif call.lane.tells or call.is_trial:
                self._count_failure(call)
            self._changed.notify_all()

    def _count_failure(self, call: _Call) -> None:
        now = time.monotonic()
        if self._closed_until > now:
            return
        self._failures += 1
        waited_to_the_end = now - call.began_at >= 0.8 * call.within_s
        if call.is_trial or waited_to_the_end or self._failures >= _FAILURES:
            self._pause_s = min(_LONGEST_PAUSE_S, max(_SHORTEST_PAUSE_S, 2 * self._pause_s))
            self._closed_until = now + self._pause_s
            self._failures = 0

    def _require_open(self, lane: Lane) -> None:
        if not self._closed_until:
            return
        left_s = self._closed_until - time.monotonic()
        if left_s > 0 or self._trial_runs():
            raise StoreBusy(operation=f"enter {lane.name}", retry_after_s=max(2, math.ceil(left_s)))

    def _trial_runs(self) -> bool:
        return any(call.is_trial for call in self._inside)

    def _is_full(self, lane: Lane, user: str) -> bool:
        beside = [call for call in self._inside if call.lane is lane]
        of_user = [call for call in beside if user and call.user == user]
        return len(beside) >= lane.places or len(of_user) >= lane.places_for_a_user

    def _is_slow(self, lane: Lane) -> bool:
        began_at = min((call.began_at for call in self._inside if call.lane is lane), default=math.inf)
        return time.monotonic() - began_at > lane.slow_after_s


def says_away(error: BaseException) -> bool:
    """Whether the error, or what it was raised from, says that the store does not answer or cannot."""
    cause = _cause_at_store(error)
    if isinstance(cause, ClientError):
        return cause.response.get("ResponseMetadata", {}).get("HTTPStatusCode") in _AWAY_STATUSES
    # Where no time was left for a request, none was sent.
    return cause is not None and not isinstance(cause, DeadlineReached)


def _came_from_store(error: BaseException) -> bool:
    """Whether the error is an answer of the store, which shows that it is there."""
    return isinstance(_cause_at_store(error), ClientError)


def _cause_at_store(error: BaseException | None) -> BaseException | None:
    """What botocore raised, if it did."""
    while error is not None and not isinstance(error, (ClientError, ConnectionError, HTTPClientError)):
        error = error.__cause__
    return error
