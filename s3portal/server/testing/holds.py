"""Calls that are held back until a test lets them go, so that the middle of an upload lasts as long as the
test looks at it, on every machine.
"""

from __future__ import annotations

import threading
from types import TracebackType

#: The longest wait for calls to come; a loaded machine needs some of it.
PATIENCE_S = 120.0


class Hold:
    """Holds back the calls of one operation, but the first ``after`` of them; ``Faults.hold`` makes it.

    A held call has begun, as the server's log counts, and nothing of its body has been read. Use it as a
    context manager, or call ``release``; both may be done more than once.
    """

    def __init__(self, operation: str, after: int = 0) -> None:
        self.operation = operation
        self._passes = after
        self._held = 0
        self._is_released = False
        self._changed = threading.Condition()

    @property
    def held(self) -> int:
        """How many calls are held back now, also those whose caller has gone."""
        with self._changed:
            return self._held

    def wait_for(self, count: int, timeout_s: float = PATIENCE_S) -> None:
        """Waits until at least this many calls are held back; raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._held >= count, timeout_s):
                raise TimeoutError(f"{self._held} of {count} calls of {self.operation} came")

    def let_pass(self, count: int) -> None:
        """Lets this many more calls pass: those that are held back now, and then those that come."""
        with self._changed:
            self._passes += count
            self._changed.notify_all()

    def release(self) -> None:
        """Lets all pass, from here on."""
        with self._changed:
            self._is_released = True
            self._changed.notify_all()

    def admit(self) -> None:
        """Returns when the call may pass. For the server, in the call's own thread."""
        with self._changed:
            self._held += 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._is_released or self._passes > 0)
            self._held -= 1
            if not self._is_released:
                self._passes -= 1

    def __enter__(self) -> Hold:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()
