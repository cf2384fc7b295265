"""The floors of server.py: what a threaded server in Python could do at best (``PORT FOLDER``).

It knows no S3. PUT receives a body, takes its MD5 and writes it with an fsync; GET sends a file of the
folder, or a range of it, by sendfile. No signatures, no database, no checksum but the MD5.
"""

from __future__ import annotations

import hashlib
import os
import re
import socket
import sys
import threading
from pathlib import Path

BUFFER_BYTES = 256 * 1024
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_RANGE = re.compile(rb"\r\nrange: *bytes=(\d+)-(\d+)", re.IGNORECASE)


def serve(sock: socket.socket, folder: Path) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    buffer = memoryview(bytearray(BUFFER_BYTES))
    while True:
        filled, end = 0, -1
        while end < 0:
            count = sock.recv_into(buffer[filled:])
            if not count:
                return
            filled += count
            end = buffer.obj.find(b"\r\n\r\n", 0, filled)
        head, have = bytes(buffer[:end]), filled - end - 4
        method, path, _ = head.split(b" ", 2)
        place = folder / path.decode().strip("/").partition("?")[0].replace("/", "_")
        if method == b"PUT":
            length = _LENGTH.search(head)
            assert length is not None
            first = bytes(buffer[end + 4 : filled])
            place.unlink(missing_ok=True)
            etag = receive(sock, place, int(length[1]), first, buffer)
            sock.sendall(b'HTTP/1.1 200 OK\r\nETag: "%s"\r\nContent-Length: 0\r\n\r\n' % etag.encode())
            continue
        assert not have
        first_byte, last_byte = 0, place.stat().st_size - 1
        if found := _RANGE.search(head):
            first_byte, last_byte = int(found[1]), int(found[2])
        send(sock, place, first_byte, last_byte - first_byte + 1)


def receive(sock: socket.socket, path: Path, length: int, first: bytes, buffer: memoryview) -> str:
    digest = hashlib.md5(first)
    with path.open("wb", buffering=0) as file:
        file.write(first)
        left = length - len(first)
        while left:
            count = sock.recv_into(buffer[: min(left, BUFFER_BYTES)])
            if not count:
                raise ConnectionError("the body ended early")
            digest.update(buffer[:count])
            file.write(buffer[:count])
            left -= count
        os.fsync(file.fileno())
    return digest.hexdigest()


def send(sock: socket.socket, path: Path, offset: int, length: int) -> None:
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length)
    with path.open("rb") as file:
        while length:
            count = os.sendfile(sock.fileno(), file.fileno(), offset, length)
            offset, length = offset + count, length - count


def main() -> None:
    port, folder = int(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    with socket.create_server(("127.0.0.1", port), backlog=64) as listener:
        while True:
            sock, _ = listener.accept()
            threading.Thread(target=run, args=(sock, folder), daemon=True).start()


def run(sock: socket.socket, folder: Path) -> None:
    with sock:
        try:
            serve(sock, folder)
        except ConnectionError as gone:
            print(gone, file=sys.stderr)


if __name__ == "__main__":
    main()
