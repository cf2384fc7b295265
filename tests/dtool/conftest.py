"""What the tests of the dtool broker share.

They run on the bundled server, or on any other store that the environment names (foreign.py). Tests that
count requests or switch on faults take ``server_bucket`` or ``bundled``, which is always the bundled one's.
What a test needs of a store beyond what all have it says by ``needs``, and is skipped with that reason
elsewhere.

Tests against stock dtool-s3 need it in an environment of its own, whose Python
``S3PORTAL_STOCK_DTOOL_PYTHON`` names; ``bin/test dtool`` makes it.
"""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path

import dtoolcore
import dtoolcore.utils
import pytest
from botocore_files import botocores_files_are_read_once as botocores_files_are_read_once  # a fixture
from datasets import Bucket, Command, ForkingDtool
from foreign import FOREIGN, NEEDS, UNDERSCORES

from s3portal.dtool import drop_in, settings

STOCK_PYTHON = os.environ.get("S3PORTAL_STOCK_DTOOL_PYTHON", "")


@pytest.fixture
def server_bucket(s3_server) -> Bucket:
    """The bucket of the bundled server, whatever the environment names."""
    admin = s3_server.users["admin"]
    return Bucket("test-bucket", s3_server.endpoint, admin.access_key_id, admin.secret_access_key)


@pytest.fixture
def bucket(request: pytest.FixtureRequest, home: Path, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """The bucket that the tests write to, with dtool's settings for it in the environment."""
    bucket = FOREIGN or request.getfixturevalue("server_bucket")
    for mark in request.node.iter_markers("needs"):
        skip_without(bucket, mark.args[0])
    for name, value in bucket.settings.items():
        monkeypatch.setenv(name, value)
    return bucket


def skip_without(bucket: Bucket, need: str) -> None:
    """Skips the test on another store than the bundled one that does not meet what it needs."""
    if FOREIGN and not meets(bucket, need):
        pytest.skip(f"NOT RUN on {bucket.endpoint or 'AWS'}: it needs a store where {need}")


@lru_cache
def meets(bucket: Bucket, need: str) -> bool:
    return NEEDS[need](bucket)


@pytest.fixture
def bundled(server_bucket: Bucket, home: Path, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """The bundled server's bucket, with dtool's settings for it in the environment."""
    for name, value in server_bucket.settings.items():
        monkeypatch.setenv(name, value)
    return server_bucket


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of nobody: no settings, no AWS configuration, an empty cache, and nothing remembered."""
    folder = tmp_path / "home"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith(("DTOOL_", "AWS_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setattr(dtoolcore.utils, "DEFAULT_CONFIG_PATH", str(folder / ".config/dtool/dtool.json"))
    monkeypatch.setattr(dtoolcore.utils, "DEFAULT_CACHE_PATH", str(folder / ".cache/dtool"))
    settings.store_of.cache_clear()
    drop_in.warn_of_dtool_s3.cache_clear()
    drop_in.warn_of_unsuffixed_settings.cache_clear()
    return folder


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """botocore's retries come at once."""
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)


@pytest.fixture
def on_disk(tmp_path: Path) -> Callable[..., str]:
    """Makes a frozen dataset on the disk, ``{relpath: content}``, and returns its path."""

    def make(items: Mapping[str, bytes], name: str = "rivers") -> str:
        base = Path(tempfile.mkdtemp(dir=tmp_path))
        with dtoolcore.DataSetCreator(name, str(base), readme_content="description: rivers\n") as creator:
            for relpath, content in items.items():
                Path(creator.prepare_staging_abspath_promise(relpath)).write_bytes(content)
        return str(base / name)

    return make


@pytest.fixture
def proto(bucket: Bucket) -> dtoolcore.ProtoDataSet:
    """A new proto dataset in the bucket."""
    return dtoolcore.create_proto_dataset("rivers", bucket.uri, "description: rivers\n")


@pytest.fixture(scope="session")
def forking_dtool() -> Iterator[ForkingDtool]:
    dtool = ForkingDtool(sys.executable)
    yield dtool
    dtool.stop()


@pytest.fixture(scope="session")
def forking_stock() -> Iterator[ForkingDtool]:
    if not STOCK_PYTHON:
        pytest.skip("NOT RUN: S3PORTAL_STOCK_DTOOL_PYTHON does not name a Python with stock dtool-s3")
    stock = ForkingDtool(STOCK_PYTHON)
    yield stock
    stock.stop()


@pytest.fixture
def dtool(home: Path, forking_dtool: ForkingDtool) -> ForkingDtool:
    """The dtool command line with our broker."""
    return forking_dtool


@pytest.fixture
def stock(bucket: Bucket, forking_stock: ForkingDtool) -> ForkingDtool:
    """The dtool command line with stock dtool-s3."""
    skip_without(bucket, UNDERSCORES)
    return forking_stock


@pytest.fixture
def shell(home: Path) -> Command:
    """The dtool command line with our broker, started as from a shell."""
    return Command(sys.executable)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(need): what the test needs of a store, of foreign.py's NEEDS")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says loudly what a missing environment leaves out."""
    if not STOCK_PYTHON:
        terminalreporter.write_line(
            "NOT RUN: tests against stock dtool-s3. Set S3PORTAL_STOCK_DTOOL_PYTHON, or run bin/test dtool.",
            red=True,
            bold=True,
        )


@pytest.fixture
def moto_endpoint() -> Iterator[str]:
    """moto's server, which knows the ACLs that the bundled server does not."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()
