"""Sends a bucket's requests, and sends them again until they are through or are refused for good."""

import os
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar
from urllib.parse import urlsplit

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    ReadTimeoutError,
    SSLError,
)

from s3portal import __version__
from s3portal.buckets.direct.answers import Node, read_xml
from s3portal.buckets.direct.connection import Body, ClosedEarly, Connection, Head, NoHttp
from s3portal.buckets.direct.pieces import Piece
from s3portal.buckets.direct.pool import CannotConnect, Pool
from s3portal.buckets.direct.signing import HeaderSigner, encoded_query
from s3portal.buckets.parallel import Throttle, pause
from s3portal.transfer import (
    Failure,
    RetryPolicy,
    Store,
    decide,
    encoded_key,
    open_store,
    parse_retry_after,
)

_POLICY = RetryPolicy(tries=8, tries_without_answer=8)
#: A store that asks for patience gets more of it.
_POLICY_WHILE_BUSY = RetryPolicy(tries=15, tries_without_answer=8)
_BUSY = frozenset({429, 503})
#: Whoever mistypes an address wants to know it soon.
_POLICY_BEFORE_ANY_ANSWER = RetryPolicy(tries=4, tries_without_answer=3)
#: Credentials of roles are renewed by botocore; asking it costs more than signing.
_KEYS_LIVE_S = 60.0
#: Redirects to another region, and AuthorizationHeaderMalformed.
_WRONG_REGION = frozenset({301, 307, 400, 403})
_ERROR_INSIDE = re.compile(rb"\s*(<\?xml[^>]*\?>)?\s*<Error[\s>]")
_USER_AGENT = f"user-agent: s3portal/{__version__}"

_Used = TypeVar("_Used")
_Some = TypeVar("_Some")


class RequestFailed(Exception):
    """The store refused, or did not answer in several tries. ``failure`` has its status and code."""

    def __init__(
        self, failure: Failure, request_id: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(str(failure))
        self.failure = failure
        self.request_id = request_id
        self.headers = headers or {}

    @property
    def changed_meanwhile(self) -> bool:
        """Whether a condition failed: something else is there than was listed."""
        return self.failure.status in (409, 412)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of 2xx, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def xml(self) -> Node:
        """Raises ValueError."""
        return read_xml(self.body)


@dataclass
class Streamed:
    """An answer of 2xx that is being read, as ``blocks`` or as ``pieces`` that go into a file; both raise
    OSError where it breaks off."""

    status: int
    headers: Mapping[str, str]
    blocks: Iterator[memoryview]
    pieces: Iterator[Piece]


@dataclass
class Direct:
    """Requests about one bucket, from many threads. Made by ``direct``."""

    store: Store
    throttle: Throttle = field(default_factory=Throttle)
    sleep: Callable[[float], None] = pause
    #: Off, nothing is sent again that the store may have carried out without an answer.
    patient: bool = True
    _signer: tuple[HeaderSigner, float] | None = None
    _has_answered: bool = False

    def __post_init__(self) -> None:
        self._go_to(self.store.region)

    def call(
        self,
        operation: str,
        method: str,
        key: str = "",
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Body = b"",
    ) -> Answer:
        """As ``ask``, but raises what boto3 would raise of the operation: ClientError, BotoCoreError."""
        try:
            return self.ask(method, key, query, headers, body)
        except RequestFailed as error:
            raise as_boto3(error, operation, self._origin) from error

    def ask(
        self,
        method: str,
        key: str = "",
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Body = b"",
    ) -> Answer:
        """The answer to a request about the bucket, or about the object of ``key``. Header names are in small
        letters. Raises RequestFailed, and what ``Store.credentials`` raises."""

        def whole(pool: Pool, connection: Connection, head: Head) -> Answer:
            answer = Answer(head.status, head.headers, connection.read(head, method))
            pool.give_back(connection)
            # A copy may fail after it has begun to answer 200 (S3 API Reference, CopyObject).
            if answer.body and method != "GET" and _ERROR_INSIDE.match(answer.body):
                raise RequestFailed(_failure(500, head, answer.body))
            return answer

        return self._retried(_Request(method, key, encoded_query(query or {}), headers or {}, body), whole)

    @contextmanager
    def stream(self, method: str, key: str, headers: Mapping[str, str]) -> Iterator[Streamed]:
        """The same, for an answer that is read piece by piece inside."""
        pool, connection, head = self._retried(
            _Request(method, key, "", headers, b""), lambda *opened: opened
        )
        is_through = False

        def noticed(body: Iterator[_Some]) -> Iterator[_Some]:
            nonlocal is_through
            yield from body
            is_through = True

        blocks, pieces = connection.blocks(head, method), connection.pieces(head, method)
        try:
            yield Streamed(head.status, head.headers, noticed(blocks), noticed(pieces))
        finally:
            if is_through:
                pool.give_back(connection)
            else:
                connection.close()

    def _retried(self, request: "_Request", use: Callable[[Pool, Connection, Head], _Used]) -> _Used:
        tries = signings = moves = 0
        while True:
            self.throttle.wait()
            try:
                used = self._once(request, use)
            except RequestFailed as error:
                failed = error
            except OSError as error:
                failed = RequestFailed(Failure(0, type(error).__name__, str(error)))
                failed.__cause__ = error
            else:
                self.throttle.went_well()
                return used
            tries += 1
            failure = failed.failure
            if failure.status in _BUSY:
                self.throttle.slow_down()
            region = failed.headers.get("x-amz-bucket-region", "")
            if region and region != self._region and failure.status in _WRONG_REGION and moves < 2:
                moves += 1
                self._go_to(region)
                continue
            policy = _POLICY if self._has_answered else _POLICY_BEFORE_ANY_ANSWER
            if failure.status in _BUSY:
                policy = _POLICY_WHILE_BUSY
            decision = decide(failure, tries=tries, signings=signings, policy=policy, random=random.random)
            unsure = failure.status not in _BUSY and decision.action == "retry"
            if decision.action == "stop" or (unsure and not self.patient):
                raise failed
            if decision.action == "sign":
                tries, signings = tries - 1, signings + 1
                self._signer = None
            self.sleep(decision.delay_s)

    def _once(self, request: "_Request", use: Callable[[Pool, Connection, Head], _Used]) -> _Used:
        pool = self._pool
        head_bytes = self._head_of(request)
        while True:
            connection, was_used = pool.take()
            try:
                head = connection.send(head_bytes, request.body)
                self._has_answered = True
                if head.status >= 300:
                    body = connection.read(head, request.method)
                    pool.give_back(connection)
                    raise RequestFailed(
                        _failure(head.status, head, body),
                        head.headers.get("x-amz-request-id", ""),
                        head.headers,
                    )
                return use(pool, connection, head)
            except ClosedEarly as error:
                connection.close()
                # The other side ends what was idle for long; this says nothing about the request.
                if not (was_used and error.unanswered and self.patient):
                    raise
            except OSError:
                connection.close()
                raise

    def _head_of(self, request: "_Request") -> bytes:
        path = self._address.base_path + encoded_key(request.key)
        if not request.key and len(path) > 1:
            path = path.rstrip("/")
        timestamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        headers = {**request.headers, "host": self._address.host}
        if self.store.signed:
            headers = self._current_signer().signed(
                request.method, path, request.query, request.headers, request.body, timestamp
            )
        target = self._pool.target_prefix + path + (f"?{request.query}" if request.query else "")
        lines = [f"{request.method} {target} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        lines += [f"{name}: {value}" for name, value in self._pool.proxy_headers.items()]
        lines += [f"content-length: {len(request.body)}"] if request.body or request.method != "GET" else []
        return "\r\n".join((*lines, _USER_AGENT, "", "")).encode("latin-1")

    def _current_signer(self) -> HeaderSigner:
        found = self._signer
        if found is None or time.monotonic() - found[1] > _KEYS_LIVE_S:
            signer = HeaderSigner(self._address.host, self._region, self.store.credentials())
            found = self._signer = (signer, time.monotonic())
        return found[0]

    def _go_to(self, region: str) -> None:
        """Sends further requests to this region: S3 names it where a bucket is asked for in another one."""
        settings = self.store.settings
        place = self.store
        if settings.s3_public_endpoint or region != settings.s3_region:
            place = open_store(replace(settings, s3_region=region, s3_public_endpoint=""))
        self._region, self._address, self._signer = region, place.address, None
        parts = urlsplit(self._address.base_url)
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._pool = self.store.once(f"pool of {self._origin}", lambda: Pool(self._origin, self._ca_bundle()))

    def _ca_bundle(self) -> str:
        bundle = os.environ.get("AWS_CA_BUNDLE", "")
        if bundle or self.store.keys is not None:
            return bundle
        # What a profile says; boto3 has been asked for the keys anyway.
        found = self.store.session()._session.get_config_variable("ca_bundle")
        return str(found or "")


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    key: str
    query: str
    headers: Mapping[str, str]
    body: Body


def direct(store: Store) -> Direct:
    """The bucket's requests in this process; its connections are those of all buckets of the store."""
    return store.once(f"direct {store.bucket}", lambda: Direct(store))


def as_boto3(error: RequestFailed, operation: str, origin: str) -> ClientError | BotoCoreError:
    """The error that boto3 would have raised, by which causes are found (the doctor's)."""
    failure, cause = error.failure, error.__cause__
    if not isinstance(cause, Exception):
        cause = error
    if failure.status:
        response: Any = {
            "Error": {"Code": failure.code or str(failure.status), "Message": failure.message},
            "ResponseMetadata": {
                "HTTPStatusCode": failure.status,
                "RequestId": error.headers.get("x-amz-request-id", ""),
                "HTTPHeaders": dict(error.headers),
            },
        }
        return ClientError(response, operation)
    if isinstance(cause, CannotConnect):
        timed_out = isinstance(cause.__cause__, TimeoutError)
        kind = ConnectTimeoutError if timed_out else EndpointConnectionError
        return kind(endpoint_url=origin, error=cause)
    if isinstance(cause, TimeoutError):
        return ReadTimeoutError(endpoint_url=origin, error=cause)
    if type(cause).__module__ == "ssl":
        return SSLError(endpoint_url=origin, error=cause)
    if isinstance(cause, NoHttp):
        return HTTPClientError(error=cause)
    return ConnectionClosedError(endpoint_url=origin, error=cause)


def _failure(status: int, head: Head, body: bytes) -> Failure:
    text = body[:10_000].decode("utf-8", "replace")
    return Failure(
        status=status,
        code=_element(text, "Code"),
        message=_element(text, "Message") or head.reason,
        retry_after_s=parse_retry_after(head.headers.get("retry-after")),
    )


def _element(xml: str, name: str) -> str:
    match = re.search(f"<{name}>([^<]*)</{name}>", xml)
    return _unescaped(match[1]) if match else ""


def _unescaped(text: str) -> str:
    for entity, character in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"), ("&#39;", "'")):
        text = text.replace(entity, character)
    return text.replace("&amp;", "&")
