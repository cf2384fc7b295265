"""What an attempt to sign in is counted by, for those who guess to be slowed down.

A browser that has signed in with a key before is counted for itself, so that nobody is kept out by others
who guess at their key.
Source: https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets

from s3portal.server.http.throttle import FORGIVEN_AFTER_S, FREE_FAILURES, LONGEST_WAIT_S, Throttle

__all__ = ["FORGIVEN_AFTER_S", "FREE_FAILURES", "LONGEST_WAIT_S", "Throttle"]


def sources_of(address: str, access_key_id: str, browser: str | None) -> tuple[str, ...]:
    """Returns what an attempt to sign in is counted by: the ``browser`` where it is known, else the key and
    the address, of IPv6 the network of one connection (RFC 6177)."""
    if browser is not None:
        return (f"browser {browser}",)
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return (f"address {address}", f"key {access_key_id}")
    if found.version == 6 and found.ipv4_mapped is None:
        address = str(ipaddress.ip_network((found, 64), strict=False))
    return (f"address {address}", f"key {access_key_id}")


def new_browser(key: bytes, access_key_id: str) -> str:
    """Returns what a browser is known by that has signed in with a key; ``key`` is the server's own."""
    number = secrets.token_urlsafe(16)
    return f"{number}.{_seal(key, number, access_key_id)}"


def known_browser(key: bytes, access_key_id: str, given: str) -> str | None:
    """Returns the number of a browser that has signed in with this key before, None for any other."""
    number, _dot, seal = given.partition(".")
    is_known = hmac.compare_digest(seal.encode(), _seal(key, number, access_key_id).encode())
    return number if is_known else None


def _seal(key: bytes, number: str, access_key_id: str) -> str:
    return hmac.digest(key, f"browser {number} {access_key_id}".encode(), "sha256").hex()
