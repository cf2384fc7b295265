"""What a background job is, for its runner."""

from __future__ import annotations

import threading
from typing import Protocol


class Job(Protocol):
    """One job. It is called again and again, always from one thread at a time."""

    @property
    def name(self) -> str: ...

    def run(self, stopping: threading.Event) -> float:
        """Does what is due, in reasonable pieces; returns after how many seconds it wants to be called again.
        Ends early when ``stopping`` is set. What it raises is logged, and it is called again later."""
        ...
