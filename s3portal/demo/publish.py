"""`bin/demo --publish FILE`: one file through the whole main job, from the first call to the link."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from s3portal.client.ckan import CkanPortal
from s3portal.client.digests import sha256_of_file, sha256_of_link
from s3portal.client.errors import UploadFailed
from s3portal.client.publishing import Silence, Target, publish_file
from s3portal.demo.failure import DemoError
from s3portal.demo.people import DATASET
from s3portal.demo.portal import Portal


def publish_and_verify(portal: Portal, path: Path, console: Console) -> None:
    """Publishes the file to the running portal, prints its link, fetches it and compares the bytes.

    Raises DemoError where anything fails or differs.
    """
    size_bytes = path.stat().st_size
    client = CkanPortal(portal.url, portal.publisher_token())
    try:
        with _progress(console, "Upload", size_bytes) as show:
            link = publish_file(client, path, Target(DATASET), report=_Loaded(show)).url
        console.print(f" persistent link  {link}", highlight=False, soft_wrap=True)
        with _progress(console, "Download", size_bytes) as show:
            fetched = sha256_of_link(link, on_progress=show)
    except UploadFailed as error:
        raise DemoError(f"{path.name} was not published. {error}") from error
    expected = sha256_of_file(path)
    if fetched != expected:
        raise DemoError(f"The link returns different bytes from the file: SHA-256 {fetched}, not {expected}.")
    console.print(f" SHA-256          {expected}  equal", highlight=False, soft_wrap=True)


class _Loaded(Silence):
    """Shows how much is there, and nothing else."""

    def __init__(self, show: Callable[[int], None]) -> None:
        self._show = show

    def loaded(self, size_bytes: int) -> None:
        self._show(size_bytes)


@contextmanager
def _progress(console: Console, name: str, size_bytes: int) -> Iterator[Callable[[int], None]]:
    columns = (
        TextColumn(" {task.description:<9}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(name, total=size_bytes)
        yield lambda loaded_bytes: progress.update(task, completed=loaded_bytes)
