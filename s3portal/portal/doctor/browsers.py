"""A request as a browser makes it for a script of the portal: with a preflight where the Fetch Standard wants
that, and its answer read as far as a script may.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from s3portal.portal.doctor.answer import Answer
from s3portal.portal.doctor.connection import SHORT_BODY_BYTES, Connection
from s3portal.portal.doctor.fetch_cors import CrossOriginRequest, preflight_problem


@dataclass(frozen=True)
class Preflight:
    """The answer to the OPTIONS before a request. ``problem``: why the request is not sent, None where it is.

    ``signature_is_checked``: without the signature in the URL the store would have allowed it.
    """

    answer: Answer | None
    problem: str | None
    signature_is_checked: bool = False


class Browser:
    """Pages of one origin, open in a browser."""

    def __init__(self, connection: Connection, origin: str) -> None:
        self._connection = connection
        self.origin = origin

    def request(
        self, method: str, *, headers: Mapping[str, str] | None = None, watched: bool = False
    ) -> CrossOriginRequest:
        """A request of a script; ``watched`` where it listens to the progress of sending."""
        return CrossOriginRequest(self.origin, method, tuple((headers or {}).items()), watched=watched)

    def preflight(self, request: CrossOriginRequest, url: str) -> Preflight:
        """Sends a preflight if the request needs one. Raises NoAnswer."""
        if not request.needs_preflight:
            return Preflight(None, None)
        answer = self._connection.send("OPTIONS", url, request.preflight_headers())
        problem = preflight_problem(request, answer.status, answer.headers)
        if problem is None or "?" not in url:
            return Preflight(answer, problem)
        bare = self._connection.send("OPTIONS", url.partition("?")[0], request.preflight_headers())
        allowed_unsigned = preflight_problem(request, bare.status, bare.headers) is None
        return Preflight(answer, problem, signature_is_checked=allowed_unsigned)

    def send(
        self,
        request: CrossOriginRequest,
        url: str,
        body: bytes | None = None,
        *,
        read_bytes: int = SHORT_BODY_BYTES,
    ) -> Answer:
        """Sends the request itself. Raises NoAnswer."""
        headers = [
            ("Accept", "*/*"),
            ("Origin", self.origin),
            ("Referer", f"{self.origin}/"),
            *request.headers,
        ]
        return self._connection.send(request.sent_method, url, headers, body, read_bytes=read_bytes)

    def visit(self, url: str, *, read_bytes: int = SHORT_BODY_BYTES) -> Answer:
        """Follows a link, as a reader does: no script is involved. Raises NoAnswer."""
        headers = [("Accept", "*/*"), ("Referer", f"{self.origin}/")]
        return self._connection.send("GET", url, headers, read_bytes=read_bytes)
