"""Locks on files, by which processes on one machine keep out of each other's begun work."""

import sys
from typing import BinaryIO

if sys.platform == "win32":

    def try_lock(file: BinaryIO) -> bool:
        """Never: without such locks nothing is shared, so each process begins its own work."""
        return False

else:
    import fcntl

    def try_lock(file: BinaryIO) -> bool:
        """Whether this process has the file for itself now, until it is closed."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            # Another process has it, or the file system (some NFS) knows no locks.
            return False
        return True
