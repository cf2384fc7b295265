"""A store that only counts: it answers what bucket commands ask as fast as Python can, in a process of its
own, and keeps names, sizes and metadata; contents are zeros. Nothing is authenticated."""

from __future__ import annotations

import asyncio
import hashlib
import json
import multiprocessing
import re
import tempfile
import urllib.request
from types import TracebackType
from typing import IO
from urllib.parse import parse_qs, unquote, urlsplit

from bare_answers import Bucket, operation

_EMPTY = hashlib.md5(b"").hexdigest()
#: A body that is larger is not kept, but counted as it comes.
_KEPT_BYTES = 1024 * 1024
#: What is sent of contents.
_ZEROS_BYTES = 64 * 1024 * 1024 * 1024


class BareStore:
    """Runs as a context. ``fill`` makes keys that nobody has to send; ``requests`` has one entry for each
    request that was answered."""

    def __init__(self) -> None:
        receiving, sending = multiprocessing.Pipe(duplex=False)
        self._process = multiprocessing.Process(target=_serve, args=(sending,), daemon=True)
        self._process.start()
        self.endpoint = f"http://127.0.0.1:{receiving.recv()}"
        self.with_acls = _AclBuckets(self)

    def fill(self, bucket: str, count: int, versions: int = 1) -> None:
        self.tell("fill", bucket=bucket, count=count, versions=versions)

    @property
    def requests(self) -> range:
        return range(int(self.tell("count")))

    def tell(self, what: str, **facts: object) -> str:
        url = f"{self.endpoint}/-control-/{what}"
        with urllib.request.urlopen(url, data=json.dumps(facts).encode()) as answer:
            return str(answer.read().decode())

    def __enter__(self) -> BareStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.join()


class _AclBuckets:
    def __init__(self, store: BareStore) -> None:
        self._store = store

    def add(self, bucket: str) -> None:
        self._store.tell("acls", bucket=bucket)


class _Connection(asyncio.Protocol):
    buckets: dict[str, Bucket] = {}
    count = 0

    zeros: IO[bytes]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._received = bytearray()
        self._continued = False
        #: The head of a request with a large body, its size, and how much of that is still to come.
        self._large: tuple[str, int] | None = None
        self._left = 0

    def data_received(self, received: bytes) -> None:
        if self._large:
            taken = min(self._left, len(received))
            self._left -= taken
            if self._left:
                return
            (head, size), self._large = self._large, None
            self._answer(head, size)
            received = received[taken:]
        self._received += received
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._received[:end]).decode("latin-1")
            length = re.search(r"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
            size = int(length[1]) if length else 0
            came = len(self._received) - end - 4
            if came < size:
                if "100-continue" in head.lower() and not self._continued:
                    self._continued = True
                    self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                if size > _KEPT_BYTES:
                    self._large, self._left, self._continued = (head, size), size - came, False
                    self._received.clear()
                return
            body = bytes(self._received[end + 4 : end + 4 + size])
            del self._received[: end + 4 + size]
            self._continued = False
            self._answer(head, body)

    def _answer(self, head: str, body: bytes | int) -> None:
        method, target, _ = head.split(" ", 2)
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        _, name, *rest = parts.path.split("/", 2)
        if name == "-control-":
            self._reply("200 OK", self._control(rest[0], json.loads(body)))
            return
        type(self).count += 1
        bucket = self.buckets.setdefault(name, Bucket())
        key = unquote(rest[0]) if rest else ""
        status, headers, text = operation(self.buckets, bucket, name, method, key, query, head, body)
        self._reply(status, text, headers, is_head=method == "HEAD")

    def _control(self, what: str, facts: dict) -> str:
        if what == "count":
            return str(self.count)
        bucket = self.buckets.setdefault(facts["bucket"], Bucket())
        if what == "acls":
            bucket.with_acls = True
        else:
            bucket.versions = facts["versions"]
            bucket.objects.update((f"{number:08}", (1, _EMPTY, "")) for number in range(facts["count"]))
        return ""

    def _reply(self, status: str, text: str | int, headers: str = "", *, is_head: bool = False) -> None:
        if isinstance(text, int):
            self._transport.write(f"HTTP/1.1 {status}\r\nContent-Length: {text}\r\n{headers}\r\n".encode())
            sent = asyncio.get_running_loop().sendfile(self._transport, self.zeros, 0, text)
            self._sending = asyncio.ensure_future(sent)
            return
        body = b"" if is_head else text.encode()
        length = "" if is_head else f"Content-Length: {len(body)}\r\n"
        self._transport.write(f"HTTP/1.1 {status}\r\n{length}{headers}\r\n".encode() + body)


def _serve(port_to) -> None:
    async def run() -> None:
        with tempfile.TemporaryFile() as zeros:
            zeros.truncate(_ZEROS_BYTES)
            _Connection.zeros = zeros
            server = await asyncio.get_running_loop().create_server(_Connection, "127.0.0.1", 0)
            port_to.send(server.sockets[0].getsockname()[1])
            await server.serve_forever()

    asyncio.run(run())
