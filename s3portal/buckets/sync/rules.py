"""How a sync is to go about it, what it does with a path, and what it came to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from s3portal.buckets.sharding import WHOLE, Shard
from s3portal.buckets.sync.entries import Entry
from s3portal.buckets.sync.file_reads import FileReads
from s3portal.buckets.sync.freshness import Compare
from s3portal.buckets.sync.walking import WalkingRules
from s3portal.buckets.sync.wanted import Wanted

DEFAULT_MAX_DELETE = 1000


@dataclass(frozen=True)
class Retried:
    """What a report of failures names. ``by_target`` has paths by the place that they were to go to."""

    by_target: Mapping[str, tuple[str, ...]]

    def paths(self, target: str) -> list[str]:
        """Those for this place, in the order of keys; what is in a folder of the list is in it already."""
        wanted = {*self.by_target.get(target, ()), *self.by_target.get("", ())}
        if "." in wanted:
            return ["."]
        paths: list[str] = []
        for path in sorted(wanted, key=lambda each: each.encode("utf-8", "surrogatepass")):
            if not (paths and paths[-1].endswith("/") and path.startswith(paths[-1])):
                paths.append(path)
        return paths


@dataclass(frozen=True, kw_only=True)
class SyncRules:
    """``takes_part`` decides by path; ``max_delete`` is how many files of the target may be removed;
    ``wanted`` is what new objects are given beside their content; with ``reuse``, what the target has under
    another name is copied there; ``only`` are the files that a run before could not deal with; with
    ``announce``, other machines are told by a marker in the bucket."""

    compare: Compare = Compare.TIME
    takes_part: Callable[[str], bool] = lambda path: True
    delete: bool = False
    max_delete: int = DEFAULT_MAX_DELETE
    walking: WalkingRules = field(default_factory=WalkingRules)
    reads: FileReads = field(default_factory=FileReads)
    wanted: Wanted = field(default_factory=Wanted)
    guarded: bool = True
    reuse: bool = False
    only: Retried | None = None
    shard: Shard = WHOLE
    announce: bool = False


class Act(Enum):
    """What is done with a path."""

    CARRY = "carry"
    REUSE = "reuse"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Step:
    """One path that differs. ``there`` is what the target has of it now, ``twin`` the path in the target
    that has its content."""

    act: Act
    reason: str
    entry: Entry
    there: Entry | None = None
    twin: str = ""


@dataclass
class Tally:
    """What a sync came to. ``left_out`` are links, sockets and the like."""

    carried: int = 0
    carried_bytes: int = 0
    reused: int = 0
    reused_bytes: int = 0
    same: int = 0
    deleted: int = 0
    left_out: int = 0
    #: A listing has a hole, so nothing is deleted for not being in it.
    has_holes: bool = False

    @property
    def done(self) -> int:
        """How many files are dealt with."""
        return self.carried + self.reused + self.same

    def count(self, step: Step) -> None:
        """A step that went well, and was no deletion."""
        if step.act is Act.REUSE:
            self.reused += 1
            self.reused_bytes += step.entry.size_bytes
        else:
            self.carried += 1
            self.carried_bytes += step.entry.size_bytes
