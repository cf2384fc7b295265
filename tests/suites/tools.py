"""Nox, and the state of the environments that it keeps: what bin/test looks at before any suite runs."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from s3portal.demo.interpreter import as_text, find_python, pythons_here, version_of

CHECKOUT = Path(__file__).resolve().parents[2]
ENVIRONMENTS = CHECKOUT / ".nox"


def nox_command() -> list[str]:
    """Nox in an environment of its own, made at the first run."""
    remove_broken_environments()
    tools = ENVIRONMENTS / "tools"
    maker, python = find_python(), tools / "bin" / "python"
    pin = next(
        line for line in (CHECKOUT / "dev-requirements.txt").read_text().splitlines() if line[:4] == "nox="
    )
    stamp, wanted = tools / "installed", f"{pin} on Python {as_text(own_version(maker))}"
    if not stamp.exists() or stamp.read_text("utf-8") != wanted:
        if stamp.exists():
            print(f"The environments in .nox were made for {stamp.read_text('utf-8')}; now it is {wanted}.")
        if subprocess.run([maker, "-m", "venv", "--clear", tools]).returncode != 0:
            sys.exit(f"bin/test: {maker} makes no environment. On Debian: apt install python3-venv.")
        subprocess.run([python, "-m", "pip", "install", "--quiet", pin], check=True)
        stamp.write_text(wanted, "utf-8")
    return [str(python), "-m", "nox", "--noxfile", str(CHECKOUT / "noxfile.py")]


def own_version(python: str) -> tuple[int, int]:
    """The version of the Python that makes the environments."""
    return sys.version_info[:2] if python == sys.executable else version_of(python)


def remove_broken_environments() -> None:
    """Removes each environment whose Python was replaced by another version or is gone: nox would use it."""
    for configuration in ENVIRONMENTS.glob("*/pyvenv.cfg"):
        folder = configuration.parent
        made_with = re.search(r"^version *= *(\d+)\.(\d+)", configuration.read_text("utf-8"), re.MULTILINE)
        if made_with and version_of(str(folder / "bin" / "python")) != tuple(map(int, made_with.groups())):
            print(f"The Python of .nox/{folder.name} was {'.'.join(made_with.groups())} and has changed.")
            shutil.rmtree(folder)


def suites_of_pythons() -> tuple[list[str], list[str]]:
    """The suites for the oldest and the newest Python of this machine, and those for the others on it, apart
    from the one that the other suites run on."""
    here = list(pythons_here())
    own = own_version(find_python())
    edges = sorted({here[0], here[-1]} - {own}) if here else []
    others = [version for version in here if version not in (own, *edges)]
    return [f"core-{as_text(v)}" for v in edges], [f"core-{as_text(v)}" for v in others]
