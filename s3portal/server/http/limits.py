"""How much of the server one caller may hold, and for how long. Each is a setting; see docs/server.md."""

from __future__ import annotations

import resource
from dataclasses import dataclass, replace

# Open besides the connections: the database's readers, the lock, the log, the interpreter's own.
OTHER_DESCRIPTORS = 160
# Its socket, a file that is read, and one that is written: a copy has all three.
DESCRIPTORS_OF_A_CONNECTION = 3
DESCRIPTORS_WISHED = 8192


@dataclass(frozen=True)
class ConnectionLimits:
    """``connections`` at once, of which one address may hold ``connections_per_address`` (None: half of them)
    without having shown a right signature.

    All times are in seconds, and count only while the server waits for the caller: ``proof_s`` from the first
    byte of a request until its signature is found right, ``stall_s`` for each piece of a body or an answer,
    ``idle_s`` between two requests. A body comes at ``least_bytes_per_s`` at least, over its whole length.
    """

    connections: int = 1000
    connections_per_address: int | None = None
    proof_s: float = 30.0
    stall_s: float = 60.0
    idle_s: float = 75.0
    least_bytes_per_s: int = 500

    @property
    def unproven_per_address(self) -> int:
        return self.connections_per_address or max(1, self.connections // 2)

    def __post_init__(self) -> None:
        for name in ("connections", "connections_per_address", "least_bytes_per_s"):
            value = getattr(self, name)
            if value is not None and not (type(value) is int and value > 0):
                raise ValueError(f"{name} must be a whole number above 0")
        for name in ("proof_s", "stall_s", "idle_s"):
            if not (type(getattr(self, name)) in (int, float) and getattr(self, name) > 0):
                raise ValueError(f"{name} must be a number of seconds above 0")


def fitting(limits: ConnectionLimits) -> ConnectionLimits:
    """Returns the limits with no more connections than this process has file descriptors for."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    possible = max(8, (soft - OTHER_DESCRIPTORS) // DESCRIPTORS_OF_A_CONNECTION)
    return replace(limits, connections=min(limits.connections, possible))


def raise_descriptor_limit() -> None:
    """Lets this process open as many files as it may: 1,024, the usual, are few for 1,000 connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wished = DESCRIPTORS_WISHED if hard == resource.RLIM_INFINITY else min(DESCRIPTORS_WISHED, hard)
    if soft < wished:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wished, hard))
