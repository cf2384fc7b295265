"""The embedded services, started once; and the demo as a program, stopped whatever happens."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from running_demo import RunningDemo

from s3portal.demo.postgres import Postgres
from s3portal.demo.search.connection import Connection


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A PostgreSQL server for the whole run."""
    server = Postgres(tmp_path_factory.mktemp("postgres"), durable=False).start()
    yield server
    server.stop()


@pytest.fixture
def search(postgres: Postgres) -> Connection:
    """A search with no documents in it."""
    connection = Connection(postgres.create_database("search"))
    connection.delete(q="*:*")
    return connection


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for the demo of all tests that do not care what is in it: a second start is quicker."""
    return tmp_path_factory.mktemp("demo") / "demo"


@pytest.fixture
def demo(demo_folder: Path) -> Iterator[Callable[..., RunningDemo]]:
    """Starts the demo, with more options if given; ended after the test."""
    started: list[RunningDemo] = []

    def start(*options: object, folder: Path = demo_folder) -> RunningDemo:
        running = RunningDemo(folder, *options)
        started.append(running)
        return running

    yield start
    for running in started:
        running.end()
