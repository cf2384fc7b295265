"""What a dialect knows: which requests are its own, what they ask for, who sends them, how it answers."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from s3portal.server.access.authenticator import Authenticator
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.operation import Incoming
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.reply import Reply
from s3portal.server.wire.s3_request import S3Request

UNKNOWN = "Unknown"
Row = TypeVar("Row")


@dataclass(frozen=True)
class Asked(Generic[Row]):
    """What a request asks for, before it is known who asks.

    ``name`` is the operation's, for the log and for faults. Without an ``operation``, ``refused`` says what
    is wrong; its sender learns that only after having proven who it is. ``content`` is the body where it had
    to be read to find this out: a form where ``is_form``, else JSON.
    """

    name: str
    operation: Row | None
    refused: S3Error | None = None
    content: bytes | None = None
    is_form: bool = False


class Dialect(Protocol[Row]):
    """One way to write requests, replies and errors. The gateway asks its dialects in turn."""

    def owns(self, request: S3Request) -> bool:
        """Whether a request is written in this dialect."""

    def ask(self, request: S3Request, body: io.RawIOBase) -> Asked[Row]:
        """Returns what a request asks for. Raises HTTPError and ConnectionLost where it reads the body."""

    def prove(
        self, authenticator: Authenticator, request: S3Request, body: io.RawIOBase, asked: Asked[Row]
    ) -> Incoming:
        """Returns the request with the proof of who sent it. Raises S3Error."""

    def authorise(self, call: Call, operation: Row) -> None:
        """Raises AccessDenied unless the caller may do this, and whatever else is known before it is done."""

    def perform(self, call: Call, operation: Row) -> Reply:
        """Does what was asked for. Raises S3Error."""

    def error_reply(self, error: S3Error, request: S3Request, request_id: str) -> Reply:
        """Returns an error as this dialect writes it."""
