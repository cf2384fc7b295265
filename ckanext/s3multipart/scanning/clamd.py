"""A clamd, over its socket (clamd(8), "COMMANDS"): PING, VERSION, and INSTREAM, which takes a file in chunks.

Nothing here holds more than one chunk in memory.
"""

import select
import socket
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ckanext.s3multipart.clamd_address import ClamdAddress
from ckanext.s3multipart.scanning.errors import ScannerFailed
from ckanext.s3multipart.scanning.inspection_model import Verdict

_CONNECT_S = 5
#: An archive may take minutes after its last byte (clamd.conf(5), MaxScanTime: two minutes).
_ANSWER_S = 600
_MOST_OF_AN_ANSWER = 4096
#: Four bytes tell how long a chunk is.
_LONGEST_CHUNK_BYTES = 2**32 - 1
#: What clamd finds, with AlertExceedsMax, in what it did not look into to the end.
_LIMITS = "Heuristics.Limits.Exceeded"


@dataclass(frozen=True)
class Scanned:
    """What clamd says of a file; ``signature`` is the name of what it found, or ""."""

    verdict: Verdict
    signature: str = ""


def ping(address: ClamdAddress) -> None:
    """Raises ScannerFailed unless it answers."""
    if (said := _asked(address, "PING")) != "PONG":
        raise ScannerFailed(cause=f"clamd at {address} answers {said!r} to PING")


def version(address: ClamdAddress) -> str:
    """Its version and that of its signatures, as in ``ClamAV 1.4.6/27412``. Raises ScannerFailed."""
    # The date of the signatures is the third part.
    return "/".join(_asked(address, "VERSION").split("/")[:2])


def takes(address: ClamdAddress, size_bytes: int) -> bool:
    """Whether it takes a file of this size (``StreamMaxLength``). Sends nothing of one: clamd answers to the
    length of a chunk, before the chunk. Raises ScannerFailed."""
    with _connected(address) as connection:
        connection.settimeout(_CONNECT_S)
        connection.sendall(b"zINSTREAM\0" + struct.pack("!L", min(size_bytes, _LONGEST_CHUNK_BYTES)))
        connection.shutdown(socket.SHUT_WR)
        # Where it would take the chunk, it hears that none comes, and closes the connection without a word.
        return b"size limit exceeded" not in connection.recv(_MOST_OF_AN_ANSWER)


def scan(address: ClamdAddress, blocks: Iterable[bytes]) -> Scanned:
    """Streams a file to clamd. Raises ScannerFailed, and what the blocks raise."""
    with _connected(address) as connection:
        connection.sendall(b"zINSTREAM\0")
        try:
            for block in blocks:
                if _has_answered(connection):
                    # It has enough: the file is larger than it takes.
                    break
                connection.sendall(struct.pack("!L", len(block)) + block)
            else:
                connection.sendall(struct.pack("!L", 0))
        except (BrokenPipeError, ConnectionResetError):
            # It closed the connection, and said why before.
            pass
        said = _answer(connection, address)
    return _scanned(said, address)


def _scanned(said: str, address: ClamdAddress) -> Scanned:
    result = said.removeprefix("stream: ")
    if result == "OK":
        return Scanned(Verdict.CLEAN)
    if "size limit exceeded" in result:
        return Scanned(Verdict.TOO_LARGE)
    if result.endswith(" FOUND"):
        signature = result.removesuffix(" FOUND")
        if signature.startswith(_LIMITS):
            return Scanned(Verdict.TOO_LARGE)
        return Scanned(Verdict.INFECTED, signature)
    raise ScannerFailed(cause=f"clamd at {address} answers {said!r}")


def _asked(address: ClamdAddress, command: str) -> str:
    with _connected(address) as connection:
        connection.sendall(f"z{command}\0".encode())
        connection.settimeout(_CONNECT_S)
        return _answer(connection, address)


@contextmanager
def _connected(address: ClamdAddress) -> Iterator[socket.socket]:
    try:
        connection = _connect(address)
    except OSError as error:
        raise ScannerFailed(cause=f"clamd at {address} cannot be reached: {error}") from error
    with connection:
        connection.settimeout(_ANSWER_S)
        try:
            yield connection
        except OSError as error:
            cause = f"clamd at {address} stopped answering: {error or type(error).__name__}"
            raise ScannerFailed(cause=cause) from error


def _connect(address: ClamdAddress) -> socket.socket:
    if not address.path:
        return socket.create_connection((address.host, address.port), timeout=_CONNECT_S)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(_CONNECT_S)
    try:
        connection.connect(address.path)
    except OSError:
        connection.close()
        raise
    return connection


def _has_answered(connection: socket.socket) -> bool:
    return bool(select.select([connection], [], [], 0)[0])


def _answer(connection: socket.socket, address: ClamdAddress) -> str:
    said = b""
    try:
        while not said.endswith(b"\0") and len(said) < _MOST_OF_AN_ANSWER:
            received = connection.recv(1024)
            if not received:
                break
            said += received
    except ConnectionResetError as error:
        if not said:
            raise ScannerFailed(cause=f"clamd at {address} closed the connection") from error
    if not said:
        raise ScannerFailed(cause=f"clamd at {address} closed the connection without an answer")
    return said.rstrip(b"\0").decode("utf-8", "replace").strip()
