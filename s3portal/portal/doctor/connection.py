"""Requests as a browser makes them: no redirect is followed, and every header of the answer kept.

They go through botocore's own HTTP session, so that the proxies and certificates of this computer count as
they do for the portal.
"""

import os
import socket
import ssl
from collections.abc import Iterator
from datetime import datetime, timezone
from enum import Enum
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError

from s3portal.portal.doctor.answer import Answer
from s3portal.portal.doctor.fetch_cors import Headers
from s3portal.transfer import TransferSettings

if TYPE_CHECKING:
    from botocore.httpsession import URLLib3Session

_CONNECT_TIMEOUT_S = 5
_READ_TIMEOUT_S = 10
_CONNECTIONS = 8
#: What is read of an answer that is not expected to be a file.
SHORT_BODY_BYTES = 64 * 1024
_USER_AGENT = "Mozilla/5.0 (compatible; s3portal doctor)"


class Silence(Enum):
    """Why there is no answer."""

    NO_SUCH_HOST = "its host name cannot be resolved here (DNS)"
    REFUSED = "nothing listens there (connection refused)"
    TIMEOUT = "no answer came in time"
    TLS = "the encrypted connection failed (TLS)"
    BROKEN = "the connection broke"


class NoAnswer(Exception):
    """The server did not answer. ``detail`` is what the library said."""

    def __init__(self, url: str, silence: Silence, detail: str) -> None:
        self.url = url
        self.silence = silence
        self.detail = detail
        super().__init__(f"{url}: {silence.value}: {detail}")


class Connection:
    """Sends requests, and follows no redirect. Safe in threads."""

    def __init__(self, settings: TransferSettings) -> None:
        self._verify = _certificates(settings)
        self._sessions: dict[str, URLLib3Session] = {}

    def send(
        self,
        method: str,
        url: str,
        headers: Headers = (),
        body: bytes | None = None,
        *,
        read_bytes: int = SHORT_BODY_BYTES,
        tries: int = 2,
    ) -> Answer:
        """The answer, with at most ``read_bytes`` of its body. What got no answer although someone listens
        is sent again, as uploaders and readers do. Raises NoAnswer.
        """
        for _ in range(tries - 1):
            try:
                return self._send_once(method, url, headers, body, read_bytes)
            except NoAnswer as error:
                if error.silence not in (Silence.TIMEOUT, Silence.BROKEN):
                    raise
        return self._send_once(method, url, headers, body, read_bytes)

    def _send_once(
        self, method: str, url: str, headers: Headers, body: bytes | None, read_bytes: int
    ) -> Answer:
        # Whoever looks at a finding only does not need them, and they take long to load.
        from botocore.awsrequest import AWSPreparedRequest, HeadersDict
        from urllib3.exceptions import HTTPError

        named = HeadersDict()
        for name, value in (("User-Agent", _USER_AGENT), *headers):
            named[name] = value
        request = AWSPreparedRequest(method, url, named, body, True)  # type: ignore[arg-type]
        sent_at = _now()
        try:
            response = self._session_for(url).send(request)
            answered_at = _now()
            content = b"" if method == "HEAD" else response.raw.read(read_bytes)
            raw_headers = tuple(response.raw.headers.iteritems())
            response.raw.close()
        except (BotoCoreError, HTTPError, OSError) as error:
            raise NoAnswer(_without_query(url), silence_of(error), _innermost(error)) from error
        return Answer(response.status_code, raw_headers, content, sent_at + (answered_at - sent_at) / 2)

    def _session_for(self, url: str) -> "URLLib3Session":
        from botocore.httpsession import URLLib3Session
        from botocore.utils import get_environ_proxies

        place = "{0.scheme}://{0.netloc}".format(urlsplit(url))
        if place not in self._sessions:
            self._sessions[place] = URLLib3Session(
                verify=self._verify,  # type: ignore[arg-type]
                proxies=get_environ_proxies(url),
                timeout=(_CONNECT_TIMEOUT_S, _READ_TIMEOUT_S),  # type: ignore[arg-type]
                max_pool_connections=_CONNECTIONS,
            )
        return self._sessions[place]


def silence_of(error: BaseException) -> Silence:
    """Why there was no answer, from whatever the libraries raised."""
    for each in _chain(error):
        if isinstance(each, socket.gaierror):
            return Silence.NO_SUCH_HOST
        if isinstance(each, ssl.SSLError):
            return Silence.TLS
        if isinstance(each, ConnectionRefusedError):
            return Silence.REFUSED
        # urllib3 has its own for both, which it raises from no other.
        name = type(each).__name__
        if isinstance(each, TimeoutError) or "Timeout" in name:
            return Silence.TIMEOUT
        if name == "NameResolutionError":
            return Silence.NO_SUCH_HOST
    return Silence.BROKEN


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what it came from, the innermost first."""
    seen: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in seen:
        seen.append(current)
        reason = getattr(current, "reason", None)
        current = reason if isinstance(reason, BaseException) else current.__cause__ or current.__context__
    yield from reversed(seen)


def _innermost(error: BaseException) -> str:
    innermost = next(_chain(error))
    return str(innermost) or type(innermost).__name__


def _certificates(settings: TransferSettings) -> str | bool:
    """What botocore's clients verify certificates with: a file, or its own list."""
    import botocore.session

    try:
        configured = botocore.session.Session(profile=settings.s3_profile or None).get_config_variable(
            "ca_bundle"
        )
    except BotoCoreError:
        configured = None
    return configured or os.environ.get("REQUESTS_CA_BUNDLE") or True


def _without_query(url: str) -> str:
    return url.partition("?")[0]


def _now() -> datetime:
    return datetime.now(timezone.utc)
