"""Which account a service runs as: PostgreSQL refuses root, so root hands it to `nobody`.

A checkout often lies under a folder that only root may enter (`/root` itself). Opening those folders to
everyone, as the PostgreSQL wheels do themselves, is not ours to decide. So where `nobody` cannot reach
the files, the process keeps one capability of root's: to search folders and read files
(`CAP_DAC_READ_SEARCH`, or `CAP_DAC_OVERRIDE` in containers that lack it), see capabilities(7).
"""

from __future__ import annotations

import ctypes
import os
import pwd
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

from s3portal.demo.failure import DemoError

_PR_SET_SECUREBITS = 28
_SECBIT_NO_SETUID_FIXUP = 1 << 2
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAPABILITY_VERSION_3 = 0x20080522
_CAP_DAC_OVERRIDE = 1
_CAP_DAC_READ_SEARCH = 2
_CAP_SETPCAP = 8  # Lets a process say which capabilities survive a change of user.


@dataclass(frozen=True)
class Account:
    """A user that a service runs as. `capability` is the number of the one it keeps, None for none."""

    uid: int
    gid: int
    capability: int | None = None

    def take_ownership(self, *paths: Path) -> None:
        """Gives the paths, which must be ours, to this account."""
        for path in paths:
            os.chown(path, self.uid, self.gid)

    def become(self) -> None:
        """Turns the running process, a child that is about to exec, into this account permanently."""
        libc = ctypes.CDLL(None, use_errno=True)
        if self.capability is not None:
            # Or else setuid would drop the capability, and access(2), by which PostgreSQL looks for its
            # own programs, would not count it.
            _check(libc.prctl(_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP, 0, 0, 0))
        os.setgroups([])
        os.setgid(self.gid)
        os.setuid(self.uid)
        if self.capability is not None:
            header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
            bit = 1 << self.capability
            # Effective, permitted, inheritable: capabilities 0-31, then 32-63.
            sets = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)
            _check(libc.capset(header, sets))
            _check(libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, self.capability, 0, 0))


def unprivileged_account(*paths: Path) -> Account | None:
    """The account for a service that refuses root and must reach `paths`; None where we are not root.

    Raises DemoError where root cannot give another user access to the paths.
    """
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    closed = _first_closed_folder(*paths)
    if closed is None:
        return Account(nobody.pw_uid, nobody.pw_gid)
    capability = _kept_capability()
    if capability is None:
        raise DemoError(
            f"PostgreSQL does not run as root, and the user nobody cannot enter {closed}. Run the demo as an "
            f"ordinary user, or from a folder that everybody may enter, or: chmod o+x {closed}"
        )
    return Account(nobody.pw_uid, nobody.pw_gid, capability)


def _first_closed_folder(*paths: Path) -> Path | None:
    """The first folder on the way to any of the paths that others may not enter."""
    for path in paths:
        for folder in reversed(path.resolve().parents):
            if not folder.stat().st_mode & stat.S_IXOTH:
                return folder
    return None


def _kept_capability() -> int | None:
    """The weakest capability that opens closed folders, among those that this process has."""
    if not sys.platform.startswith("linux"):
        return None
    status = Path("/proc/self/status").read_text()
    held = int(status.split("CapPrm:")[1].split()[0], base=16)
    if not held & 1 << _CAP_SETPCAP:
        return None
    return next((number for number in (_CAP_DAC_READ_SEARCH, _CAP_DAC_OVERRIDE) if held & 1 << number), None)


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
