"""boto3 clients whose requests go to the server's gateway in this process, signed with a user's key.

They are what any other program would use, so that whatever the console does is decided, counted and logged
like a request that came over the network. No byte of a file passes here: links send browsers to the
store itself.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import botocore.session
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSPreparedRequest, AWSRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.credentials import Credentials

#: Any WSGI application: of the server's gateway this is all that has to be known.
Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_ENDPOINT = "http://inside.invalid"
#: What a redirect, a retry or an expectation would add belongs to networks.
_CONFIG = Config(
    s3={"addressing_style": "path"},
    retries={"total_max_attempts": 1},
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
    signature_version="s3v4",
)
_UNCHECKED = Config(retries={"total_max_attempts": 1}, parameter_validation=False)


@dataclass(frozen=True)
class Key:
    """What signs a user's requests. ``session_token`` is there for temporary credentials."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None


@dataclass(frozen=True)
class Visitor:
    """From where a person calls the console: policies may ask for it. ``scheme`` is http or https."""

    address: str
    scheme: str


class GatewayClients:
    """Makes clients for one gateway. What takes time, reading the services' descriptions, is done once."""

    def __init__(self, gateway: Application, region: str) -> None:
        self._gateway = gateway
        self._region = region
        self._session = botocore.session.Session()
        # The configuration of the account that runs the server is nobody's.
        self._session.set_config_variable("profile", None)
        self._lock = threading.Lock()

    def client(self, service: str, key: Key, visitor: Visitor) -> Any:
        """Returns a client of ``s3``, ``sts``, ``iam`` or ``kms`` that calls as the owner of the key."""
        with self._lock:
            # botocore's sessions are not safe for several threads; its clients are.
            client = self._session.create_client(
                service,
                region_name=self._region,
                endpoint_url=_ENDPOINT,
                aws_access_key_id=key.access_key_id,
                aws_secret_access_key=key.secret_access_key,
                aws_session_token=key.session_token,
                # S3's documents are checked before they are sent; IAM's names are the server's affair.
                config=_CONFIG if service == "s3" else _UNCHECKED,
            )
        self.lead_inside(client, visitor)
        return client

    @property
    def endpoint(self) -> str:
        """The address that a client has that is led inside: nothing is ever sent there."""
        return _ENDPOINT

    def lead_inside(self, client: Any, visitor: Visitor) -> None:
        """Makes the requests of a boto3 client go to the gateway."""
        # Not by the event before-send: what obeys deadlines there sends by this one, too.
        client._endpoint.http_session.send = partial(self._send, visitor)

    def call(
        self, key: Key, visitor: Visitor, method: str, path: str, query: str = "", body: bytes = b""
    ) -> AWSResponse:
        """Sends a signed request that is none of S3's own, as that of a quota; ``path`` is encoded."""
        url = f"{_ENDPOINT}{path}" + (f"?{query}" if query else "")
        request = AWSRequest(method, url, data=body)
        credentials = Credentials(key.access_key_id, key.secret_access_key, key.session_token)
        S3SigV4Auth(credentials, "s3", self._region).add_auth(request)
        return self._send(visitor, request.prepare())

    def link(
        self, key: Key, store_url: str, operation: str, parameters: dict[str, Any], lifetime_s: int
    ) -> str:
        """Returns a presigned URL at the store's public address; ``lifetime_s`` is in seconds."""
        with self._lock:
            client: Any = self._session.create_client(
                "s3",
                region_name=self._region,
                endpoint_url=store_url,
                aws_access_key_id=key.access_key_id,
                aws_secret_access_key=key.secret_access_key,
                aws_session_token=key.session_token,
                config=_CONFIG,
            )
        url: str = client.generate_presigned_url(operation, Params=parameters, ExpiresIn=lifetime_s)
        return url

    def _send(self, visitor: Visitor, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        url = urlsplit(request.url)
        content = _whole(request.body)
        target = url.path + (f"?{url.query}" if url.query else "")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": request.method,
            "REQUEST_URI": target,
            "SCRIPT_NAME": "",
            "PATH_INFO": url.path,
            "QUERY_STRING": url.query,
            "SERVER_NAME": url.hostname,
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": visitor.address,
            "wsgi.url_scheme": visitor.scheme,
            "wsgi.input": _Body(content),
            "HTTP_HOST": url.netloc,
            "CONTENT_LENGTH": str(len(content)),
        }
        for name, value in request.headers.items():
            text = value.decode("latin-1") if isinstance(value, bytes) else value
            wsgi_name = name.upper().replace("-", "_")
            environ[wsgi_name if wsgi_name == "CONTENT_TYPE" else f"HTTP_{wsgi_name}"] = text
        answer = _Answer()
        chunks = self._gateway(environ, answer.start)
        try:
            whole = b"".join(chunks)
        finally:
            close = getattr(chunks, "close", None)
            if close:
                close()
        headers = HTTPHeaders.from_pairs(answer.headers)
        return AWSResponse(request.url, answer.status, headers, _Raw(whole))


def _whole(body: Any) -> bytes:
    if isinstance(body, str):
        return body.encode()
    return bytes(body or b"") if not hasattr(body, "read") else body.read()


class _Body(io.BytesIO):
    """The gateway asks how much of a body was read."""

    @property
    def bytes_in(self) -> int:
        return self.tell()


class _Raw(io.BytesIO):
    """What botocore reads of an HTTP response."""

    def stream(self, *_: Any, **__: Any) -> Iterable[bytes]:
        while piece := self.read(64 * 1024):
            yield piece


class _Answer:
    def __init__(self) -> None:
        self.status = 500
        self.headers: list[tuple[str, str]] = []

    def start(self, status: str, headers: list[tuple[str, str]], _: Any = None) -> Callable[[bytes], None]:
        self.status = int(status[:3])
        self.headers = headers
        return lambda _chunk: None
