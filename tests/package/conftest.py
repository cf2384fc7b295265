"""The sdist of this checkout, the wheel built from that sdist, and an empty environment with the wheel.

Nothing of this checkout is importable here: the tests run what a stranger would install.
"""

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from packaged import CHECKOUT, copy_checkout, is_on_this_checkout

REQUIREMENTS = CHECKOUT / "requirements"


def build(kind: str, sources: Path, folder: Path, path: str = "") -> Path:
    """The one file that the build writes: ``kind`` is sdist or wheel."""
    environment = {**os.environ, "PIP_CONSTRAINT": str(REQUIREMENTS / "package.txt")}
    environment["PATH"] = os.pathsep.join(filter(None, (path, os.environ["PATH"])))
    command = [sys.executable, "-m", "build", f"--{kind}", "--outdir", folder, sources]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="session")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist, from the files that git knows."""
    sources = copy_checkout(tmp_path_factory.mktemp("checkout"))
    return build("sdist", sources, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="session")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, from the sdist alone, on a machine whose Node.js and npm fail."""
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder)
    (sources,) = folder.iterdir()
    broken = tmp_path_factory.mktemp("broken")
    for name in ("node", "npm", "npx"):
        (broken / name).write_text("#!/bin/sh\nexit 1\n")
        (broken / name).chmod(0o755)
    return build("wheel", sources, tmp_path_factory.mktemp("wheel"), path=str(broken))


@pytest.fixture(scope="session")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the wheel, its extras server and upload, and nothing else."""
    folder = tmp_path_factory.mktemp("empty") / "venv"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-compile"]
    constraint = REQUIREMENTS / "core.txt"
    done = subprocess.run(
        [*pip, "--constraint", constraint, f"{wheel}[server,upload]"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert not is_on_this_checkout(python)
    return python
