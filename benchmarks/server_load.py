"""The load of server.py: requests made beforehand and sent over raw sockets, so that what is measured is the
server and not this client."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

CONNECTIONS = 4
BUFFER_BYTES = 1 << 20


@dataclass(frozen=True)
class Request:
    """``head`` has the empty line at its end."""

    head: bytes
    body: bytes = b""
    is_head: bool = False


def request(method: str, url: str, body: bytes = b"", **headers: str) -> Request:
    """Returns a request to a presigned URL."""
    parts = urlsplit(url)
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    lines = {"Host": parts.netloc, **{name.replace("_", "-"): value for name, value in headers.items()}}
    if body or method in ("PUT", "POST"):
        lines["Content-Length"] = str(len(body))
    text = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return Request(f"{method} {target} HTTP/1.1\r\n{text}\r\n".encode(), body, method == "HEAD")


@dataclass
class Answered:
    """What came back: how long it all took, the head of each answer, and the bytes of the bodies."""

    seconds: float
    heads: list[bytes]
    body_bytes: int

    def header(self, index: int, name: str) -> str:
        found = _header(self.heads[index], name.lower().encode())
        assert found is not None, self.heads[index]
        return found.decode()


def send_all(address: str, requests: Sequence[Request], connections: int = CONNECTIONS) -> Answered:
    """Sends the requests over so many connections, one after the other on each. Raises RuntimeError for an
    answer that is no success."""
    heads: list[bytes] = [b""] * len(requests)
    failures: list[Exception] = []
    received = [0] * connections

    def work(first: int) -> None:
        try:
            with Connection(address) as connection:
                for number in range(first, len(requests), connections):
                    heads[number] = connection.send(requests[number])
                received[first] = connection.body_bytes
        except Exception as problem:  # noqa: BLE001  (raised again below)
            failures.append(problem)

    threads = [threading.Thread(target=work, args=(first,)) for first in range(connections)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - started
    if failures:
        raise RuntimeError(f"{address}: {failures[0]!r}") from failures[0]
    return Answered(seconds, heads, sum(received))


class Connection:
    """A connection that is kept where the server keeps it. Bodies of answers are received and forgotten."""

    def __init__(self, address: str) -> None:
        host, _, port = urlsplit(address).netloc.partition(":")
        self._address = (host, int(port))
        self._sock = self._connect()
        self._is_over = False
        self._buffer = memoryview(bytearray(BUFFER_BYTES))
        self.body_bytes = 0

    def _connect(self) -> socket.socket:
        sock = socket.create_connection(self._address)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self._sock.close()

    def send(self, sent: Request) -> bytes:
        """Sends a request and returns the head of its answer."""
        if self._is_over:
            self._sock.close()
            self._sock = self._connect()
        if len(sent.body) <= 65536:
            self._sock.sendall(sent.head + sent.body)
        else:
            self._sock.sendall(sent.head)
            self._sock.sendall(sent.body)
        filled, end = 0, -1
        while end < 0:
            filled += self._receive(self._buffer[filled:])
            end = self._buffer.obj.find(b"\r\n\r\n", 0, filled)
        head = bytes(self._buffer[:end])
        if head[9:10] != b"2":
            raise RuntimeError(bytes(self._buffer[:filled]).decode("latin-1"))
        self._is_over = (_header(head, b"connection") or b"").lower() == b"close"
        if not sent.is_head:
            self._receive_body(head, filled - end - 4, bytes(self._buffer[end + 4 : filled]))
        return head

    def _receive_body(self, head: bytes, have_bytes: int, have: bytes) -> None:
        length = _header(head, b"content-length")
        if length is not None:
            left_bytes = int(length) - have_bytes
            self.body_bytes += int(length)
            while left_bytes > 0:
                left_bytes -= self._receive(self._buffer[: min(left_bytes, BUFFER_BYTES)])
        elif _header(head, b"transfer-encoding") == b"chunked":
            while not have.endswith(b"0\r\n\r\n"):
                count = self._receive(self._buffer)
                have = (have + bytes(self._buffer[:count]))[-8:]
                self.body_bytes += count

    def _receive(self, view: memoryview) -> int:
        count = self._sock.recv_into(view)
        if not count:
            raise RuntimeError("the connection ended")
        return count


def _header(head: bytes, name: bytes) -> bytes | None:
    position = head.lower().find(b"\r\n" + name + b":")
    if position < 0:
        return None
    return head[position + len(name) + 3 :].partition(b"\r\n")[0].strip()
