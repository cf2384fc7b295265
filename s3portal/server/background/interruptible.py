"""Calls that can be left alone: what waits for an answer from the network keeps no server from ending."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

#: How often a call that is waited for looks whether the server is being stopped.
LOOK_EVERY_S = 0.2

Answer = TypeVar("Answer")


class Interrupted(RuntimeError):
    """Nobody waits for the answer any more; what was asked for may be done or not."""


def answer_of(call: Callable[[], Answer], stopping: threading.Event) -> Answer:
    """Returns what ``call`` does, which runs in a thread of its own, and raises what it raises.

    Raises Interrupted once ``stopping`` is set. Nothing in Python ends a thread that waits for a name server,
    a handshake or an answer: it goes on by itself, and ends with the process at the latest.
    """
    outcome: Future[Answer] = Future()

    def run() -> None:
        try:
            answer = call()
        except BaseException as problem:  # noqa: BLE001  (raised again where it is waited for)
            outcome.set_exception(problem)
        else:
            outcome.set_result(answer)

    if not stopping.is_set():
        threading.Thread(target=run, name="s3-call", daemon=True).start()
    while not stopping.is_set():
        if wait((outcome,), LOOK_EVERY_S).done:
            return outcome.result()
    raise Interrupted("the server is being stopped")
