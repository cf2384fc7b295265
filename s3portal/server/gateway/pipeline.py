"""The Flask application: every request becomes an operation; every answer, errors too, speaks S3."""

from __future__ import annotations

import errno
import logging
import secrets
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any

from flask import Flask, Response
from flask import request as flask_request

from s3portal.server.access.authenticator import Anonymous
from s3portal.server.api.objects.object_body import ObjectBody
from s3portal.server.api.objects.object_headers import refuse_unsupported
from s3portal.server.api.objects.posting import open_form
from s3portal.server.api.sts import BODY_LIMIT_BYTES, action_of, answer_sts, sts_error
from s3portal.server.bucket_settings import cors
from s3portal.server.faults import Fault, Faults, FaultyInput
from s3portal.server.gateway.access_log import AccessLog
from s3portal.server.gateway.responses import S3Response, StreamedBody, drop, error_reply, prove, response_of
from s3portal.server.gateway.routes import POST_OBJECT, Operation, find_operation, is_sts
from s3portal.server.gateway.service import Call, Service, context_of, resource_of
from s3portal.server.storage import buckets
from s3portal.server.wire.errors import ConnectionLost, S3Error
from s3portal.server.wire.reply import Reply
from s3portal.server.wire.s3_request import S3Request, read_request

_OUT_OF_DESCRIPTORS = (errno.EMFILE, errno.ENFILE)

log = logging.getLogger(__name__)


def create_app(service: Service, access_log: AccessLog, faults: Faults) -> Flask:
    """Returns the server as a WSGI application, for any WSGI server that gives the raw request target."""
    app = Flask("s3portal.server", static_folder=None)
    gateway = Gateway(service, access_log, faults)

    # Not routes: keys are any bytes, and a router would decode, merge and redirect what SigV4 has signed.
    @app.before_request
    def answer() -> Response:
        return gateway.respond(flask_request.environ)

    return app


class Gateway:
    """From a WSGI environment to a response: reads, logs, breaks on demand, dispatches, reports errors."""

    def __init__(self, service: Service, access_log: AccessLog, faults: Faults) -> None:
        self._service = service
        self._log = access_log
        self._faults = faults

    def respond(self, environ: dict[str, Any]) -> Response:
        """Answers one request. Never raises."""
        request_id = secrets.token_hex(8).upper()
        try:
            request = read_request(environ, self._service.base_domain)
        except S3Error as refused:
            return response_of(error_reply(refused, "", request_id), request_id)
        exchange = _Exchange(
            self._service, request, environ["wsgi.input"], request_id, partial(prove, environ)
        )
        try:
            exchange.choose()
        except S3Error as refused:
            exchange.refused = refused
        entry = self._log.begin(exchange.operation_name, request, request_id)
        self._faults.wait_while_held(exchange.operation_name)
        fault = self._faults.next_for(exchange.operation_name, request.headers)
        try:
            reply = exchange.answer(fault)
        except ConnectionLost:
            drop(environ)
            entry.answer(status=0, user=exchange.user, bytes_in=_bytes_in(environ), bytes_out=0)
            entry.end()
            return S3Response(status=500)
        body = reply.body
        bytes_out = (
            0 if request.method == "HEAD" else int(reply.headers.get("Content-Length", len(_bytes(body))))
        )
        entry.answer(
            status=reply.status, user=exchange.user, bytes_in=_bytes_in(environ), bytes_out=bytes_out
        )
        if isinstance(body, ObjectBody):
            reply = replace(reply, body=StreamedBody(body, entry, fault, environ))
        else:
            entry.end()
        return response_of(reply, request_id)


class _Exchange:
    """One request on its way to an answer."""

    def __init__(
        self, service: Service, request: S3Request, body: Any, request_id: str, on_proof: Callable[[], None]
    ) -> None:
        self._service = service
        self._on_proof = on_proof
        self._request = request
        self._body = body
        self._request_id = request_id
        self._sts_body: bytes | None = None
        self._operation: Operation | None = None
        self.operation_name = "Unknown"
        self.user: str | None = None
        self.refused: S3Error | None = None

    def choose(self) -> None:
        """Finds out which operation it is; raises S3Error when it is none."""
        if self._request.method == "OPTIONS":
            self.operation_name = "Preflight"
        elif is_sts(self._request):
            self._sts_body = _read_limited(self._body)
            self.operation_name = action_of(self._sts_body)
        else:
            self._operation = find_operation(self._request)
            self.operation_name = self._operation.name

    def answer(self, fault: Fault | None) -> Reply:
        """Returns the reply, an error's too, with CORS headers where the bucket's rules allow the origin.

        Raises ConnectionLost when there is nobody to answer.
        """
        try:
            if fault:
                # A fault is what happens to callers in good standing: their bodies are drained, too.
                self._on_proof()
                self._apply(fault)
            reply = self._dispatch()
            if fault and fault.lose_answer:
                raise ConnectionLost("the answer was lost by a fault")
            if isinstance(reply.body, ObjectBody) and not fault:
                small = reply.body.take_if_small()
                reply = reply if small is None else replace(reply, body=small)
        except S3Error as error:
            reply = self._reply_to(error)
        except ConnectionLost:
            raise
        except OSError as problem:
            if problem.errno not in _OUT_OF_DESCRIPTORS:
                log.exception("request %s failed", self._request_id)
            busy = problem.errno in _OUT_OF_DESCRIPTORS
            reply = self._reply_to(S3Error("SlowDown" if busy else "InternalError"))
        except Exception:
            # The last line of defence: whatever broke, the caller gets S3's words and the id to ask with.
            log.exception("request %s failed", self._request_id)
            reply = self._reply_to(S3Error("InternalError"))
        return replace(reply, headers=reply.headers | self._cors_headers(reply))

    def _dispatch(self) -> Reply:
        request = self._request
        if self.operation_name == "Preflight":
            return self._preflight()
        if self._sts_body is not None:
            reply, self.user = answer_sts(self._service, request, self._sts_body, self._request_id)
            self._on_proof()
            return reply
        if self.refused and is_sts(request):
            raise self.refused
        body = self._body
        try:
            if self._operation is POST_OBJECT:
                request, body, proof = open_form(self._service.authenticator, request, body)
            else:
                proof = self._service.authenticator.authenticate(request)
        except Anonymous:
            # The one thing that S3 tells everybody: that a bucket does not exist.
            if request.bucket is not None and (
                self._operation is None or self._operation.name != "CreateBucket"
            ):
                buckets.find(self._service.storage, request.bucket)
            raise
        except S3Error as refused:
            if refused.signed:
                self._on_proof()
            raise
        self._on_proof()
        self.user = proof.caller.name
        # Only who has proven who it is learns what there is and what not.
        if self.refused or self._operation is None:
            raise self.refused or S3Error("MethodNotAllowed")
        operation = self._operation
        context = context_of(request, operation.conditional, operation.creates_object)
        if operation.action and not proof.caller.may(operation.action, resource_of(request), context):
            raise S3Error("AccessDenied")
        refuse_unsupported(request)
        return operation.handler(Call(self._service, request, proof, body, self._request_id))

    def _preflight(self) -> Reply:
        if self._request.bucket is None:
            raise S3Error("AccessForbidden")
        bucket = buckets.find(self._service.storage, self._request.bucket)
        return Reply(200, cors.preflight(cors.stored_rules(bucket.cors), self._request.headers))

    def _cors_headers(self, reply: Reply) -> dict[str, str]:
        """Errors carry them too: without them a script sees a network failure instead of S3's answer."""
        request = self._request
        if self.operation_name == "Preflight" or request.bucket is None:
            return {}
        try:
            rules = cors.stored_rules(buckets.find(self._service.storage, request.bucket).cors)
        except S3Error:
            return {}
        origin = request.header("origin")
        rule = cors.first_match(rules, origin, request.method) if origin else None
        if rule is None:
            # A cache must not give this answer to a page of another origin.
            return {"Vary": cors.VARY} if rules else {}
        return rule.answer_headers(origin or "")

    def _apply(self, fault: Fault) -> None:
        if fault.drop:
            raise ConnectionLost("dropped by a fault")
        if fault.error:
            raise fault.error
        if fault.cut_body_at is not None or fault.corrupt:
            self._body = FaultyInput(self._body, fault)

    def _reply_to(self, error: S3Error) -> Reply:
        if self._sts_body is not None:
            return sts_error(error, self._request_id)
        return error_reply(error, self._request.resource, self._request_id)


def _read_limited(body: Any) -> bytes:
    buffer = memoryview(bytearray(BODY_LIMIT_BYTES + 1))
    filled = 0
    while count := body.readinto(buffer[filled:]):
        filled += count
    if filled > BODY_LIMIT_BYTES:
        raise S3Error("MaxMessageLengthExceeded")
    return bytes(buffer[:filled])


def _bytes_in(environ: dict[str, Any]) -> int:
    return int(getattr(environ["wsgi.input"], "bytes_in", 0))


def _bytes(body: bytes | Iterable[bytes]) -> bytes:
    return body if isinstance(body, bytes) else b""
