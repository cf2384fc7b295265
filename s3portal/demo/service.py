"""What the services of the portal have in common: a folder, a port, one child process, a health check."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TypeVar

from s3portal.demo.failure import DemoError
from s3portal.demo.process import Child, free_port

ServiceT = TypeVar("ServiceT", bound="Service")


class Service(ABC):
    """A server on this machine that can be started again and again, always on the same port and files."""

    name: str

    def __init__(self, folder: Path, port: int | None = None, *, host: str = "127.0.0.1") -> None:
        """Starts nothing yet. The folder is made when needed; without a port, a free one is taken."""
        self.folder = folder.resolve()
        self.host = host
        self.port = port or free_port(host)
        self._child: Child | None = None

    @abstractmethod
    def _spawn(self) -> Child:
        """Starts the child process."""

    @abstractmethod
    def _answers(self) -> bool:
        """Whether the server does its work: a cheap question, asked until it says yes."""

    @property
    def pid(self) -> int | None:
        """The process id of the server, from its start until it is stopped."""
        return self._child.pid if self._child else None

    def launch(self) -> None:
        """Starts the server without waiting for it, so that several can start at once."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._child = self._spawn()

    def wait_until_ready(self) -> None:
        """Waits until the server answers. Raises DemoError where it dies or stays silent."""
        self._running().wait_until(self._answers)

    def start(self: ServiceT) -> ServiceT:
        """Starts the server, waits until it answers, returns itself. Raises DemoError where it does not."""
        self.launch()
        self.wait_until_ready()
        return self

    def require_running(self) -> None:
        """Raises DemoError, with the end of the log, when the server has ended."""
        self._running().require_running()

    def stop(self) -> None:
        """Asks the server to stop and waits until it has. Safe to repeat."""
        if self._child is not None:
            self._child.stop()
            self._child = None

    def kill(self) -> None:
        """Ends the server at once, as `kill -9` does. Safe to repeat."""
        if self._child is not None:
            self._child.kill()
            self._child = None

    def _running(self) -> Child:
        if self._child is None:
            raise DemoError(f"{self.name} was not started.")
        return self._child
