"""The portal on real parts, and the command as a process of its own: what a researcher at a shell has.

The S3 server runs inside the test process, so that a test can read its request log and switch faults on.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from upload_run import Command

from s3portal.client.ckan import CkanPortal
from s3portal.client.command import TOKEN_VARIABLE
from s3portal.client.publishing import Target, publish_file
from s3portal.demo.people import DATASET
from s3portal.demo.portal import Portal
from s3portal.demo.s3 import ExternalS3
from s3portal.server.pytest_plugin import BUCKET, ROLE_ARN, server_config
from s3portal.server.testing import RunningServer

COMMAND = (sys.executable, "-c", "from s3portal.cli import main; main()", "upload")


@pytest.fixture(scope="session")
def s3_of_the_portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """The S3 server of the whole run."""
    with RunningServer(tmp_path_factory.mktemp("s3"), server_config()) as server:
        yield server


@pytest.fixture(scope="session")
def portal(tmp_path_factory: pytest.TempPathFactory, s3_of_the_portal: RunningServer) -> Iterator[Portal]:
    """The portal of the whole run."""
    user = s3_of_the_portal.users["portal"]
    store = ExternalS3(
        endpoint=s3_of_the_portal.endpoint,
        bucket=BUCKET,
        access_key_id=user.access_key_id,
        secret_access_key=user.secret_access_key,
        role=ROLE_ARN,
    )
    with Portal(tmp_path_factory.mktemp("portal"), s3=store, durable=False) as running:
        first = tmp_path_factory.mktemp("files") / "first.txt"
        first.write_text("With its first upload CKAN tries which checksums the store computes.")
        publisher = CkanPortal(running.url, running.publisher_token())
        publish_file(publisher, first, Target(DATASET))
        first.write_text("With its first session credentials it tries whether they keep to parts.")
        publish_file(publisher, first, Target(DATASET), session_credentials=True)
        yield running


@pytest.fixture
def s3(s3_of_the_portal: RunningServer, portal: Portal) -> Iterator[RunningServer]:
    """The S3 server, with an empty request log and no faults."""
    s3_of_the_portal.faults.clear()
    s3_of_the_portal.wait_until_idle()
    s3_of_the_portal.requests.clear()
    yield s3_of_the_portal
    s3_of_the_portal.faults.clear()


@pytest.fixture
def start(portal: Portal, tmp_path: Path) -> Iterator[Callable[..., Command]]:
    """Starts `s3portal upload` with these arguments, as the publisher, for the dataset of the demo."""
    started: list[Command] = []

    def start_command(*arguments: object, token: str | None = None, dataset: str = DATASET) -> Command:
        token = portal.publisher_token() if token is None else token
        environment = {name: value for name, value in os.environ.items() if name != TOKEN_VARIABLE}
        stderr_file = tmp_path / f"stderr-{len(started)}"
        with stderr_file.open("wb") as stderr:
            process = subprocess.Popen(
                [
                    *COMMAND,
                    *("--portal", portal.url, "--dataset", dataset),
                    *(each if isinstance(each, bytes | os.PathLike) else str(each) for each in arguments),
                ],
                env={**environment, **({TOKEN_VARIABLE: token} if token else {})},
                cwd=tmp_path,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                encoding="utf-8",
            )
        started.append(Command(process, stderr_file))
        return started[-1]

    yield start_command
    for command in started:
        if command.process.poll() is None:
            command.kill()


@pytest.fixture
def upload(start: Callable[..., Command]) -> Callable[..., Command]:
    """Runs `s3portal upload` to its end."""
    return lambda *arguments, **options: start(*arguments, **options).wait()


@pytest.fixture
def resource_of(portal: Portal) -> Callable[[str], dict[str, Any]]:
    """The resource that CKAN has under an id."""
    client = CkanPortal(portal.url, portal.publisher_token())
    return lambda resource_id: dict(client.call("resource_show", id=resource_id))
