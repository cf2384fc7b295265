"""What runs on this machine remember between each other: a folder of the user's, and locks on files in it."""

import os
import sys
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import IO, Any


class Lock(Enum):
    """How an attempt to lock a file ended. Where there are no locks, nothing is known."""

    OURS = "ours"
    HELD = "held by another process"
    UNKNOWN = "unknown"


if sys.platform == "win32":

    def try_lock(file: IO[Any]) -> Lock:
        """UNKNOWN: these locks are POSIX's."""
        return Lock.UNKNOWN

else:
    import fcntl

    def try_lock(file: IO[Any]) -> Lock:
        """Takes the file for this process, until it is closed or the process ends. Does not wait."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return Lock.HELD
        except OSError:
            # ENOLCK and the like: some network file systems.
            return Lock.UNKNOWN
        return Lock.OURS


def state_folder(kind: str, environment: Mapping[str, str] = os.environ) -> Path | None:
    """A folder for what is remembered, made where it is missing and readable by its user alone; None where
    there can be none, so that nothing is remembered. Source: XDG Base Directory Specification."""
    try:
        base = environment.get("XDG_STATE_HOME") or environment.get("LOCALAPPDATA")
        folder = (Path(base) if base else Path.home() / ".local" / "state") / "s3portal" / kind
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (OSError, RuntimeError):
        return None
    return folder
