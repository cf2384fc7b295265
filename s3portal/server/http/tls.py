"""TLS of a listening port: a certificate and its key from two files, read again when these change."""

from __future__ import annotations

import logging
import socket
import ssl
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_LINGERS_NOT = 0.0
# As s3:TlsVersion has it.
_VERSIONS = {"TLSv1.2": "1.2", "TLSv1.3": "1.3"}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TLSFiles:
    """A certificate, with the chain behind it, and its key, both as PEM."""

    certificate: Path
    key: Path

    def load(self) -> ssl.SSLContext:
        """Returns a context of what the files hold now; raises OSError and ssl.SSLError."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        context.load_cert_chain(self.certificate, self.key, _no_password)
        return context

    def state(self) -> Sequence[object]:
        """Returns what changes with the files; raises OSError."""
        found = (path.stat() for path in (self.certificate, self.key))
        return tuple((stat.st_mtime_ns, stat.st_size, stat.st_ino) for stat in found)


class TLSContexts:
    """The context for new connections. Raises OSError and ssl.SSLError where the files cannot be used at the
    start; files that become unusable later are logged, and the certificate before them stays."""

    def __init__(self, files: TLSFiles) -> None:
        self._files = files
        self._lock = threading.Lock()
        self._state: Sequence[object] = files.state()
        self._context = files.load()

    def current(self) -> ssl.SSLContext:
        with self._lock:
            try:
                state = self._files.state()
                if state != self._state:
                    # Noted first: files that cannot be used are not tried again until they change.
                    self._state = state
                    self._context = self._files.load()
                    log.info("the certificate %s was read again", self._files.certificate)
            except (OSError, ValueError) as problem:
                log.error("the certificate %s cannot be read again: %s", self._files.certificate, problem)
            return self._context

    def wrap(self, sock: socket.socket) -> ssl.SSLSocket:
        """Returns the socket under TLS, its handshake still to be made."""
        return self.current().wrap_socket(sock, server_side=True, do_handshake_on_connect=False)


def begin(sock: socket.socket, timeout_s: float) -> str | None:
    """Makes the handshake and returns the version of TLS, like ``1.3``; None without TLS. Raises OSError."""
    if not isinstance(sock, ssl.SSLSocket):
        return None
    sock.settimeout(timeout_s)
    sock.do_handshake()
    version = sock.version() or ""
    return _VERSIONS.get(version, version)


def end(sock: socket.socket) -> None:
    """Says that nothing more comes, so that the caller can tell the end from a cut."""
    if not isinstance(sock, ssl.SSLSocket):
        return
    try:
        sock.settimeout(_LINGERS_NOT)
        sock.unwrap()
    except (OSError, ValueError) as gone:
        log.debug("the connection was not ended in order: %s", gone)


def _no_password() -> str:
    """OpenSSL would ask for the password of an encrypted key on the terminal, and wait."""
    raise ssl.SSLError("the key is encrypted; a server that starts by itself needs one without a password")
