"""What the tests of the package share: this checkout's files, and runs outside of it."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


def files_of_checkout() -> list[str]:
    """The files that git knows or would add, as paths from the top."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=CHECKOUT,
        check=True,
        capture_output=True,
        text=True,
    )
    return [name for name in listed.stdout.split("\0") if name and (CHECKOUT / name).is_file()]


def copy_checkout(folder: Path) -> Path:
    """A copy of this checkout without anything that was made in it."""
    for name in files_of_checkout():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(CHECKOUT / name, folder / name)
    return folder


def clean_environment(**more: str) -> dict[str, str]:
    """The environment of a shell in which nothing points at this checkout."""
    named = ("PYTHONPATH", "VIRTUAL_ENV")
    return {**{name: value for name, value in os.environ.items() if name not in named}, **more}


def run(*command: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a program to its end in an empty folder."""
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run(
            [str(word) for word in command],
            cwd=folder,
            env=clean_environment(**environment),
            capture_output=True,
            text=True,
        )


def is_on_this_checkout(python: Path) -> bool:
    """Whether that Python imports s3portal from here."""
    done = run(python, "-c", "import s3portal; print(s3portal.__file__)")
    return done.stdout.startswith(str(CHECKOUT))
