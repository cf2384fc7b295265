"""What was found out about a store by trying it: asked once, shared by all threads, remembered by the portal.

A question is asked by one thread of a process at a time. The others wait for its answer for a moment, or
continue with what was known last. A portal that gives `open_store` a memory keeps answers across workers and
restarts.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from s3portal.transfer.store_failures import StoreUnavailable

if TYPE_CHECKING:
    from s3portal.transfer.store import Store

logger = logging.getLogger(__name__)

#: A store may learn something new with its next version, so it is asked again after a day.
ANSWER_LASTS = timedelta(days=1)
#: How soon a question is asked again that the store gave no answer to.
ASK_AGAIN_AFTER_S = 60.0
#: How long a thread waits for the answer that another one is getting.
WAIT_S = 5.0


@dataclass(frozen=True)
class KnownAnswer:
    """What was found, why (a sentence for the administrator), and when."""

    value: str
    reason: str
    found_at: datetime = field(default_factory=lambda: datetime.now(timezone.utc))

    @property
    def is_recent(self) -> bool:
        """Whether the answer holds without asking again."""
        return datetime.now(timezone.utc) - self.found_at < ANSWER_LASTS


class NoAnswer(Exception):
    """The store's reply says nothing about the question; the text is the reason, for the administrator."""


class StoreMemory(Protocol):
    """Where a portal keeps answers: a row for each store and question. Neither call may raise."""

    def read(self, store: str, question: str) -> KnownAnswer | None:
        """The answer that was kept last."""
        ...

    def write(self, store: str, question: str, answer: KnownAnswer) -> None:
        """Keeps an answer in the place of an earlier one."""
        ...


class _Question:
    """One question to one store in this process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.answer: KnownAnswer | None = None
        self.not_before = 0.0
        self.silence = ""
        self.asked: _Asked | None = None


class _Asked:
    """A question on its way, for the threads that wait for its answer."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.failure: StoreUnavailable | None = None


def find_out(store: "Store", question: str, ask: Callable[[], KnownAnswer]) -> tuple[KnownAnswer | None, str]:
    """The answer to a question about the store, or None; and why there is none or why it is an old one.

    ``ask`` talks to the store; it raises NoAnswer where a reply says nothing about the question. Then the
    last answer counts, and the store is asked again a minute later. Raises StoreUnavailable, in the thread
    that asks and in those that wait for it, where the store was not reached and nothing is known.
    """
    this = store.once(f"question {question}", _Question)
    with this.lock:
        if this.answer is None:
            this.answer = store.recall(question)
        if this.answer and this.answer.is_recent:
            return this.answer, ""
        asked = this.asked
        if asked is None:
            if monotonic() < this.not_before:
                return this.answer, this.silence
            asked = this.asked = _Asked()
            mine = True
        else:
            mine = False
    if mine:
        _ask(store, question, ask, this, asked)
    elif this.answer is None:
        asked.done.wait(WAIT_S)
    if asked.failure and this.answer is None:
        raise StoreUnavailable(operation=question) from asked.failure
    return this.answer, this.silence


def _ask(
    store: "Store", question: str, ask: Callable[[], KnownAnswer], this: _Question, asked: _Asked
) -> None:
    try:
        this.answer = ask()
        this.silence = ""
        store.remember(question, this.answer)
    except NoAnswer as silence:
        this.silence = str(silence)
        this.not_before = monotonic() + ASK_AGAIN_AFTER_S
        logger.warning("%s: no answer from the store of bucket %s: %s", question, store.bucket, silence)
    except StoreUnavailable as failure:
        this.silence = str(failure)
        asked.failure = failure
    finally:
        with this.lock:
            this.asked = None
        asked.done.set()
