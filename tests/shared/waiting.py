"""Waiting for what another thread or process does, for as long as a busy machine may take."""

import time
from collections.abc import Callable

LONGEST_S = 120


def wait_until(has_happened: Callable[[], object], what: str) -> None:
    """Returns as soon as it has happened, and fails where it does not."""
    give_up_at = time.monotonic() + LONGEST_S
    while not has_happened():
        assert time.monotonic() < give_up_at, f"{what}: not within {LONGEST_S} s"
        # A busy wait would take the processor from what is waited for.
        time.sleep(0.005)
