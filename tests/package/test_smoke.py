"""The wheel in an empty environment: its command, its server, and one upload by its own client."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaged import CHECKOUT, clean_environment, run

#: The upload protocol without a portal, which the client's own tests use too. It imports s3portal alone.
PORTAL = os.pathsep.join(str(CHECKOUT / "tests" / folder) for folder in ("client/core", "shared"))

PUBLISH = """
import json, os, sys
from pathlib import Path

from portal_on_store import PortalOnStore

from s3portal.client.publishing import Target, publish_file
from s3portal.transfer import TransferSettings, open_store

endpoint, key_file, path = sys.argv[1], json.loads(Path(sys.argv[2]).read_text()), Path(sys.argv[3])
settings = TransferSettings(
    s3_bucket="rivers",
    s3_endpoint=endpoint,
    s3_access_key_id=key_file["access_key_id"],
    s3_secret_access_key=key_file["secret_access_key"],
)
store = open_store(settings)
store.client().create_bucket(Bucket="rivers")
portal = PortalOnStore(store)
publish_file(portal, path, Target("gauges"))
(resource,) = portal.published
got = store.client().get_object(Bucket="rivers", Key=resource["url"])["Body"].read()
assert got == path.read_bytes(), "other bytes came back"
print(len(got), "bytes came back")
"""


@pytest.fixture
def server(python: Path, tmp_path: Path) -> Iterator[str]:
    """The endpoint of `s3portal server` with its data in ``tmp_path``."""
    command = [python.with_name("s3portal"), "server", "--root", tmp_path / "s3", "--port", "0"]
    with subprocess.Popen(
        command, env=clean_environment(PYTHONUNBUFFERED="1"), cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        ready = re.match(r"S3 server: (\S+),", process.stdout.readline())
        try:
            assert ready
            yield ready[1]
        finally:
            process.terminate()
        assert process.wait(timeout=60) == 0


def test_the_command_says_what_it_can_do(python: Path) -> None:
    command = python.with_name("s3portal")
    done = run(command, "--help")
    assert done.returncode == 0, done.stderr
    assert {"server", "upload"} <= set(done.stdout.split())
    assert (
        run(command, "--version")
        .stdout.strip()
        .endswith(run(python, "-c", "import s3portal; print(s3portal.__version__)").stdout.strip())
    )


def test_every_module_that_needs_no_portal_can_be_imported(python: Path) -> None:
    done = run(python, "-W", "error::SyntaxWarning", "-c", (
        "import importlib, pkgutil, s3portal\n"
        "needs_more = ('s3portal.console', 's3portal.dtool', 's3portal.demo',\n"
        "              's3portal.server.pytest_plugin')\n"
        "names = [m.name for m in pkgutil.walk_packages(s3portal.__path__, 's3portal.')\n"
        "         if not m.name.startswith(needs_more) and not m.name.endswith('__main__')]\n"
        "for name in names:\n"
        "    try: importlib.import_module(name)\n"
        "    except ModuleNotFoundError as missing:\n"
        "        if missing.name not in ('babel', 'sqlalchemy'): raise  # CKAN and Indico bring these\n"
        "print(len(names))"
    ))  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 50


def test_the_web_folders_are_found(python: Path) -> None:
    done = run(python, "-c", (
        "from s3portal.portal.web import web_folder\n"
        "print(web_folder('js'), web_folder('templates'), sep='\\n')"
    ))  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert all("site-packages" in line for line in done.stdout.splitlines())


def test_a_file_goes_to_its_server_by_its_client_and_comes_back(
    python: Path, server: str, tmp_path: Path
) -> None:
    file = tmp_path / "gauges.csv"
    file.write_bytes(b"gauge;level\n" * 1_000_000)
    key_file = tmp_path / "s3" / "root-access-key.json"
    done = run(python, "-c", PUBLISH, server, key_file, file, PYTHONPATH=PORTAL)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "12000000 bytes came back" in done.stdout
