"""What a real Indico stands on in these tests: PostgreSQL of this machine, and S3 servers in an environment
of their own, since moto and our own server pin other libraries than Indico does.
"""

import hashlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from shutil import rmtree

import boto3
from botocore.config import Config

from s3portal.demo.account import Account, unprivileged_account
from s3portal.demo.process import Child, free_port, run_to_end

#: Of the servers that tests start.
ACCESS_KEY, SECRET_KEY = "indico-test-key", "indico-test-secret"


def find_postgres() -> Path | None:
    """The folder of PostgreSQL's programs, of the newest version that is installed."""
    folders = Path("/usr/lib/postgresql").glob("*/bin")
    return max(
        (folder for folder in folders if (folder / "initdb").exists()),
        key=lambda folder: int(folder.parent.name),
        default=None,
    )


class Postgres:
    """A cluster of its own on loopback, with the extensions that Indico needs, as PostgreSQL's own packages
    have them. Nothing of it is kept.
    """

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self.port = free_port()
        # Not below pytest's own folder, which only its owner may enter: PostgreSQL does not run as root.
        self._folder = Path(tempfile.mkdtemp(prefix="s3portal-postgres-"))
        self._account: Account | None = unprivileged_account(programs, self._folder)
        self._child: Child | None = None

    def start(self) -> "Postgres":
        if self._account is not None:
            os.chown(self._folder, self._account.uid, self._account.gid)
        log = self._folder.with_suffix(".log")
        run_to_end(
            "initdb",
            [
                self._programs / "initdb",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--username=indico",
                self._folder / "db",
            ],
            log=log,
            account=self._account,
        )
        settings = {
            "unix_socket_directories": str(self._folder),
            "fsync": "off",
            "listen_addresses": "127.0.0.1",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._child = Child(
            "PostgreSQL",
            [self._programs / "postgres", "-D", self._folder / "db", "-p", str(self.port), *options],
            log=log,
            account=self._account,
            stop_signal=signal.SIGINT,  # "Fast shutdown": does not wait for clients to leave.
        )
        self._child.wait_until(
            lambda: (
                subprocess.run(
                    [self._programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)],
                    check=False,
                ).returncode
                == 0
            )
        )
        return self

    @property
    def uri(self) -> str:
        return f"postgresql://indico@127.0.0.1:{self.port}"

    def stop(self) -> None:
        if self._child is not None:
            self._child.stop()
        rmtree(self._folder, ignore_errors=True)
        self._folder.with_suffix(".log").unlink(missing_ok=True)


class S3Server:
    """An S3 server, and a client to look into it: one that tests started, as ``child``, or another one."""

    def __init__(
        self,
        endpoint: str,
        access_key: str = ACCESS_KEY,
        secret_key: str = SECRET_KEY,
        *,
        region: str = "",
        child: Child | None = None,
    ) -> None:
        self._md5s: dict[tuple[str, str, str], str] = {}
        self._child = child
        self.endpoint = endpoint
        self.access_key = access_key
        self.secret_key = secret_key
        self.region = region

    @property
    def is_foreign(self) -> bool:
        """Whether it is none that tests started."""
        return self._child is None

    @cached_property
    def client(self):
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name=self.region or "us-east-1",
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",
            ),
        )

    def options(self, **more: str) -> str:
        """The options of a backend that uses this server, as in indico.conf."""
        options = {
            "host": self.endpoint,
            "access_key": self.access_key,
            "secret_key": self.secret_key,
            "addressing_style": "path",
            **({"region": self.region} if self.region else {}),
            **more,
        }
        return ",".join(f"{name}={value}" for name, value in options.items())

    def keys(self, bucket: str) -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def body(self, bucket: str, key: str) -> bytes:
        return self.client.get_object(Bucket=bucket, Key=key)["Body"].read()

    def md5s(self, bucket: str) -> dict[str, str]:
        """The MD5 of each object's content by key. None is read again while its ETag is the same."""
        found = {}
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        for item in (item for page in pages for item in page.get("Contents", [])):
            version = bucket, item["Key"], item["ETag"]
            if version not in self._md5s:
                self._md5s[version] = hashlib.md5(self.body(bucket, item["Key"])).hexdigest()
            found[item["Key"]] = self._md5s[version]
        return found

    def stop(self) -> None:
        # Without the time that it gives its clients to end: nothing of it is kept.
        if self._child is not None:
            self._child.kill()


def services_python() -> str:
    """The Python that has moto and the requirements of our own server."""
    return os.environ.get("S3PORTAL_TEST_SERVICES_PYTHON", sys.executable)


def start_moto(folder: Path) -> S3Server:
    """moto, for operations that our own server does not know: bucket policies, versions."""
    return _start(
        "moto",
        lambda port: [services_python(), "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        folder,
    )


def start_s3_server(folder: Path) -> S3Server:
    """Our own server, which checks every signature."""
    return _start(
        "s3portal-server",
        lambda port: [
            services_python(),
            "-m",
            "s3portal.server",
            "--root",
            folder / "root",
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
        ],
        folder,
        {
            "S3PORTAL_SERVER_ACCESS_KEY_ID": ACCESS_KEY,
            "S3PORTAL_SERVER_SECRET_ACCESS_KEY": SECRET_KEY,
        },
    )


def _start(
    name: str, command: Callable[[int], list], folder: Path, environment: dict[str, str] | None = None
) -> S3Server:
    """A server of another environment, in a process of its own, once it answers."""
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    child = Child(name, command(port), log=folder / f"{name}.log", environment=environment)
    child.wait_until(lambda: _answers(port))
    return S3Server(f"http://127.0.0.1:{port}", child=child)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=10).close()
    except OSError:
        return False
    return True
