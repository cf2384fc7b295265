"""A real store for the client, with or without the checksums that it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore_files import botocores_files_are_read_once as botocores_files_are_read_once  # a fixture
from foreign_store import bundled_server_where_it_is_needed as bundled_server_where_it_is_needed  # a fixture
from foreign_store import foreign_store, is_foreign
from portal_on_store import PortalOnStore
from random_files import random_file

from s3portal.server.testing import RunningServer
from s3portal.transfer import TransferSettings, checksum_algorithm, open_store


@pytest.fixture
def open_portal(request: pytest.FixtureRequest) -> Callable[..., PortalOnStore]:
    """Opens a portal on the store; settings of the transfers by name."""

    def open_on_store(**settings: Any) -> PortalOnStore:
        if is_foreign():
            return PortalOnStore(foreign_store(**settings))
        s3_server: RunningServer = request.getfixturevalue("s3_server")
        user = s3_server.users["portal"]
        store = open_store(
            TransferSettings(
                s3_bucket="test-bucket",
                s3_endpoint=s3_server.endpoint,
                s3_access_key_id=user.access_key_id,
                s3_secret_access_key=user.secret_access_key,
                **settings,
            )
        )
        # The first upload asks the store what checksums it has: not among the requests of a test.
        checksum_algorithm(store)
        s3_server.requests.clear()
        return PortalOnStore(store)

    return open_on_store


@pytest.fixture
def content_of(open_portal: Callable[..., PortalOnStore]) -> Callable[[str], bytes]:
    """What the store has under a key."""
    store = open_portal().store
    return lambda key: store.client().get_object(Bucket=store.bucket, Key=key)["Body"].read()


@pytest.fixture
def make_file(tmp_path: Path) -> Callable[[int], Path]:
    """Makes gauges.csv, of so many bytes."""
    return lambda size_bytes: random_file(tmp_path / "gauges.csv", size_bytes)
