"""Connections to one server that wait for their next request; TLS, and proxies that the environment names."""

import base64
import os
import select
import socket
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from s3portal.buckets.direct.connection import Connection, NoHttp

if TYPE_CHECKING:
    from ssl import SSLContext

_CONNECT_TIMEOUT_S = 15.0
#: The longest silence of a store that is at work.
_READ_TIMEOUT_S = 120.0
#: More are closed after their use.
_MOST_WAITING = 64


class CannotConnect(OSError):
    """There is no connection to the server."""


class Pool:
    """Safe in threads. ``origin`` is the scheme and host of a store, such as https://s3.example.org:9000;
    ``ca_bundle`` is a file of certificates to trust, or "" for those that the system and botocore trust."""

    def __init__(self, origin: str, ca_bundle: str = "") -> None:
        parts = urlsplit(origin)
        self._host = parts.hostname or ""
        self._is_tls = parts.scheme == "https"
        self._port = parts.port or (443 if self._is_tls else 80)
        self._waiting: list[Connection] = []
        self._proxy = _proxy_for(parts.scheme, self._host)
        self._tls: SSLContext | None = None
        self._ca_bundle = ca_bundle
        #: What stands before the path in a request: a proxy wants to know the server.
        self.target_prefix = origin.rstrip("/") if self._proxy and not self._is_tls else ""

    def take(self) -> tuple[Connection, bool]:
        """A connection, and whether it was used before: the other side may have closed it by now.

        Raises CannotConnect, ssl.SSLError.
        """
        while self._waiting:
            try:
                connection = self._waiting.pop()
            except IndexError:
                break
            if not _has_something_to_say(connection):
                return connection, True
            # Nothing was asked, so that it can only be its end.
            connection.close()
        return self._connected(), False

    def give_back(self, connection: Connection) -> None:
        """Once an answer has been read to its end."""
        if connection.is_reusable and len(self._waiting) < _MOST_WAITING:
            self._waiting.append(connection)
        else:
            connection.close()

    def _connected(self) -> Connection:
        proxy = urlsplit(self._proxy) if self._proxy else None
        host, port = (proxy.hostname or "", proxy.port or 80) if proxy else (self._host, self._port)
        try:
            connected = socket.create_connection((host, port), _CONNECT_TIMEOUT_S)
        except (OSError, UnicodeError) as error:
            raise CannotConnect(f"{host}:{port}: {getattr(error, 'strerror', None) or error}") from error
        try:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if self._is_tls:
                if proxy:
                    self._tunnel(connected, _proxy_authorization(self._proxy))
                connected = self._tls_context().wrap_socket(connected, server_hostname=self._host)
            connected.settimeout(_READ_TIMEOUT_S)
        except BaseException:
            connected.close()
            raise
        return Connection(connected)

    @property
    def proxy_headers(self) -> dict[str, str]:
        """What a proxy wants with each request that it forwards."""
        return _proxy_authorization(self._proxy) if self.target_prefix else {}

    def _tunnel(self, connected: socket.socket, headers: dict[str, str]) -> None:
        place = f"[{self._host}]:{self._port}" if ":" in self._host else f"{self._host}:{self._port}"
        lines = [f"CONNECT {place} HTTP/1.1", f"Host: {place}", *(f"{n}: {v}" for n, v in headers.items())]
        connected.sendall("\r\n".join((*lines, "", "")).encode("latin-1"))
        # Byte by byte: what follows the blank line is TLS.
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            byte = connected.recv(1)
            if not byte or len(answer) > 65536:
                raise NoHttp("the proxy closed the connection")
            answer += byte
        status = answer.split(b" ", 2)[1:2]
        if status != [b"200"]:
            raise CannotConnect(f"the proxy refuses: {answer.splitlines()[0].decode('latin-1')}")

    def _tls_context(self) -> "SSLContext":
        if self._tls is None:
            import ssl

            if self._ca_bundle:
                self._tls = ssl.create_default_context(cafile=self._ca_bundle)
            else:
                context = ssl.create_default_context()
                context.load_verify_locations(cafile=_botocores_certificates())
                self._tls = context
        return self._tls


def _botocores_certificates() -> str:
    try:
        from certifi import where
    except ImportError:
        import botocore

        return str(Path(botocore.__file__).with_name("cacert.pem"))
    return where()


def _proxy_for(scheme: str, host: str) -> str:
    """The proxy that the environment names for a server, or "": HTTPS_PROXY, HTTP_PROXY, NO_PROXY."""
    names = (f"{scheme}_proxy", f"{scheme}_proxy".upper())
    if not any(os.environ.get(name) for name in names):
        return ""
    from urllib.request import getproxies, proxy_bypass

    return "" if proxy_bypass(host) else getproxies().get(scheme, "")


def _proxy_authorization(proxy: str) -> dict[str, str]:
    parts = urlsplit(proxy)
    if parts.username is None:
        return {}
    plain = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Proxy-Authorization": f"Basic {base64.b64encode(plain.encode()).decode()}"}


def _has_something_to_say(connection: Connection) -> bool:
    if not hasattr(select, "poll"):
        # Windows, whose select takes any number of a socket.
        return bool(select.select([connection.fileno()], [], [], 0)[0])
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))
