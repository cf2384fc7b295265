"""bin/demo from a fresh checkout: nothing is there but Python and the package index."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from held_port import held_port

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture
def fresh_checkout(tmp_path: Path) -> Path:
    """A copy of this checkout without anything that was made in it, in a folder with a blank in its name."""
    copy = tmp_path / "fresh checkout"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=CHECKOUT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (CHECKOUT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / name, copy / name)
    return copy


def run_demo(checkout: Path, *options: object) -> subprocess.CompletedProcess[str]:
    """Runs bin/demo to its end, as from a shell in which no environment is active."""
    clean = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    return subprocess.run(
        [sys.executable, checkout / "bin" / "demo", *map(str, options)],
        env=clean,
        cwd=checkout.parent,
        capture_output=True,
        text=True,
    )


@pytest.fixture
def ports() -> Iterator[tuple[object, ...]]:
    """Held, and not only chosen: the first run listens minutes later, when its environment is made."""
    with held_port() as port, held_port() as s3_port, held_port() as console_port:
        yield ("--port", port, "--s3-port", s3_port, "--console-port", console_port)


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git to tell the project's files from others")
@pytest.mark.timeout(1800)
def test_one_command_makes_everything_and_publishes_a_file(fresh_checkout, ports, tmp_path):
    file = tmp_path / "levels.csv"
    file.write_bytes(os.urandom(6 * 1024 * 1024))
    project = {path.name for path in fresh_checkout.iterdir()}

    first = run_demo(fresh_checkout, *ports, "--publish", file)
    assert first.returncode == 0, first.stdout + first.stderr
    assert hashlib.sha256(file.read_bytes()).hexdigest() in first.stdout
    assert "Making the environment" in first.stdout

    second = run_demo(fresh_checkout, *ports, "--publish", file)
    assert second.returncode == 0, second.stdout + second.stderr
    assert "Making the environment" not in second.stdout

    # Everything is in .demo/, but for what pip leaves in a checkout and git ignores.
    assert {path.name for path in fresh_checkout.iterdir()} - project <= {
        ".demo",
        "s3portal.egg-info",
        "build",
    }
