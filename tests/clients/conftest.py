"""The clients of others as they are installed, without special settings, on the bundled S3 server.

``S3PORTAL_CLIENTS`` is the folder of their commands and of the Python that has their packages;
``S3PORTAL_RCLONE`` is rclone, which comes from elsewhere; ``S3PORTAL_NODE`` is the Node.js that finds their
packages in ``NODE_PATH``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from random_files import random_file

from s3portal.server.pytest_plugin import server_config
from s3portal.server.testing import RunningServer

MIB = 1024 * 1024
SCRIPTS = Path(__file__).parent / "scripts"
TIMEOUT_S = 300


@dataclass(frozen=True)
class Files:
    """``small`` is one request for every client, ``big`` a multipart upload; ``folder`` has both, and one in
    a folder whose name needs encoding."""

    folder: Path
    small: Path
    big: Path
    odd: Path

    @property
    def names(self) -> set[str]:
        return {str(path.relative_to(self.folder)) for path in (self.small, self.big, self.odd)}


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("s3"), server_config()) as running:
        yield running


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("files")
    (folder / "São Tomé & more").mkdir()
    return Files(
        folder,
        small=random_file(folder / "small.csv", 1000),
        big=random_file(folder / "big.nc", 37 * MIB + 5),
        odd=random_file(folder / "São Tomé & more" / "a+b (1)=?.txt", 12),
    )


@pytest.fixture
def environment(server: RunningServer, tmp_path: Path) -> Mapping[str, str]:
    """What the AWS libraries look at, of the server's administrator, and no configuration of anybody's."""
    user = server.users["admin"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {
        **kept,
        "HOME": str(tmp_path),
        "AWS_ACCESS_KEY_ID": user.access_key_id,
        "AWS_SECRET_ACCESS_KEY": user.secret_access_key,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL_S3": server.endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@pytest.fixture
def run(environment: Mapping[str, str], tmp_path: Path) -> Callable[..., str]:
    """Runs a command of a client to its end, which must be a good one; returns what it printed."""

    def run_command(*command: object, exit_code: int = 0) -> str:
        done = subprocess.run(
            [str(word) for word in command],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
        )
        assert done.returncode == exit_code, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    return run_command


@pytest.fixture(scope="session")
def commands() -> Path:
    """The folder of the clients' commands."""
    return Path(os.environ["S3PORTAL_CLIENTS"])


@pytest.fixture
def run_script(
    run: Callable[..., str], commands: Path, server: RunningServer, files: Files
) -> Callable[[str], str]:
    """Runs a script of ours in the Python that has the clients' packages."""
    return lambda name: run(commands / "python", SCRIPTS / name, server.endpoint, files.folder)


@pytest.fixture
def run_node_script(run: Callable[..., str], server: RunningServer, files: Files) -> Callable[[str], str]:
    """Runs a script of ours in the Node.js that has the clients' packages."""
    node = os.environ.get("S3PORTAL_NODE") or "node"
    return lambda name: run(node, SCRIPTS / name, server.endpoint, files.folder)


@pytest.fixture(scope="session")
def rclone() -> str:
    found = os.environ.get("S3PORTAL_RCLONE") or shutil.which("rclone")
    assert found, "bin/test clients installs rclone"
    return found
