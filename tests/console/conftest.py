"""A server with its console, for a module, and people at it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from console_visitor import ConsoleVisitor

from s3portal.console.serving import ConsoleFrontEnd
from s3portal.server.pytest_plugin import server_config
from s3portal.server.testing import RunningServer


@pytest.fixture(scope="module")
def configuration() -> dict[str, Any]:
    """The server's; a module that needs more has its own."""
    return server_config()


@pytest.fixture(scope="module")
def console(
    tmp_path_factory: pytest.TempPathFactory, configuration: dict[str, Any]
) -> Iterator[ConsoleFrontEnd]:
    """The console; ``running`` is its server."""
    root = tmp_path_factory.mktemp("console") / "s3"
    root.mkdir()
    front_end = ConsoleFrontEnd(root, "127.0.0.1", 0)
    with RunningServer(root, configuration, front_end=front_end) as server:
        _SERVERS[front_end.port] = server
        yield front_end
        del _SERVERS[front_end.port]


_SERVERS: dict[int, RunningServer] = {}


@pytest.fixture(scope="module")
def running(console: ConsoleFrontEnd) -> RunningServer:
    return _SERVERS[console.port]


@pytest.fixture
def stranger(console: ConsoleFrontEnd) -> ConsoleVisitor:
    """Somebody who has not signed in."""
    return ConsoleVisitor(console.url)


@pytest.fixture
def admin(console: ConsoleFrontEnd, running: RunningServer) -> ConsoleVisitor:
    """The administrator, signed in."""
    return signed_in(console, running, "admin")


@pytest.fixture
def limited(console: ConsoleFrontEnd, running: RunningServer) -> ConsoleVisitor:
    """A user of one bucket, signed in."""
    return signed_in(console, running, "portal")


def signed_in(console: ConsoleFrontEnd, running: RunningServer, name: str) -> ConsoleVisitor:
    visitor, user = ConsoleVisitor(console.url), running.users[name]
    assert visitor.sign_in(user.access_key_id, user.secret_access_key).status_code == 200
    return visitor
