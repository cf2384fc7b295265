"""What a person is told while a server is waited for: which one, why, when it is tried again, how long."""

from __future__ import annotations

import errno
import os
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.client import RemoteDisconnected
from urllib.parse import urlsplit

import urllib3

from s3portal.transfer import Failure, RetryPolicy, decide

RESUME = "Run the same command again to resume: what is stored is kept."

#: The code of a failure that no waiting ends.
UNTRUSTED = "certificate_not_trusted"

_REFUSED = {
    errno.ECONNREFUSED: "it refuses the connection",
    errno.ENETUNREACH: "there is no network",
    errno.EHOSTUNREACH: "there is no route to it",
    errno.ETIMEDOUT: "it does not answer",
}


@dataclass(frozen=True)
class Unreached:
    """A host that no answer came from. ``code`` is UNTRUSTED, or "" where a later try may help."""

    host: str
    reason: str
    code: str = ""

    def __str__(self) -> str:
        return f"{self.host} cannot be reached: {self.reason}"


@dataclass(frozen=True)
class Wait:
    """A pause before the next try. ``left_s`` is about how long it will be tried if nothing changes."""

    tries: int
    delay_s: float
    left_s: float

    def __str__(self) -> str:
        return f"Next try in {self.shown_delay_s} s, and so on until about {self.until:%H:%M}."

    @property
    def shown_delay_s(self) -> int:
        """Whole seconds, and no fewer than one."""
        return max(1, round(self.delay_s))

    @property
    def until(self) -> datetime:
        """By this machine's clock and in its time zone."""
        return datetime.now().astimezone() + timedelta(seconds=self.left_s)


def wait_before_next_try(
    policy: RetryPolicy, failure: Failure, *, tries: int, delay_s: float, took_s: float
) -> Wait:
    """The pause after so many tries, if each of those that the policy has left takes as long as the last."""
    most = policy.tries if failure.status else policy.tries_without_answer
    caps = (min(policy.cap_s, policy.base_s * 2 ** min(each - 1, 32)) for each in range(tries + 1, most))
    return Wait(tries, delay_s, delay_s + sum(cap / 2 for cap in caps) + took_s * (most - tries))


def may_pass(failure: Failure) -> bool:
    """Whether the same request may work later."""
    return decide(failure, tries=1, signings=0, policy=RetryPolicy(), random=lambda: 0.0).action == "retry"


def unreached(url: str, error: Exception) -> Unreached:
    """What the library's error means for the person; the URL names the host."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2] or url
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, urllib3.exceptions.ProxyError):
            reason = "the proxy that HTTPS_PROXY or HTTP_PROXY names does not connect to it"
            return Unreached(host, reason)
        if isinstance(cause, ssl.SSLCertVerificationError):
            reason = (
                f"its certificate is not trusted on this machine ({cause.verify_message})."
                " SSL_CERT_FILE names a file of certificate authorities to trust"
            )
            return Unreached(host, reason, UNTRUSTED)
    return Unreached(host, next(filter(None, map(_reason, causes)), "the connection failed"))


def _reason(error: BaseException) -> str:
    if isinstance(error, socket.gaierror):
        return "its name is unknown here. Check the address and the network"
    if isinstance(error, urllib3.exceptions.ConnectTimeoutError | urllib3.exceptions.ReadTimeoutError):
        return "it does not answer"
    if isinstance(error, ssl.SSLError):
        return "no encrypted connection could be made. Check whether it is http or https"
    if isinstance(error, RemoteDisconnected):
        return "the connection was closed before an answer came"
    if isinstance(error, ConnectionResetError | ConnectionAbortedError | BrokenPipeError):
        return "the connection was cut off"
    if isinstance(error, OSError) and error.errno:
        return _REFUSED.get(error.errno) or os.strerror(error.errno)
    return ""


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The innermost first: urllib3 wraps what the system says, in ``__cause__`` or in its arguments."""
    if error is None:
        return
    inner = [each for each in error.args if isinstance(each, BaseException)]
    if not inner:
        yield from _causes(error.__cause__ or error.__context__)
    for each in inner:
        yield from _causes(each)
    yield error
