"""One request on its way to an answer."""

from __future__ import annotations

import io
from typing import Any

from s3portal.server.authority.callers import Caller
from s3portal.server.gateway.bucket_row import BucketRow
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.dialects.dialect import UNKNOWN, Asked, Dialect
from s3portal.server.http.connection import CONNECTION_KEY
from s3portal.server.storage.storage import Storage
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.reply import Reply
from s3portal.server.wire.s3_request import S3Request


class Exchange:
    """A request, what is known of it by now, and the connection under it.

    ``body`` may be replaced by what changes it on its way. ``user`` is the caller's name, once proven;
    ``caller`` whoever it is by now; ``call`` is there once it is known what is asked for, and by whom.
    ``error`` is what it is answered with.
    """

    def __init__(
        self,
        environ: dict[str, Any],
        request: S3Request,
        request_id: str,
        dialect: Dialect[Any],
        storage: Storage,
    ) -> None:
        self._environ = environ
        self.request = request
        self.request_id = request_id
        self.dialect = dialect
        self.body: io.RawIOBase = environ["wsgi.input"]
        self.asked: Asked[Any] = Asked(UNKNOWN, None)
        self.user: str | None = None
        self.caller: Caller | None = None
        self.call: Call | None = None
        self.error: S3Error | None = None
        #: Why the caller may not do this.
        self.denied: str | None = None
        self.bucket_row = BucketRow(storage, request.bucket)

    @property
    def operation_name(self) -> str:
        return self.asked.name

    @property
    def bytes_in(self) -> int:
        """How much of the body was read."""
        return int(getattr(self._environ["wsgi.input"], "bytes_in", 0))

    @property
    def key(self) -> str | None:
        """The object's, which a form has in its body."""
        return self.request.key if self.call is None else self.call.request.key

    def error_reply(self, error: S3Error) -> Reply:
        """Returns an error in the words of the request's dialect."""
        self.error = error
        return self.dialect.error_reply(error, self.request, self.request_id)

    def prove(self) -> None:
        """Tells the HTTP server, where it is ours, that the caller's signature is right."""
        connection = self._environ.get(CONNECTION_KEY)
        if connection is not None:
            connection.prove()

    def drop(self) -> None:
        """Resets the connection, where the HTTP server lets us (ours does; others answer a bare 500)."""
        connection = self._environ.get(CONNECTION_KEY)
        if connection is not None:
            connection.drop()
