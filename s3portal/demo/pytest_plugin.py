"""Gives CKAN's own pytest plugin what it needs, from wheels alone: `pytest -p s3portal.demo.pytest_plugin`.

Starts PostgreSQL and Redis in a temporary folder, writes a CKAN configuration with search on PostgreSQL and
hands it over as `--ckan-ini`, unless one was given. Everything is stopped and removed at the end.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pylibmagic  # noqa: F401  (before CKAN, which loads the library through python-magic)
import pytest

from s3portal.demo.configuration import CkanConfiguration, write_ckan_ini
from s3portal.demo.postgres import Postgres
from s3portal.demo.process import run_to_end
from s3portal.demo.redis import Redis

TEST_SETTINGS = {
    # CKAN's own tests ask for these; see its test-core.ini.
    "ckan.site_id": "test.ckan.net",
    "ckan.site_title": "CKAN",
    "ckan.extra_resource_fields": "alt_url",
    "testing": "true",
    "ckan.plugins": "s3portal_demo_search",
    "ckan.auth.user_create_organizations": "true",
    "ckan.auth.user_create_groups": "true",
    "ckan.auth.create_dataset_if_not_in_organization": "true",
    "ckan.auth.create_user_via_web": "true",
    "ckan.auth.create_unowned_dataset": "true",
    "WTF_CSRF_ENABLED": "false",
}

# CKAN's plugin acts on these without declaring them, which --strict-markers refuses.
CKAN_MARKERS = ("ckan_config(name, value)", "with_plugins(*names)", "provide_plugin(name, class_)")

_STACK = pytest.StashKey[ExitStack]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Settings for the test site, and nothing else, come from the command line."""
    parser.addoption(
        "--ckan-setting",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a line for the CKAN configuration of the tests; may be repeated",
    )


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Starts the services before CKAN's plugin looks for its configuration."""
    for marker in CKAN_MARKERS:
        config.addinivalue_line("markers", f"{marker}: see ckan.tests.pytest_ckan")
    if config.option.ckan_ini or config.option.collectonly or config.option.help:
        return
    stack = config.stash.setdefault(_STACK, ExitStack())
    settings = dict(line.split("=", 1) for line in config.getoption("--ckan-setting"))
    config.option.ckan_ini = str(stack.enter_context(ckan_for_tests(settings)))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stops them."""
    if _STACK in config.stash:
        config.stash[_STACK].close()


@contextmanager
def ckan_for_tests(settings: dict[str, str]) -> Iterator[Path]:
    """The path of a CKAN .ini for tests, its services running and its database tables made."""
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="s3portal-tests-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        postgres = Postgres(folder / "postgres", durable=False)
        redis = Redis(folder / "redis")
        stack.callback(postgres.stop)
        stack.callback(redis.stop)
        redis.launch()
        postgres.start()
        redis.wait_until_ready()
        ini = write_ckan_ini(
            folder / "ckan.ini",
            CkanConfiguration(
                site_url="http://test.ckan.net",
                database_url=postgres.url(),
                redis_url=redis.url,
                storage_folder=folder / "storage",
                settings=TEST_SETTINGS | settings,
            ),
        )
        run_to_end(
            "ckan db init",
            [sys.executable, "-m", "s3portal.demo.ckan_command", "-c", ini, "db", "init"],
            log=folder / "ckan-db-init.log",
        )
        yield ini
