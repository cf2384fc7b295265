"""Slows down who guesses at the sign-in, as the server does with keys in headers."""

from __future__ import annotations

from s3portal.server.http.throttle import FORGIVEN_AFTER_S, FREE_FAILURES, LONGEST_WAIT_S, Throttle

__all__ = ["FORGIVEN_AFTER_S", "FREE_FAILURES", "LONGEST_WAIT_S", "Throttle"]
