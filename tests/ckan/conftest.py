"""A real CKAN with the extension, on embedded PostgreSQL, before a real S3 server: started once for all
tests.

CKAN's own fixtures make an application and an empty database for every test, which takes seconds; here each
test has users, organisations and datasets of its own instead.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace

import ckan.plugins as p
import pytest
from callers import Caller, new_publisher
from ckan import model
from ckan.cli.db import _run_migrations
from ckan.common import config as ckan_settings
from ckan.tests import helpers
from ckan.tests.helpers import CKANTestApp

from ckanext.s3multipart.settings import PREFIX, portal_store
from ckanext.s3multipart.uploads import adoption, discovery
from s3portal.server.pytest_plugin import BUCKET, ROLE_ARN, server_config
from s3portal.server.testing import RunningServer


def pytest_configure(config: pytest.Config) -> None:
    """The marker of the tests that also run on CKAN 2.10 and 2.11."""
    config.addinivalue_line("markers", "smoke: uploads and downloads, on every CKAN that is supported")


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """The S3 server, one for all tests: keys begin with ids, so tests do not meet in the bucket."""
    with RunningServer(tmp_path_factory.mktemp("s3"), server_config()) as server:
        yield server


@pytest.fixture(scope="session")
def store_settings(s3_server: RunningServer) -> dict[str, str]:
    """The settings of a portal that uploads to the S3 server of the tests."""
    user = s3_server.users["portal"]
    return {
        f"{PREFIX}s3_bucket": BUCKET,
        f"{PREFIX}s3_endpoint": s3_server.endpoint,
        f"{PREFIX}s3_access_key_id": user.access_key_id,
        f"{PREFIX}s3_secret_access_key": user.secret_access_key,
        f"{PREFIX}s3_role": ROLE_ARN,
        f"{PREFIX}enabled_orgs": "*",
    }


@pytest.fixture(scope="session")
def ckan_app(store_settings: dict[str, str]) -> Iterator[CKANTestApp]:
    """The application, its plugins loaded and its tables made."""
    ckan_settings.update(store_settings)
    ckan_settings["ckan.plugins"] = "s3multipart example_idatasetform_v6 s3portal_demo_search"
    app = helpers._get_test_app()
    _run_migrations("s3multipart", "head", True)
    yield app
    p.unload_all()


@pytest.fixture(autouse=True)
def portal(
    ckan_app: CKANTestApp,
    ckan_config,
    s3_server: RunningServer,
    store_settings: dict[str, str],
    request: pytest.FixtureRequest,
) -> Iterator[CKANTestApp]:
    """The application for one test, with the settings that the test is marked with."""
    ckan_config.update(store_settings)
    ckan_config.update(mark.args for mark in request.node.iter_markers("ckan_config"))
    yield ckan_app
    s3_server.faults.clear()
    # What one test did to the store is not held against it in the next.
    for gate in ("gate s3", "gate sts"):
        portal_store()._opened.pop((os.getpid(), gate), None)
    model.Session.rollback()
    model.Session.remove()


@pytest.fixture(autouse=True)
def unhurried_listings(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine, too, a listing finds and copies what is there before it is answered."""
    monkeypatch.setattr(discovery, "CALL", replace(discovery.CALL, within_s=120))
    monkeypatch.setattr(adoption, "_SMALL_COPIED_WITHIN_S", 60)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """botocore's retries come at once."""
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)


@pytest.fixture
def publisher(portal: CKANTestApp) -> Caller:
    """A user who may edit the datasets of an organisation, and one such dataset."""
    return new_publisher(portal)


@pytest.fixture
def another_publisher(portal: CKANTestApp) -> Caller:
    """A user with another organisation and another dataset."""
    return new_publisher(portal)


@pytest.fixture
def anonymous(portal: CKANTestApp) -> Caller:
    """Somebody who is not signed in."""
    return Caller(portal)


@pytest.fixture
def setting(ckan_config, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, object], None]:
    """Changes a setting of the extension for the rest of the test: ``setting("org_quota", "1 GB")``."""
    return lambda name, value: monkeypatch.setitem(ckan_config, PREFIX + name, value)
