"""A real clamd that knows one virus: EICAR, the one that is none (eicar.org)."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
from pathlib import Path
from types import TracebackType

import pytest
from waiting import wait_until

from ckanext.s3multipart.scanning.eicar import EICAR

SIGNATURE = "Eicar-Test-Signature"
#: Small, so that tests need no large files.
STREAM_MAX_BYTES = 1024 * 1024


class Clamd:
    """It listens on a port and at a socket; it can be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._program = _program()
        self._port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        database = folder / "database"
        database.mkdir()
        # clamav.net, "Hash-based signatures": MD5, size, name.
        known = f"{hashlib.md5(EICAR).hexdigest()}:{len(EICAR)}:{SIGNATURE}\n"
        (database / "local.hdb").write_text(known)
        self._configuration = folder / "clamd.conf"
        self._configuration.write_text(
            f"DatabaseDirectory {database}\n"
            f"LocalSocket {folder}/clamd.sock\n"
            f"TCPSocket {self._port}\n"
            "TCPAddr 127.0.0.1\n"
            f"TemporaryDirectory {folder}\n"
            f"LogFile {folder}/clamd.log\n"
            f"StreamMaxLength {STREAM_MAX_BYTES}\n"
            "Foreground yes\n"
        )

    @property
    def address(self) -> str:
        return f"clamd://127.0.0.1:{self._port}"

    @property
    def socket_address(self) -> str:
        return f"clamd+unix://{self._folder}/clamd.sock"

    def start(self) -> None:
        if self._process is not None:
            return
        libraries = ":".join(str(path) for path in Path(self._program).parents[2].glob("usr/lib/*-linux-*"))
        self._process = subprocess.Popen(
            [self._program, "--config-file", str(self._configuration)],
            env={**os.environ, "LD_LIBRARY_PATH": libraries},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(self._listens, "clamd listens")

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        self._process = None
        (self._folder / "clamd.sock").unlink(missing_ok=True)

    def _listens(self) -> bool:
        assert self._process is not None
        log = self._folder / "clamd.log"
        assert self._process.poll() is None, log.read_text() if log.exists() else "clamd did not start"
        try:
            socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
        except OSError:
            return False
        return True

    def __enter__(self) -> Clamd:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _program() -> str:
    named = os.environ.get("S3PORTAL_CLAMD") or shutil.which("clamd", path=f"{os.environ['PATH']}:/usr/sbin")
    if not named:
        pytest.skip(
            "NO FILE WAS CHECKED FOR VIRUSES: there is no clamd, as from `apt-get install clamav-daemon`"
        )
    return named


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
