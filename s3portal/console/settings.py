"""What an administrator can choose of the console."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ConsoleSettings:
    """``session_s`` is how long a session lasts at most, ``idle_s`` how long without a request, in seconds.

    ``store_url`` is where browsers reach the S3 API, without a slash at its end; '' for the host that a
    browser asked for, with the API's own scheme and port. ``console_origin`` is what browsers call the
    console behind a proxy, like https://console.example.org; '' where they reach it directly.
    """

    session_s: int = 12 * 3600
    idle_s: int = 2 * 3600
    store_url: str = ""
    console_origin: str = ""
