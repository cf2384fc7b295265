"""One sync of a target at a time: each leaves a marker with its user, machine and start while it runs.

On this machine markers are files that are locked: for a folder in the folder itself, for a bucket among what
is remembered here. A marker whose lock nobody holds is that of a sync that was killed. For other machines,
announcing.py puts one into the bucket.
"""

import contextlib
import getpass
import hashlib
import json
import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import IO

from s3portal.buckets.local_state import Lock, state_folder, try_lock
from s3portal.buckets.problems import BucketProblem, Refused
from s3portal.buckets.sharding import Shard, shard_of
from s3portal.buckets.sync.places import Folder, Prefix
from s3portal.buckets.sync.walking import PARTIAL_SUFFIX

#: No sync sends or fetches what is named so.
MARKER = f".sync{PARTIAL_SUFFIX}"


@dataclass(frozen=True)
class Claim:
    """Who syncs what, since when."""

    target: str
    shard: str
    user: str
    host: str
    process: int
    since: str

    def __str__(self) -> str:
        share = "" if self.shard == "1/1" else f", share {self.shard}"
        return f"{self.user} on {self.host} (process {self.process}) since {self.since}{share}"

    def meets(self, other: "Claim") -> bool:
        """Whether both may write the same file."""
        one, two = self.target, other.target
        ours, theirs = shard_of(self.shard), shard_of(other.shard)
        is_apart = ours.count == theirs.count and ours.number != theirs.number
        return (one.startswith(two) or two.startswith(one)) and not is_apart


def claim_of(target: Folder | Prefix, shard: Shard) -> Claim:
    """This process's, from now on."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    if isinstance(target, Folder):
        place = f"{target.path.absolute()}/"
    else:
        place = f"{target.store.settings.s3_endpoint} {target}"
    since = f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M:%S} UTC"
    return Claim(place, str(shard), user, socket.gethostname(), os.getpid(), since)


def read_claim(text: str) -> Claim | None:
    """What a marker says; None where it is none, or was being written."""
    try:
        fields = json.loads(text)
        claim = Claim(**{**fields, "process": int(fields["process"])})
        shard_of(claim.shard)
    except (ValueError, TypeError, KeyError, BucketProblem):
        return None
    return claim


@contextlib.contextmanager
def claimed(target: Folder | Prefix, shard: Shard, told: Callable[[str], None]) -> Iterator[None]:
    """Marks the target as being synced by this process. ``told`` hears of markers of syncs that were killed.

    Raises Refused where another sync is at it. Where nothing can be marked or locked, nothing is.
    """
    claim = claim_of(target, shard)
    folder = target.path if isinstance(target, Folder) else state_folder("syncs")
    file = _taken(folder, claim, told) if folder is not None else None
    if folder is None or file is None:
        yield
        return
    with file:
        path = folder / _name(claim)
        try:
            for other in _others(folder, path):
                _require_over(other, claim, told)
            file.seek(0)
            file.truncate()
            file.write(json.dumps(asdict(claim)))
            file.flush()
            yield
        finally:
            path.unlink(missing_ok=True)


def _taken(folder: Path, claim: Claim, told: Callable[[str], None]) -> IO[str] | None:
    """This claim's marker, locked. Raises Refused where another process has it."""
    path = folder / _name(claim)
    while True:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            file = os.fdopen(_private(str(path), os.O_RDWR | os.O_CREAT), "r+", encoding="utf-8")
        except OSError:
            # What cannot be written at all, the sync itself will tell.
            return None
        lock = try_lock(file)
        if lock is Lock.UNKNOWN:
            file.close()
            return None
        file.seek(0)
        other = read_claim(file.read())
        if lock is Lock.HELD:
            file.close()
            raise _refusal(claim, other)
        if not _is_still(path, file):
            # Whoever had it has just removed it.
            file.close()
            continue
        if other is not None:
            told(f"A sync of {other.target} by {other} ended before it was through.")
        return file


def _others(folder: Path, own: Path) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        found = [folder / each.name for each in entries if _is_marker(each.name)]
    return (path for path in found if path != own)


def _require_over(path: Path, claim: Claim, told: Callable[[str], None]) -> None:
    """Raises Refused where the marker's sync is under way and meets this one."""
    with contextlib.suppress(FileNotFoundError), open(path, "r+", encoding="utf-8", opener=_private) as file:
        other = read_claim(file.read())
        if other is None or not other.meets(claim):
            return
        if try_lock(file) is not Lock.OURS:
            raise _refusal(claim, other)
        path.unlink(missing_ok=True)
        told(f"A sync of {other.target} by {other} ended before it was through.")


def _refusal(claim: Claim, other: Claim | None) -> Refused:
    who = str(other) if other is not None else "another process"
    place = other.target if other is not None else claim.target
    return Refused(
        f"{place.rpartition(' ')[2]} is being synced by {who}", "wait until it is through, or end it"
    )


def _name(claim: Claim) -> str:
    number, _, count = claim.shard.partition("/")
    share = "" if claim.shard == "1/1" else f"-{number}-of-{count}"
    if claim.target.startswith("/"):
        return f".sync{share}{PARTIAL_SUFFIX}"
    place = hashlib.sha256(claim.target.encode("utf-8", "surrogatepass")).hexdigest()[:24]
    return f".sync-{place}{share}{PARTIAL_SUFFIX}"


def _is_marker(name: str) -> bool:
    return name.startswith(".sync") and name.endswith(PARTIAL_SUFFIX)


def _is_still(path: Path, file: IO[str]) -> bool:
    try:
        return path.stat().st_ino == os.fstat(file.fileno()).st_ino
    except FileNotFoundError:
        return False


def _private(path: str, flags: int) -> int:
    # A link that somebody else has put there leads this process nowhere.
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o644)
