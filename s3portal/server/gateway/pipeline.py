"""The gateway: a WSGI application that makes an operation of every request, and of every end of it an answer.

A request is read; a dialect says what it asks for; who sends it is proven; whether they may is decided; it is
done; the answer gets the headers of the bucket's CORS rules. Whatever fails on the way is answered in the
words of the dialect.
"""

from __future__ import annotations

import errno
import logging
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, Protocol

from s3portal.server.authority.denied import AccessDenied
from s3portal.server.gateway.access_log import AccessLog
from s3portal.server.gateway.audit import AuditLog
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.cors_answers import PREFLIGHT, answer_preflight, cors_headers
from s3portal.server.gateway.dialects.dialect import Asked, Dialect
from s3portal.server.gateway.exchange import Exchange
from s3portal.server.gateway.http_errors import s3_error_of
from s3portal.server.gateway.judged_objects import JudgedAnother
from s3portal.server.gateway.refusals import REASON_HEADER, is_told, reason_header, refusal_of
from s3portal.server.gateway.responses import LoggedBody, begin_answer
from s3portal.server.gateway.self_report import SelfReport
from s3portal.server.gateway.service import Service
from s3portal.server.http.errors import ConnectionLost, HTTPError
from s3portal.server.http.values import whole_number
from s3portal.server.wire.error_documents import error_reply
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.reply import Reply, is_streamed
from s3portal.server.wire.s3_request import S3Request, read_request

# How often an object may be replaced between the decision about it and the act.
_JUDGEMENTS_LIMIT = 10
_OUT_OF_DESCRIPTORS = (errno.EMFILE, errno.ENFILE)

log = logging.getLogger(__name__)


class Around(Protocol):
    """Something that stands between a request and its operation: what tests wrap the gateway in."""

    def answer(self, exchange: Exchange, answer: Callable[[Exchange], Reply]) -> Reply:
        """Returns the reply of ``answer``, or does something else. Raises S3Error, ConnectionLost."""

    def close(self) -> None:
        """The server stops: nobody is kept waiting any more."""


class Gateway:
    """The server as a WSGI application, for any WSGI server that gives the raw request target.

    ``dialects`` are asked in turn; the last one owns what no other claims, and answers what cannot be read.
    Before them the ``report`` of the server on itself is asked. ``audit`` is told of every other.
    ``named`` finds the bucket and the key of requests whose paths are not S3's.
    """

    def __init__(
        self,
        service: Service,
        dialects: Sequence[Dialect[Any]],
        access_log: AccessLog,
        around: Around | None = None,
        report: SelfReport | None = None,
        audit: AuditLog | None = None,
        named: Callable[[S3Request], S3Request] | None = None,
    ) -> None:
        self._audit_log = audit
        self._named = named
        self._report = report
        self._service = service
        self._dialects = dialects
        self._log = access_log
        self._around = around

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answers one request. Never raises."""
        try:
            return self._respond(environ, start_response)
        except Exception:
            log.exception("a request failed before it had an id")
            return begin_answer(Reply(500), b"", "", start_response)

    def _respond(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        request_id = secrets.token_hex(8).upper()
        try:
            request = read_request(environ, self._service.base_domain, self._service.proxies)
        except S3Error as refused:
            reply = error_reply(refused, "", request_id)
            return begin_answer(reply, _whole(reply), request_id, start_response)
        page = None if self._report is None else self._report.answer(request)
        if page is not None:
            return begin_answer(page, _whole(page), request_id, start_response)
        if self._named is not None:
            request = self._named(request)
        dialect = next(dialect for dialect in self._dialects if dialect.owns(request))
        exchange = Exchange(environ, request, request_id, dialect, self._service.storage)
        unread = self._choose(exchange)
        entry = self._log.begin(exchange.operation_name, request, request_id, self._service.metrics)
        try:
            reply = self._answer(exchange, unread)
        except ConnectionLost:
            exchange.drop()
            self._audit(exchange, 0)
            entry.answer(status=0, user=exchange.user, bytes_in=exchange.bytes_in, bytes_out=0)
            entry.end()
            return begin_answer(Reply(500), b"", request_id, start_response)
        body = reply.body
        self._audit(exchange, reply.status)
        length = reply.headers.get("Content-Length") or (0 if is_streamed(body) else len(_whole(reply)))
        entry.answer(
            status=reply.status,
            user=exchange.user,
            bytes_in=exchange.bytes_in,
            bytes_out=0 if request.method == "HEAD" else int(length),
            denied=exchange.denied,
            code=None if exchange.error is None else exchange.error.code,
        )
        if is_streamed(body):
            return begin_answer(reply, LoggedBody(body, entry), request_id, start_response)
        entry.end()
        return begin_answer(reply, _whole(reply), request_id, start_response)

    def _audit(self, exchange: Exchange, status: int) -> None:
        if self._audit_log is not None:
            self._audit_log.note(exchange, status)

    def _choose(self, exchange: Exchange) -> HTTPError | ConnectionLost | None:
        """Finds out which operation it is; returns what broke where the body had to be read for that."""
        if exchange.request.method == "OPTIONS":
            exchange.asked = Asked(PREFLIGHT, None)
            return None
        try:
            exchange.asked = exchange.dialect.ask(exchange.request, exchange.body)
        except (HTTPError, ConnectionLost) as broken:
            return broken
        return None

    def _answer(self, exchange: Exchange, unread: HTTPError | ConnectionLost | None) -> Reply:
        """Returns the reply, an error's too. Raises ConnectionLost when there is nobody to answer."""
        try:
            if unread is not None:
                raise unread
            if self._around is None:
                reply = self._perform(exchange)
            else:
                reply = self._around.answer(exchange, self._perform)
            if is_streamed(reply.body):
                small = reply.body.take_if_small()
                reply = reply if small is None else replace(reply, body=small)
        except ConnectionLost:
            raise
        except S3Error as refused:
            reply = self._refuse(exchange, refused)
        except HTTPError as refused:
            reply = exchange.error_reply(s3_error_of(refused))
        except OSError as problem:
            busy = problem.errno in _OUT_OF_DESCRIPTORS
            if not busy:
                log.exception("request %s failed", exchange.request_id)
            reply = exchange.error_reply(S3Error("SlowDown" if busy else "InternalError"))
        except Exception:
            # The last line of defence: whatever broke, the caller gets S3's words and the id to ask with.
            log.exception("request %s failed", exchange.request_id)
            reply = exchange.error_reply(S3Error("InternalError"))
        return (
            reply if exchange.operation_name == PREFLIGHT else _for_the_page(exchange, reply, self._service)
        )

    def _refuse(self, exchange: Exchange, refused: S3Error) -> Reply:
        """Returns the answer of a refusal, whose reason is noted for those who run the server."""
        if isinstance(refused, AccessDenied):
            exchange.denied = str(refused.decision)
        reply = exchange.error_reply(refused)
        if not is_told(refused):
            return reply
        refusal = refusal_of(
            refused,
            request_id=exchange.request_id,
            operation=exchange.operation_name,
            method=exchange.request.method,
            resource=exchange.request.resource,
            user=exchange.user,
        )
        if self._service.refusals is not None:
            self._service.refusals.add(refusal)
        if not self._service.explains_refusals:
            return reply
        return replace(reply, headers=reply.headers | {REASON_HEADER: reason_header(refusal.reason)})

    def _perform(self, exchange: Exchange) -> Reply:
        request, asked, dialect = exchange.request, exchange.asked, exchange.dialect
        if asked.name == PREFLIGHT:
            return answer_preflight(request, exchange.bucket_row, self._service.own_pages)
        try:
            incoming = dialect.prove(self._service.authenticator, request, exchange.body, asked)
        except S3Error as refused:
            if refused.signed:
                exchange.prove()
            raise
        caller = exchange.caller = incoming.proof.caller
        if caller.is_anonymous:
            # The one thing that S3 tells everybody: that a bucket does not exist.
            if request.bucket is not None and asked.name != "CreateBucket":
                exchange.bucket_row.require()
        else:
            exchange.prove()
            exchange.user = caller.name
        _refuse_too_long(request, self._service.upload_limit_bytes)
        if asked.operation is None:
            # Only who has proven who it is learns what there is and what not.
            if caller.is_anonymous or asked.refused is None:
                raise S3Error("AccessDenied")
            raise asked.refused
        call = exchange.call = Call(
            self._service,
            incoming.request,
            incoming.proof,
            incoming.body,
            exchange.request_id,
            exchange.bucket_row,
        )
        for left in reversed(range(_JUDGEMENTS_LIMIT)):
            try:
                dialect.authorise(call, asked.operation)
                return dialect.perform(call, asked.operation)
            except JudgedAnother:
                if not left:
                    raise
                call.judged.forget()
        raise AssertionError("unreachable")


def _refuse_too_long(request: S3Request, limit_bytes: int | None) -> None:
    """Raises EntityTooLarge for a body over the limit of this server, before any of it is read."""
    size_bytes = whole_number(request.header("content-length"))
    if limit_bytes is not None and size_bytes is not None and size_bytes > limit_bytes:
        facts = {"ProposedSize": str(size_bytes), "MaxSizeAllowed": str(limit_bytes)}
        raise S3Error("EntityTooLarge", facts=facts)


def _for_the_page(exchange: Exchange, reply: Reply, service: Service) -> Reply:
    """Returns the reply with its CORS headers; without them where the bucket's rules cannot be read: the
    reply itself, made already, is worth more."""
    try:
        added = cors_headers(exchange.request, exchange.bucket_row, service.own_pages)
    except Exception:
        log.exception("request %s: the CORS rules could not be read", exchange.request_id)
        return reply
    return replace(reply, headers=reply.headers | added) if added else reply


def _whole(reply: Reply) -> bytes:
    assert isinstance(reply.body, bytes)
    return reply.body
