"""What a fault does to a request and to its answer."""

from __future__ import annotations

import io
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from s3portal.server.gateway.exchange import Exchange
from s3portal.server.http.errors import ConnectionLost
from s3portal.server.testing.fault import Fault
from s3portal.server.wire.reply import Content, Reply, is_streamed

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


def answer_with_fault(fault: Fault, exchange: Exchange, answer: Callable[[Exchange], Reply]) -> Reply:
    """Returns what is left of an answer. Raises the fault's error, and ConnectionLost."""
    # A fault is what happens to callers in good standing: their bodies are drained, too.
    exchange.prove()
    if fault.drop:
        raise ConnectionLost("dropped by a fault")
    if fault.error:
        raise fault.error
    if fault.cut_body_at is not None or fault.corrupt:
        exchange.body = FaultyInput(exchange.body, fault)
    reply = answer(exchange)
    if fault.lose_answer:
        raise ConnectionLost("the answer was lost by a fault")
    if is_streamed(reply.body) and (fault.cut_body_at is not None or fault.corrupt):
        return replace(reply, body=FaultyContent(reply.body, fault, exchange.drop))
    return reply


class FaultyInput(io.RawIOBase):
    """A request body that is corrupted, or cut after some bytes."""

    def __init__(self, body: io.RawIOBase, fault: Fault) -> None:
        self._body = body
        self._fault = fault
        self._received_bytes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        cut = self._fault.cut_body_at
        if cut is not None:
            if self._received_bytes >= cut:
                raise ConnectionLost("cut by a fault")
            view = view[: cut - self._received_bytes]
        count = self._body.readinto(view) or 0
        if self._fault.corrupt and count and not self._received_bytes:
            view[0] ^= 0xFF
        self._received_bytes += count
        return count


class FaultyContent:
    """A download whose first byte is changed, or that breaks after some bytes."""

    def __init__(self, content: Content, fault: Fault, drop: Callable[[], None]) -> None:
        self._content = content
        self._fault = fault
        self._drop = drop
        self.bytes_sent = 0

    def __iter__(self) -> Iterator[bytes]:
        left_bytes = self._fault.cut_body_at
        for chunk in self._content:
            if self._fault.corrupt and not self.bytes_sent:
                chunk = bytes((chunk[0] ^ 0xFF,)) + chunk[1:]
            chunk = chunk if left_bytes is None else chunk[: left_bytes - self.bytes_sent]
            self.bytes_sent += len(chunk)
            yield chunk
            if self.bytes_sent == left_bytes:
                break
        if left_bytes is not None:
            self._drop()

    def send_to(self, sock: socket.socket) -> None:
        for chunk in self:
            sock.sendall(chunk)

    def take_if_small(self) -> bytes | None:
        """Never: what is taken whole cannot break half-way."""
        return None

    def close(self) -> None:
        self._content.close()
