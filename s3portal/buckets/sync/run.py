"""A whole sync: plan while listing, carry side by side, delete at the end and only what is certain."""

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from botocore.exceptions import BotoCoreError, ClientError

from s3portal.buckets.failures import Failure, FailureReport
from s3portal.buckets.parallel import CALLS_AT_A_TIME, side_by_side
from s3portal.buckets.problems import Unusable
from s3portal.buckets.sync.announcing import announced, notice
from s3portal.buckets.sync.carrying import Carrier
from s3portal.buckets.sync.claims import MARKER, claimed
from s3portal.buckets.sync.content_index import ContentIndex
from s3portal.buckets.sync.contents import Contents
from s3portal.buckets.sync.deleting import Doomed
from s3portal.buckets.sync.entries import Entry, Trouble
from s3portal.buckets.sync.freshness import reason_to_send
from s3portal.buckets.sync.joining import joined
from s3portal.buckets.sync.large import part_bytes_of_sent
from s3portal.buckets.sync.named import named_entries
from s3portal.buckets.sync.places import Folder, Prefix
from s3portal.buckets.sync.reasons import reason_of
from s3portal.buckets.sync.requests import RequestFailed
from s3portal.buckets.sync.reuse import Reuse
from s3portal.buckets.sync.rules import Act, Step, SyncRules, Tally
from s3portal.buckets.sync.walking import walk


@dataclass
class Sync:
    """``source`` is what ``target`` is to become like. ``failures`` collects what could not be done."""

    source: Folder | Prefix
    target: Folder | Prefix
    rules: SyncRules
    failures: FailureReport
    on_step: Callable[[Step], None] = lambda step: None
    on_progress: Callable[[Tally], None] = lambda tally: None
    on_left_out: Callable[[Trouble], None] = lambda trouble: None
    #: Hears of what is worth knowing beside the files.
    on_notice: Callable[[str], None] = lambda text: None

    def __post_init__(self) -> None:
        self.tally = Tally()
        self._on_marker: Callable[[Entry], None] = lambda marker: None
        self._contents = Contents(self.source, self.target, self.rules.reads)

    def plan(self) -> Iterator[Step]:
        """What differs, in the order of the paths; nothing is changed. Raises Refused, Unusable."""
        with self._reuse() as reuse:
            for step in self._differing(reuse):
                yield self._reusing(step, reuse) if reuse and step.act is Act.CARRY else step

    def run(self) -> Tally:
        """Carries everything out. What fails is reported, and the rest continues.

        Raises Refused where another sync is at it, and where more than ``max_delete`` files would be deleted;
        nothing is deleted then.
        """
        carrier = Carrier(
            self.source, self.target, self.rules.wanted, guarded=self.rules.guarded, reads=self.rules.reads
        )
        with claimed(self.target, self.rules.shard, self.on_notice), self._announced(carrier):
            self._run(carrier)
        return self.tally

    def _run(self, carrier: Carrier) -> None:
        doomed = Doomed(self.source, self.target, self.rules.max_delete)

        with self._reuse() as reuse:

            def to_carry() -> Iterator[Step]:
                for step in self._differing(reuse):
                    if step.act is Act.DELETE:
                        doomed.add(step.entry)
                        continue
                    if reuse is None:
                        self.on_step(step)
                    yield step

            def carry(step: Step) -> tuple[Step, str]:
                done = step

                def call() -> None:
                    nonlocal done
                    if reuse is None:
                        carrier.carry(step.entry, step.there)
                    else:
                        done = _carried_or_reused(carrier, reuse, step)

                problem = reason_of(call, carrier.permissions)
                return done, problem

            carried = side_by_side(carry, to_carry(), CALLS_AT_A_TIME, on_stop=carrier.stopped.set)
            for step, problem in carried:
                if problem:
                    self._failed(step.entry.path, problem)
                else:
                    self.tally.count(step)
                    if reuse is not None:
                        self.on_step(step)
                self.on_progress(self.tally)
        self._delete(doomed)

    def _announced(self, carrier: Carrier) -> AbstractContextManager[None]:
        if isinstance(self.target, Folder):
            return contextlib.nullcontext()
        requests = carrier.requests(self.target.store)
        if self.rules.announce:
            return announced(self.target, self.rules.shard, requests, self.on_notice)
        target = self.target
        self._on_marker = lambda marker: notice(target, requests, marker, self.on_notice)
        return contextlib.nullcontext()

    @contextlib.contextmanager
    def _reuse(self) -> Iterator[Reuse | None]:
        """The contents of the target, where they are to be used again; listed once, before anything else."""
        if not self.rules.reuse:
            yield None
            return
        if isinstance(self.target, Folder):
            raise Unusable("--reuse is for targets in a bucket: only a store copies to itself")
        with ContentIndex() as index:
            index.fill(self._but_marker(self.target.entries(), is_target=True))
            yield Reuse(self.source, self.target, index, self.rules.reads)

    def _differing(self, reuse: Reuse | None) -> Iterator[Step]:
        source = self._entries(self.source, is_target=False)
        target = self._entries(self.target, is_target=True, reuse=reuse)
        for ours, theirs in joined(source, target):
            if ours is None:
                if theirs is not None and self.rules.delete:
                    yield Step(Act.DELETE, "not in the source", theirs)
                continue
            try:
                reason = reason_to_send(ours, theirs, self.rules.compare, self._contents.same)
            except (OSError, ClientError, BotoCoreError) as error:
                self._failed(ours.path, f"cannot be compared: {error}")
                continue
            if reason:
                yield Step(Act.CARRY, reason, ours, theirs)
            else:
                self.tally.same += 1
                self.on_progress(self.tally)

    def _reusing(self, step: Step, reuse: Reuse) -> Step:
        """The step as it would be carried out."""
        try:
            with reuse.twin_of(step.entry) as twin:
                if twin is not None:
                    return replace(step, act=Act.REUSE, twin=twin.path)
                reuse.planned(step.entry)
        except (OSError, ClientError, BotoCoreError) as error:
            self._failed(step.entry.path, f"cannot be read: {error}")
        return step

    def _entries(
        self, place: Folder | Prefix, *, is_target: bool, reuse: Reuse | None = None
    ) -> Iterator[Entry]:
        rules = self.rules
        walking = replace(rules.walking, follow_symlinks=True) if is_target else rules.walking
        found: Iterator[Entry] = iter(())
        if is_target and isinstance(place, Folder) and not place.path.exists():
            pass
        elif rules.only is not None:
            # What the target lacks is no news.
            trouble = self._unruly if is_target else self._trouble
            paths = rules.only.paths(str(self.target))
            found = named_entries(place, paths, walking, trouble, is_target=is_target)
        elif reuse is not None:
            found = reuse.index.listed()
        elif isinstance(place, Prefix):
            found = self._but_marker(place.entries(), is_target=is_target)
        else:
            found = walk(place.path, walking, self._trouble)
        return (entry for entry in found if rules.takes_part(entry.path) and rules.shard.has(entry.path))

    def _but_marker(self, entries: Iterator[Entry], *, is_target: bool) -> Iterator[Entry]:
        for entry in entries:
            if entry.path != MARKER:
                yield entry
            elif is_target:
                self._on_marker(entry)

    def _unruly(self, trouble: Trouble) -> None:
        if not trouble.by_rule:
            self._trouble(trouble)

    def _trouble(self, trouble: Trouble) -> None:
        self.tally.has_holes |= trouble.hides_more
        if trouble.by_rule:
            self.tally.left_out += 1
            self.on_left_out(trouble)
        else:
            self._failed(trouble.path, trouble.reason)

    def _failed(self, path: str, reason: str) -> None:
        self.failures.add(Failure(path, reason, target=str(self.target)))

    def _delete(self, doomed: Doomed) -> None:
        doomed.require_certain(has_holes=self.tally.has_holes)
        for entry in doomed.entries:
            self.on_step(Step(Act.DELETE, "not in the source", entry))
        doomed.remove(self._deleted)

    def _deleted(self, entry: Entry, problem: str) -> None:
        if problem:
            self._failed(entry.path, f"not deleted: {problem}")
        else:
            self.tally.deleted += 1


def _carried_or_reused(carrier: Carrier, reuse: Reuse, step: Step) -> Step:
    """Copies what the target has under another name, and sends what it has not."""
    with reuse.twin_of(step.entry) as twin:
        if twin is not None:
            try:
                etag = carrier.copy_within(twin, step.entry, step.there)
            except RequestFailed:
                # The twin is gone or has changed since; what else may be wrong, sending tells.
                pass
            else:
                reuse.sent(step.entry, etag, None)
                return replace(step, act=Act.REUSE, twin=twin.path)
        etag = carrier.carry(step.entry, step.there)
        reuse.sent(step.entry, etag, part_bytes_of_sent(step.entry.size_bytes))
        return step
