"""Where notifications may go: webhooks that the server's configuration names. A bucket's owner chooses among
them by name and cannot supply an address."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import ssl
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

SIGNATURE_HEADER = "X-S3portal-Signature"
DELIVERY_HEADER = "X-S3portal-Delivery"
TIMEOUT_S = 10.0
# Of an answer only its status counts.
_ANSWER_LIMIT_BYTES = 64 * 1024


class NotDelivered(RuntimeError):
    """A target did not take a notification; the message says what it did instead."""


@dataclass(frozen=True)
class Target:
    """A webhook. With a ``secret`` each delivery is signed."""

    name: str
    url: str
    secret: str | None = None


def problem_of_url(url: str) -> str | None:
    """Returns why a URL is no webhook's, None where it is."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as problem:
        return f"{url!r} is not a URL: {problem}"
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        return f"{url!r} is not a URL that begins with http:// or https:// and a host"
    if parts.username is not None or parts.password is not None or parts.fragment:
        return "a URL with a user name, a password or a fragment is not supported"
    if not url.isascii() or any(ord(character) <= 32 for character in url):
        return f"{url!r} has characters that must be percent-encoded"
    return None


def signature(secret: str, body: bytes, now_s: int) -> str:
    """Returns the signature header: the time, and the HMAC-SHA256 of the time, a dot and the body, in hex."""
    digest = hmac.new(secret.encode(), f"{now_s}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={now_s},v1={digest}"


def deliver(target: Target, delivery_id: str, body: bytes) -> None:
    """Sends a notification; returns once the target answered with a status of 200 to 299.

    A redirect is no success and is not followed: where it leads is not in the configuration.
    Raises NotDelivered.
    """
    parts = urlsplit(target.url)
    headers = {"Content-Type": "application/json", "User-Agent": "s3portal", DELIVERY_HEADER: delivery_id}
    if target.secret is not None:
        headers[SIGNATURE_HEADER] = signature(target.secret, body, int(time.time()))
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context()
        connection = http.client.HTTPSConnection(
            parts.hostname or "", parts.port, timeout=TIMEOUT_S, context=context
        )
    else:
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
    try:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        answer.read(_ANSWER_LIMIT_BYTES)
    except (OSError, http.client.HTTPException) as problem:
        raise NotDelivered(f"{type(problem).__name__}: {problem}") from problem
    finally:
        connection.close()
    if not 200 <= answer.status < 300:
        raise NotDelivered(f"it answered {answer.status}")
