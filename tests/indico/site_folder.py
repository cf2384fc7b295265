"""An Indico site in a folder: its indico.conf, its database, its commands."""

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psycopg2
from commands import warm_indico

_CONF = """\
SQLALCHEMY_DATABASE_URI = {database!r}
SECRET_KEY = 'only-for-tests-0123456789abcdef0123456789abcdef'
BASE_URL = {base_url!r}
CELERY_BROKER = {redis!r}
REDIS_CACHE_URL = {redis!r}
DEFAULT_TIMEZONE = 'Europe/Zurich'
DEFAULT_LOCALE = 'en_GB'
CACHE_DIR = {folder!r} + '/cache'
TEMP_DIR = {folder!r} + '/tmp'
LOG_DIR = {folder!r} + '/log'
STORAGE_BACKENDS = {backends!r}
ATTACHMENT_STORAGE = {attachments!r}
PLUGINS = {plugins!r}
SUPPORT_EMAIL = 'indico@example.org'
NO_REPLY_EMAIL = 'indico@example.org'
PUBLIC_SUPPORT_EMAIL = 'indico@example.org'
SMTP_SERVER = ('127.0.0.1', 9)
DISABLE_CELERY_CHECK = True
SYSTEM_NOTICES_URL = None
{more}
"""


@dataclass
class Database:
    """The server that sites have their databases on; each a copy of one that was prepared once."""

    uri: str
    count: int = 0

    def execute(self, *statements: str, database: str = "postgres") -> None:
        connection = psycopg2.connect(f"{self.uri}/{database}")
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
        connection.close()

    def query(self, statement: str, database: str) -> list[tuple]:
        connection = psycopg2.connect(f"{self.uri}/{database}")
        with connection.cursor() as cursor:
            cursor.execute(statement)
            rows = cursor.fetchall()
        connection.close()
        return rows

    def create(self, template: str = "template0") -> str:
        """A new database; its name."""
        self.count += 1
        name = f"indico_{os.getpid()}_{self.count}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} ENCODING 'UTF8'")
        return name


@dataclass(frozen=True)
class FileOnRecord:
    """One file: what its row says, and the MD5 of its content."""

    backend: str
    file_id: str
    filename: str
    md5: str
    true_md5: str


@dataclass
class Site:
    """One site. ``python`` is that of the environment whose Indico it runs."""

    folder: Path
    database: Database
    database_name: str
    redis: str
    base_url: str = "http://127.0.0.1"
    backends: Mapping[str, str] = field(default_factory=dict)
    attachments: str = "fs"
    plugins: tuple[str, ...] = ("storage_s3",)
    more: str = ""
    python: str = sys.executable
    path: str = os.environ["PATH"]
    #: Folders with further packages, as if they were installed too.
    python_path: str = ""

    def write(self, **changes) -> "Site":
        """Writes indico.conf anew, with these fields changed."""
        for name, value in changes.items():
            setattr(self, name, value)
        for name in ("cache", "tmp", "log", "files"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self.conf.write_text(
            _CONF.format(
                database=f"{self.database.uri}/{self.database_name}",
                base_url=self.base_url,
                redis=self.redis,
                folder=str(self.folder),
                backends={"fs": f"fs:{self.folder}/files", **self.backends},
                attachments=self.attachments,
                plugins=set(self.plugins),
                more=self.more,
            )
        )
        return self

    @property
    def conf(self) -> Path:
        return self.folder / "indico.conf"

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "PATH": self.path,
            "PYTHONPATH": self.python_path,
            "INDICO_CONFIG": str(self.conf),
            "PYTHONWARNINGS": "ignore",
            # Every command is a process; compiled anew each time, Indico takes twice as long to start.
            "PYTHONDONTWRITEBYTECODE": "",
            "PYTHONPYCACHEPREFIX": str(Path(tempfile.gettempdir()) / f"s3portal-pyc-{os.getuid()}"),
            # No keys of the machine that the tests run on.
            "AWS_SHARED_CREDENTIALS_FILE": str(self.folder / "aws-credentials"),
            "AWS_CONFIG_FILE": str(self.folder / "aws-config"),
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def indico(
        self, *arguments: str, check: bool = True, kill_when: Callable[[], bool] | None = None
    ) -> subprocess.CompletedProcess:
        """Runs an ``indico`` command to its end, or until it is killed. With ``check``, it has to exit 0."""
        run = warm_indico(self.python).run(
            list(arguments), folder=self.folder, environment=self.environment, kill_when=kill_when
        )
        return _checked(run) if check else run

    def script(self, source: str, *arguments: str) -> str:
        """Runs Python in the site's application context; what it printed."""
        run = warm_indico(self.python).run(
            list(arguments), folder=self.folder, environment=self.environment, script=source
        )
        return _checked(run).stdout

    def indico_in_a_shell(self, *arguments: str) -> subprocess.CompletedProcess:
        """Runs the ``indico`` that is installed, as an administrator would; it takes long to start."""
        return subprocess.run(
            [Path(self.python).parent / "indico", *arguments],
            env=self.environment, cwd=self.folder, capture_output=True, text=True, check=False, timeout=600,
        )  # fmt: skip

    def files(self, s3) -> dict[str, "FileOnRecord"]:
        """Every stored file of the site, by schema, table and id, and what is really there.

        Read past Indico, which takes seconds to start: rows from its tables, content from the disk or S3.
        """
        tables = self.database.query(
            "SELECT table_schema || '.' || table_name FROM information_schema.columns"
            " WHERE column_name = 'storage_file_id' AND table_name != 'registration_data' ORDER BY 1",
            self.database_name,
        )
        rows = {
            f"{table} {row_id}": row
            for (table,) in tables
            for row_id, *row in self.database.query(
                f"SELECT id, storage_backend, storage_file_id, filename, md5 FROM {table}"
                " WHERE storage_file_id IS NOT NULL",
                self.database_name,
            )
        }
        md5s = {backend: self._md5s(s3, backend) for backend in {row[0] for row in rows.values()}}
        return {
            name: FileOnRecord(backend, file_id, filename, md5, md5s[backend][file_id])
            for name, (backend, file_id, filename, md5) in rows.items()
        }

    def _md5s(self, s3, backend: str) -> dict[str, str]:
        """The MD5 of what a backend really has, by file id."""
        if backend == "fs":
            files = [path for path in (self.folder / "files").rglob("*") if path.is_file()]
            return {
                str(path.relative_to(self.folder / "files")): hashlib.md5(path.read_bytes()).hexdigest()
                for path in files
            }
        options = dict(option.split("=", 1) for option in self.backends[backend].partition(":")[2].split(","))
        return s3.md5s(options["bucket"])


def _checked(run: subprocess.CompletedProcess) -> subprocess.CompletedProcess:
    if run.returncode != 0:
        raise AssertionError(f"{run.args} ended with {run.returncode}:\n{run.stdout}\n{run.stderr}")
    return run
