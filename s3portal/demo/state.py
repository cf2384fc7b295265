"""The folder that the demo keeps everything in: whose it is, who uses it now, whether there is room."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from s3portal.demo.failure import DemoError

# What a start needs besides the files that are published.
MIN_FREE_BYTES = 300 * 1000 * 1000
# The environment is made by bin/demo and belongs to the code, not to the data.
_KEPT_ON_RESET = {"venv", "lock"}


@contextlib.contextmanager
def sole_use(folder: Path) -> Iterator[None]:
    """Holds the folder for this process. Raises DemoError where it cannot be written or is in use."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("a+")
    except PermissionError:
        raise DemoError(
            f"{folder} cannot be written by this user. Was it made by root? Start the demo as its owner, "
            "or remove it, or choose another with --folder."
        ) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise DemoError(
                f"Another demo runs on {folder} (process {lock.read().strip()}). Stop it first, or choose "
                "another folder with --folder and another port with --port."
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def require_room(folder: Path, wanted_bytes: int = MIN_FREE_BYTES) -> None:
    """Raises DemoError where the disk of the folder has less free space than that."""
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < wanted_bytes:
        raise DemoError(
            f"The disk of {folder} has {_megabytes(free_bytes)} left; {_megabytes(wanted_bytes)} are needed. "
            "Free some space, or choose a folder on another disk with --folder."
        )


def reset(folder: Path) -> None:
    """Removes every dataset, file, user and password in the folder."""
    for entry in folder.iterdir():
        if entry.name in _KEPT_ON_RESET:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1000**2:,.0f} MB"
