"""The distribution that stands in for indico-plugin-storage-s3: built, installed beside s3portal, and
upgraded the way an administrator does, from wheels in a folder.
"""

import base64
import hashlib
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
PLACEHOLDER = CHECKOUT / "placeholders" / "indico-plugin-storage-s3"
# The meta package of the Indico that runs on this Python wants the plugin of its own series.
SERIES = "3.3" if sys.version_info >= (3, 12) else "3.2"
STOCK = f"{SERIES}.3"

#: Which distributions define the plugin, and whose the module is that others import.
SEEN = """
import importlib.metadata, importlib.util, json, pathlib
points = importlib.metadata.entry_points(group="indico.plugins", name="storage_s3")
plugins = [point.value for point in points]
spec = importlib.util.find_spec("indico_storage_s3")
source = pathlib.Path(spec.origin).with_name("plugin.py").read_text() if spec else ""
print(json.dumps([plugins, "stock" if "stock" in source else "ours" if source else None]))
"""
OURS = "indico_plugin.replaces_indico_plugin_storage_s3:S3StoragePlugin"


def write_wheel(folder: Path, name: str, version: str, *, files=None, requires=(), entry_points="") -> Path:
    """A wheel, as pip installs it (Binary distribution format, PyPA)."""
    module = name.replace("-", "_")
    information = f"{module}-{version}.dist-info"
    required = "".join(f"Requires-Dist: {each}\n" for each in requires)
    content = {
        **(files or {}),
        f"{information}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{required}",
        f"{information}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{information}/entry_points.txt": entry_points,
    }
    lines = [f"{path},sha256={_digest(text)},{len(text.encode())}" for path, text in content.items()]
    path = folder / f"{module}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for each, text in content.items():
            wheel.writestr(each, text)
        wheel.writestr(f"{information}/RECORD", "\n".join([*lines, f"{information}/RECORD,,"]) + "\n")
    return path


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """A folder of wheels: this checkout, the placeholder, the plugin that it stands in for in two
    releases, and the meta package that requires it."""
    folder = tmp_path_factory.mktemp("index")
    for project in (CHECKOUT, PLACEHOLDER):
        source = tmp_path_factory.mktemp("source") / "project"
        # setuptools writes beside the sources.
        ignored = shutil.ignore_patterns(
            ".*", "node_modules", "tests", "docs", "benchmarks", "*.egg-info", "build"
        )
        shutil.copytree(project, source, ignore=ignored)
        build = ["wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, source]
        subprocess.run([sys.executable, "-m", "pip", *build], check=True, capture_output=True)
    for version in (STOCK, f"{SERIES}.4"):
        write_wheel(
            folder, "indico-plugin-storage-s3", version,
            files={
                f"indico_storage_s3/{name}.py": "# stock\nclass S3StoragePlugin:\n    pass\n"
                for name in ("__init__", "plugin", "storage", "task", "import_event_files", "migrate")
            },
            entry_points="[indico.plugins]\nstorage_s3 = indico_storage_s3.plugin:S3StoragePlugin\n",
        )  # fmt: skip
    for version in (f"{SERIES}.7", f"{SERIES}.8"):
        next_series = f"{SERIES.split('.')[0]}.{int(SERIES.split('.')[1]) + 1}"
        requires = [f"indico-plugin-storage-s3<{next_series}.dev0,>={STOCK}"]
        write_wheel(folder, "indico-plugins", version, requires=requires)
    for name in ("boto3", "click", "rich"):
        write_wheel(folder, name, "99.0")
    return folder


class Environment:
    """A Python environment into which pip installs from the folder of wheels alone."""

    def __init__(self, folder: Path, index: Path) -> None:
        self._index = index
        self._python = folder / "bin" / "python"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)

    def pip(self, command: str, *arguments: str) -> None:
        options = ["--quiet", "--no-index", "--find-links", self._index] if command == "install" else []
        run = subprocess.run(
            [sys.executable, "-m", "pip", "--python", self._python, command, *options, *arguments],
            env={"PATH": "/usr/bin:/bin", "PIP_CONFIG_FILE": "/dev/null"},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert run.returncode == 0, run.stderr

    @property
    def seen(self) -> tuple[list[str], str | None]:
        run = subprocess.run([self._python, "-I", "-c", SEEN], capture_output=True, text=True, check=True)
        plugins, modules = json.loads(run.stdout)
        return plugins, modules


@pytest.fixture
def environment(tmp_path, index):
    return Environment(tmp_path / "environment", index)


def test_it_replaces_the_plugin_that_is_there_and_stays_when_the_meta_package_is_upgraded(environment):
    environment.pip("install", f"indico-plugins=={SERIES}.7", f"indico-plugin-storage-s3=={STOCK}")
    assert environment.seen == (["indico_storage_s3.plugin:S3StoragePlugin"], "stock")
    environment.pip("install", "s3portal[indico]", f"indico-plugin-storage-s3=={SERIES}.99+s3portal")
    assert environment.seen == ([OURS], "ours")
    environment.pip("install", "--upgrade", "indico-plugins")
    assert environment.seen == ([OURS], "ours")
    environment.pip("install", "--upgrade", "--upgrade-strategy", "eager", "indico-plugins", "s3portal")
    assert environment.seen == ([OURS], "ours")


def test_installing_ours_and_then_uninstalling_the_other_leaves_a_plugin(environment):
    environment.pip("install", f"indico-plugin-storage-s3=={STOCK}")
    environment.pip("install", "s3portal[indico]")
    # Both are there: Indico would not start.
    assert len(environment.seen[0]) == 2
    environment.pip("uninstall", "--yes", "indico-plugin-storage-s3")
    assert environment.seen == ([OURS], None)
    environment.pip("install", f"indico-plugin-storage-s3=={SERIES}.99+s3portal")
    assert environment.seen == ([OURS], "ours")


def test_without_the_placeholder_a_constraint_keeps_the_other_one_out(environment, tmp_path):
    environment.pip("install", "s3portal[indico]")
    constraints = tmp_path / "constraints.txt"
    constraints.write_text(f"indico-plugin-storage-s3=={SERIES}.99+s3portal\n")
    environment.pip("install", "--constraint", str(constraints), "indico-plugins")
    assert environment.seen == ([OURS], "ours")


def test_its_modules_have_what_others_import_of_that_name(context, monkeypatch):
    monkeypatch.syspath_prepend(str(PLACEHOLDER))
    from indico_storage_s3.import_event_files import copy_files
    from indico_storage_s3.plugin import DynamicS3Storage, S3StoragePlugin
    from indico_storage_s3.storage import (
        ReadOnlyDynamicS3Storage,
        ReadOnlyS3Storage,
        S3Storage,
        S3StorageBase,
    )
    from indico_storage_s3.task import create_bucket

    from indico_plugin.plugin import S3StoragePlugin as ours

    assert S3StoragePlugin is ours
    assert all(
        issubclass(each, S3StorageBase)
        for each in (S3Storage, DynamicS3Storage, ReadOnlyS3Storage, ReadOnlyDynamicS3Storage)
    )
    # The name under which Celery knew it.
    assert create_bucket.name == "indico_storage_s3.task.create_bucket"
    assert callable(copy_files)


def test_with_the_other_plugin_beside_ours_the_start_says_which_to_uninstall(make_site, tmp_path):
    wheel = write_wheel(
        tmp_path, "indico-plugin-storage-s3", STOCK,
        files={f"indico_storage_s3/{name}.py": "S3StoragePlugin = None\n" for name in ("__init__", "plugin")},
        entry_points="[indico.plugins]\nstorage_s3 = indico_storage_s3.plugin:S3StoragePlugin\n",
    )  # fmt: skip
    folder = tmp_path / "site-packages"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    site = make_site()
    site.python_path = str(folder)
    run = site.indico_in_a_shell("s3", "doctor")
    assert run.returncode != 0
    log = (site.folder / "log" / "indico.log").read_text()
    assert (
        "Plugin name storage_s3 is not unique (defined in indico_storage_s3.plugin,"
        " indico_plugin.replaces_indico_plugin_storage_s3)"
    ) in log
