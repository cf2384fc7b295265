"""Chooses the Python that the environments are made with. Standard library only: `bin/` runs it bare."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

#: What the pinned requirements install on, newest first.
SUPPORTED = ((3, 14), (3, 13), (3, 12), (3, 11), (3, 10))

#: Where version managers keep the Pythons that they do not put on the PATH.
KEPT_BY_VERSION_MANAGERS = (
    ("PYENV_ROOT", "~/.pyenv", "versions/{version}.*/bin/python{version}"),
    ("UV_PYTHON_INSTALL_DIR", "~/.local/share/uv/python", "cpython-{version}.*/bin/python{version}"),
)

#: Prints the version if all is there that an environment needs. Some distributions package parts of it apart.
_ASK = """
import sys
from importlib.util import find_spec
if not all(map(find_spec, ("_sqlite3", "_ssl", "ensurepip", "venv"))):
    sys.exit(1)
print(*sys.version_info[:2])
"""


def find_python() -> str:
    """The path of a supported Python: the running one where it fits, else the newest on this machine.

    Raises SystemExit with a message for the person at the shell where there is none.
    """
    if sys.version_info[:2] in SUPPORTED:
        return sys.executable
    for path in pythons_here().values():
        return path
    raise SystemExit(
        f"s3portal needs Python {as_text(SUPPORTED[-1])} to {as_text(SUPPORTED[0])}; "
        f"this is {sys.version.split()[0]} and no other was found. Install one of them and try again."
    )


def pythons_here() -> dict[tuple[int, int], str]:
    """The path of each supported Python that runs on this machine, newest first."""
    found = {}
    for version in SUPPORTED:
        for candidate in _candidates(version):
            if version_of(candidate) == version:
                found[version] = candidate
                break
    return found


def version_of(python: str) -> tuple[int, int] | None:
    """The version of an interpreter that can make environments; None where it does not run, or lacks venv."""
    # A version manager's shim may stand on the PATH for a version that is not installed.
    try:
        answer = subprocess.run([python, "-I", "-S", "-c", _ASK], capture_output=True, text=True)
    except OSError:
        return None
    if answer.returncode != 0:
        return None
    major, minor = answer.stdout.split()
    return int(major), int(minor)


def as_text(version: tuple[int, int]) -> str:
    """``3.12``."""
    return ".".join(map(str, version))


def _candidates(version: tuple[int, int]) -> Iterator[str]:
    """Paths at which a Python of this version may be."""
    if sys.version_info[:2] == version:
        yield sys.executable
    if on_path := shutil.which(f"python{as_text(version)}"):
        yield on_path
    for variable, usual_folder, pattern in KEPT_BY_VERSION_MANAGERS:
        folder = Path(os.environ.get(variable) or usual_folder).expanduser()
        kept = folder.glob(pattern.format(version=as_text(version)))
        yield from map(str, sorted(kept, reverse=True))
