"""Publishing a file as the tests do it, and what was heard and sent meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from portal_on_store import AT_ONCE, PortalOnStore

from s3portal.client.local_file import LocalFile
from s3portal.client.publishing import Published, Silence, Target, publish_file
from s3portal.client.waits import Wait
from s3portal.server.testing import RunningServer
from s3portal.transfer import Failure

MIB = 1024 * 1024


SIZE = 16 * MIB + 5


TARGET = Target("rivers")


OpenPortal = Callable[..., PortalOnStore]


MakeFile = Callable[[int], Path]


ContentOf = Callable[[str], bytes]


class Heard(Silence):
    """Keeps what it hears; ``on_loaded`` is called at the first byte."""

    def __init__(self, on_loaded: Callable[[], object] = lambda: None) -> None:
        self.stored_bytes: list[int] = []
        self.loaded_bytes: list[int] = []
        self.failures: list[str] = []
        self.waits: list[Wait] = []
        self.namesakes: dict[str, list[str]] = {}
        self._on_loaded = on_loaded

    def began(self, file: LocalFile, stored_bytes: int) -> None:
        self.stored_bytes.append(stored_bytes)

    def loaded(self, size_bytes: int) -> None:
        self.loaded_bytes.append(size_bytes)
        if size_bytes > MIB:
            self._on_loaded()

    def retrying(self, part_number: int, failure: Failure, wait: Wait) -> None:
        self.failures.append(f"{failure.status} {failure.code}")
        self.waits.append(wait)

    def has_namesakes(self, name: str, resource_ids: list[str]) -> None:
        self.namesakes[name] = resource_ids


def publish(portal: PortalOnStore, path: Path, **options: object) -> Published:
    return publish_file(portal, path, TARGET, policy=AT_ONCE, **options)  # type: ignore[arg-type]


def puts(s3_server: RunningServer) -> list[int]:
    parts = [r.part_number or 0 for r in s3_server.requests if r.operation == "UploadPart"]
    return sorted(parts)
