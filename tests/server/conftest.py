"""The fixtures that the server's tests share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from s3_callers import BUCKET, client_of

from s3portal.server.pytest_plugin import server_config
from s3portal.server.storage import quotas
from s3portal.server.storage.records import Quota
from s3portal.server.testing import RunningServer


@pytest.fixture
def s3(s3_server: RunningServer) -> Any:
    """A client of the user ``portal``."""
    return client_of(s3_server)


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One server for a module's tests that do not get into each other's way."""
    with RunningServer(tmp_path_factory.mktemp("shared") / "s3", server_config()) as server:
        yield server


@pytest.fixture
def limit(s3_server: RunningServer) -> Callable[..., None]:
    """Sets the quota of the bucket, as the server itself has it."""

    def put(max_bytes: int | None = None, max_objects: int | None = None) -> None:
        quotas.put_of_bucket(s3_server._server.storage, BUCKET, Quota(max_bytes, max_objects))

    return put
