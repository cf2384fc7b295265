"""The distribution ``dtool-s3`` of this repository: it satisfies requirements and brings no second broker."""

import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "placeholders" / "dtool-s3"
STOCK_PYTHON = os.environ.get("S3PORTAL_STOCK_DTOOL_PYTHON", "")
OFFLINE = ("--quiet", "--no-index", "--no-deps", "--disable-pip-version-check")


def pip(python, *arguments, env=None):
    done = subprocess.run([python, "-m", "pip", *arguments], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("placeholder")
    source = shutil.copytree(SOURCE, folder / "source")
    pip(sys.executable, "wheel", *OFFLINE, "--no-build-isolation", "--wheel-dir", str(folder), str(source))
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def beside_us(wheel, tmp_path_factory):
    """The environment of a Python that has it installed beside s3portal."""
    site = tmp_path_factory.mktemp("site")
    pip(sys.executable, "install", *OFFLINE, "--target", str(site), str(wheel))
    return {**os.environ, "PYTHONPATH": str(site), "PYTHONWARNINGS": "ignore"}


def told(environment, script, python=sys.executable):
    """What a script prints, as JSON."""
    done = subprocess.run(
        [python, "-c", textwrap.dedent(script)], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("wanted", ["dtool-s3", "dtool-s3>=0.13.0", "dtool-s3>=0.15.0", "dtool-s3<1"])
def test_requirements_on_dtool_s3_are_satisfied(beside_us, wanted):
    said = pip(sys.executable, "install", "--no-index", "--dry-run", "--no-deps", wanted, env=beside_us)
    assert f"Requirement already satisfied: {wanted}" in said
    assert "Would install" not in said


def test_it_requires_what_it_stands_on(beside_us):
    script = "import importlib.metadata as m, json; print(json.dumps(m.requires('dtool-s3')))"
    assert told(beside_us, script) == ["s3portal[dtool]"]


def test_there_is_one_broker_for_s3_and_it_is_ours(beside_us, home):
    assert told(
        beside_us,
        """
        import json, logging, dtoolcore
        from importlib.metadata import entry_points
        said = []
        handler = logging.Handler()
        handler.emit = lambda record: said.append(record.getMessage())
        logging.getLogger("s3portal").addHandler(handler)
        keys = [broker.load().key for broker in entry_points(group="dtool.storage_brokers")]
        import dtool_s3, dtool_s3.storagebroker as theirs
        from s3portal.dtool.broker import S3StorageBroker
        print(json.dumps([
            keys.count("s3"),
            dtoolcore._generate_storage_broker_lookup()["s3"] is S3StorageBroker,
            theirs.S3StorageBroker is S3StorageBroker,
            dtool_s3.__version__,
            said,
        ]))
        """,
    ) == [1, True, True, "0.99+s3portal", []]


def test_what_other_packages_import_is_there(beside_us):
    # dserver's notification plugin, dtool-ecs, and dtool-s3's own tests.
    assert told(
        beside_us,
        """
        import json
        from dtool_s3 import __version__, logger
        from dtool_s3.storagebroker import S3StorageBroker, S3StorageBrokerPutItemError, _STRUCTURE_PARAMETERS
        from dtool_s3.storagebroker import _base64_to_unicode, _unicode_to_base64
        assert issubclass(S3StorageBrokerPutItemError, RuntimeError)
        assert _base64_to_unicode(_unicode_to_base64("Köln.csv")) == "Köln.csv"
        uri = S3StorageBroker.generate_uri(name="any", uuid="c3f1", base_uri="s3://my-bucket")
        structure = _STRUCTURE_PARAMETERS
        print(json.dumps([uri, len(structure), structure["dataset_registration_key"]]))
        """,
    ) == ["s3://my-bucket/c3f1", 13, None]


@pytest.mark.skipif(not STOCK_PYTHON, reason="NOT RUN: S3PORTAL_STOCK_DTOOL_PYTHON is not set")
def test_it_takes_the_place_of_dtool_s3_and_nothing_of_that_stays(wheel, tmp_path):
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "env")], check=True)
    python = str(tmp_path / "env" / "bin" / "python")
    where = "import json, sysconfig; print(json.dumps(sysconfig.get_path('purelib')))"
    theirs, ours = (Path(told(None, where, one)) for one in (STOCK_PYTHON, python))
    for folder in theirs.glob("dtool_s3*"):
        shutil.copytree(folder, ours / folder.name)
    entries = """
        import json
        from importlib.metadata import distribution
        found = distribution("dtool-s3")
        print(json.dumps([found.version, [entry.name for entry in found.entry_points]]))
    """
    assert told(None, entries, python) == ["0.14.1", ["S3StorageBroker"]]
    pip(python, "install", *OFFLINE, str(wheel))
    assert told(None, entries, python) == ["0.99+s3portal", []]
    assert len(list(ours.glob("dtool_s3*"))) == 2
    pip(python, "uninstall", "--yes", "dtool-s3")
    assert list(ours.glob("dtool_s3*")) == []


def test_names_of_dtool_s3s_broker_lead_to_the_same_objects(bucket, proto):
    broker = proto._storage_broker
    (registration,) = broker.s3resource.Bucket(broker.bucket).objects.filter(Prefix=f"dtool-{proto.uuid}")
    assert registration.key == broker.dataset_registration_key
    assert broker.s3client.get_object(Bucket=bucket.name, Key=broker._generate_key("structure_key_suffix"))
    assert broker._get_prefix() == ""
    assert broker.dataset_prefix is None
    for name in ("data", "fragments", "overlays", "annotations", "tags"):
        infix = {"fragments": "fragment"}.get(name, name)
        prefix = getattr(broker, f"{name}_key_prefix")
        assert prefix == f"{proto.uuid}/{name}/" == broker._generate_key_prefix(f"{infix}_key_infix")
