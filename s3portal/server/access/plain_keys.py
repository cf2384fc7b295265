"""Keys that are sent along as they are, in X-Access-Key and X-Secret-Key, as clients of MyFSIO do.

Nothing protects such a secret but the connection: it counts over TLS, and over plain HTTP only where nobody
is between the two ends. A session has a token, and its keys never count here.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import math
import time
from collections.abc import Callable

from s3portal.server.access.directory import Directory, User
from s3portal.server.access.session_tokens import is_session_key
from s3portal.server.http.failure_counts import FailureCounts
from s3portal.server.http.throttle import Throttle
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.s3_request import S3Request

ACCESS_KEY_HEADER, SECRET_KEY_HEADER = "x-access-key", "x-secret-key"
# What proxies add. A request with one of them has come through a machine that could read it.
_FORWARDING = frozenset(
    {"forwarded", "via", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip", "x-original-host"}
)


class PlainKeys:
    """Lets users in by both headers. ``now_s`` is a monotonic clock in seconds; failures are counted in
    ``counts``."""

    def __init__(
        self, now_s: Callable[[], float] = time.monotonic, counts: FailureCounts | None = None
    ) -> None:
        self._throttle = Throttle(now_s, counts, "plain keys")

    def user(self, request: S3Request, directory: Directory) -> User | None:
        """Returns the user whose keys a request has in its headers; None for a request without any.

        Raises AccessDenied for keys that are nobody's, and for a connection that others may read; SlowDown
        after several failures.
        """
        access_key = (request.header(ACCESS_KEY_HEADER) or "").strip()
        secret_key = (request.header(SECRET_KEY_HEADER) or "").strip()
        if not access_key and not secret_key:
            return None
        if not is_unobserved(request):
            raise S3Error(
                "AccessDenied",
                "X-Access-Key and X-Secret-Key are accepted over HTTPS only, or from this machine itself "
                "without a proxy. Sign the request instead (Signature Version 4).",
            )
        sources = _sources_of(request.remote_addr, access_key)
        wait_s = self._throttle.wait_s(*sources)
        if wait_s > 0:
            raise S3Error("SlowDown", headers={"Retry-After": str(math.ceil(wait_s))})
        found = None if is_session_key(access_key) else directory.user_with_key(access_key)
        # Compared in any case, so that the time does not tell which keys there are.
        is_right = _same(secret_key, found.secret_access_key if found is not None else "")
        if found is None or not is_right or not secret_key:
            self._throttle.failed(*sources)
            raise S3Error("AccessDenied", "X-Access-Key and X-Secret-Key are not those of a user.")
        self._throttle.succeeded(*sources)
        directory.note_use(access_key, "s3", "N/A")
        return found


def is_unobserved(request: S3Request) -> bool:
    """Whether nobody but the sender and this machine can have read a request: it came over TLS, also to a
    trusted proxy, or from this machine and through no proxy."""
    if request.scheme == "https":
        return True
    return _is_loopback(request.remote_addr) and not any(
        name in _FORWARDING or name.startswith("x-forwarded") for name in request.headers
    )


def _is_loopback(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def _sources_of(address: str, access_key: str) -> list[str]:
    """What failures are counted by. Everybody on this machine has the same address."""
    return [f"{address} {access_key[:128]}", *([] if _is_loopback(address) else [address])]


def _same(given: str, known: str) -> bool:
    """Compares in a time that depends on neither."""
    return hmac.compare_digest(
        *(hashlib.sha256(text.encode("utf-8", "replace")).digest() for text in (given, known))
    )
