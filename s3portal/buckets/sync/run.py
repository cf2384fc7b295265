"""A whole sync: plan while listing, carry side by side, delete at the end and only what is certain."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from s3portal.buckets.failures import Failure, FailureReport
from s3portal.buckets.parallel import CALLS_AT_A_TIME, side_by_side
from s3portal.buckets.problems import Refused, asking
from s3portal.buckets.sync.carrying import Carrier, Changed
from s3portal.buckets.sync.contents import Contents
from s3portal.buckets.sync.entries import Entry, Trouble
from s3portal.buckets.sync.freshness import Compare, reason_to_send
from s3portal.buckets.sync.joining import joined
from s3portal.buckets.sync.local_files import UnsafePath, remove_file
from s3portal.buckets.sync.places import Folder, Prefix
from s3portal.buckets.sync.requests import BrokenAnswer, RequestFailed
from s3portal.buckets.sync.walking import WalkingRules, walk
from s3portal.transfer import TransferError, error_code

#: DeleteObjects (S3 API Reference).
DELETES_A_REQUEST = 1000
DEFAULT_MAX_DELETE = 1000


@dataclass(frozen=True, kw_only=True)
class SyncRules:
    """How a sync is to go about it. ``takes_part`` decides by path; ``max_delete`` is how many files of the
    target may be removed."""

    compare: Compare = Compare.TIME
    takes_part: Callable[[str], bool] = lambda path: True
    delete: bool = False
    max_delete: int = DEFAULT_MAX_DELETE
    walking: WalkingRules = field(default_factory=WalkingRules)
    storage_class: str = ""
    guarded: bool = True


class Act(Enum):
    """What is done with a path."""

    CARRY = "carry"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Step:
    """One path that differs. ``there`` is what the target has of it now."""

    act: Act
    reason: str
    entry: Entry
    there: Entry | None = None


@dataclass
class Tally:
    """What a sync came to. ``left_out`` are links, sockets and the like."""

    carried: int = 0
    carried_bytes: int = 0
    same: int = 0
    deleted: int = 0
    left_out: int = 0
    #: A listing has a hole, so nothing is deleted for not being in it.
    has_holes: bool = False


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

    def __post_init__(self) -> None:
        self.tally = Tally()
        self._contents = Contents(self.source, self.target)

    def plan(self) -> Iterator[Step]:
        """What differs, in the order of the paths; nothing is changed. Raises Refused, Unusable."""
        source = self._entries(self.source, is_target=False)
        target = self._entries(self.target, is_target=True)
        for ours, theirs in joined(source, target):
            if ours is None:
                if theirs is not None and self.rules.delete:
                    yield Step(Act.DELETE, "not in the source", theirs)
                continue
            try:
                reason = reason_to_send(ours, theirs, self.rules.compare, self._contents.same)
            except (OSError, ClientError, BotoCoreError) as error:
                self.failures.add(Failure(ours.path, f"cannot be compared: {error}"))
                continue
            if reason:
                yield Step(Act.CARRY, reason, ours, theirs)
            else:
                self.tally.same += 1
                self.on_progress(self.tally)

    def run(self) -> Tally:
        """Carries everything out. What fails is reported, and the rest continues.

        Raises Refused where more than ``max_delete`` files would be deleted; nothing is deleted then.
        """
        carrier = Carrier(self.source, self.target, self.rules.storage_class, guarded=self.rules.guarded)
        doomed: list[Entry] = []

        def to_carry() -> Iterator[Step]:
            for step in self.plan():
                if step.act is Act.CARRY:
                    self.on_step(step)
                    yield step
                elif len(doomed) <= self.rules.max_delete:
                    doomed.append(step.entry)

        def carry(step: Step) -> tuple[Step, str]:
            return step, reason_of(lambda: carrier.carry(step.entry, step.there), carrier.permissions)

        for step, problem in side_by_side(carry, to_carry(), CALLS_AT_A_TIME):
            if problem:
                self.failures.add(Failure(step.entry.path, problem))
            else:
                self.tally.carried += 1
                self.tally.carried_bytes += step.entry.size_bytes
            self.on_progress(self.tally)
        self._delete(doomed)
        return self.tally

    def _entries(self, place: Folder | Prefix, *, is_target: bool) -> Iterator[Entry]:
        if isinstance(place, Prefix):
            found = place.entries()
        elif is_target and not place.path.exists():
            found = iter(())
        else:
            rules = (
                WalkingRules(True, self.rules.walking.folder_timeout_s) if is_target else self.rules.walking
            )
            found = walk(place.path, rules, self._trouble)
        return (entry for entry in found if self.rules.takes_part(entry.path))

    def _trouble(self, trouble: Trouble) -> None:
        self.tally.has_holes |= trouble.hides_more
        if trouble.by_rule:
            self.tally.left_out += 1
            self.on_left_out(trouble)
        else:
            self.failures.add(Failure(trouble.path, trouble.reason))

    def _delete(self, doomed: list[Entry]) -> None:
        if not doomed:
            return
        if self.tally.has_holes:
            raise Refused(
                "nothing was deleted: a part of the source could not be looked at, so that what is missing"
                " there may only have been hidden",
                "mend what is named above, and run the command again",
            )
        if len(doomed) > self.rules.max_delete:
            raise Refused(
                f"nothing was deleted: more than {self.rules.max_delete:,} files of {self.target} are not in"
                f" {self.source}",
                "look at the plan with --dry-run; if that is meant, give a larger --max-delete",
            )
        for entry in doomed:
            self.on_step(Step(Act.DELETE, "not in the source", entry))
        if isinstance(self.target, Folder):
            for entry in doomed:
                problem = reason_of(lambda entry=entry: remove_file(self.target.path, entry.path))  # type: ignore[misc]
                self._deleted(entry, problem)
            return
        self._delete_objects(self.target, doomed)

    def _delete_objects(self, target: Prefix, doomed: list[Entry]) -> None:
        store = target.store
        client: Any = store.client()
        batches = [doomed[at : at + DELETES_A_REQUEST] for at in range(0, len(doomed), DELETES_A_REQUEST)]
        for batch in batches:
            keys = [{"Key": target.key(entry.path)} for entry in batch]
            with asking(store, "s3:DeleteObject", resource=f"arn:aws:s3:::{store.bucket}/*"):
                answer = client.delete_objects(Bucket=store.bucket, Delete={"Objects": keys, "Quiet": True})
            refused = {each["Key"]: f"{each['Code']}: {each['Message']}" for each in answer.get("Errors", ())}
            for entry in batch:
                self._deleted(entry, refused.get(target.key(entry.path), ""))

    def _deleted(self, entry: Entry, problem: str) -> None:
        if problem:
            self.failures.add(Failure(entry.path, f"not deleted: {problem}"))
        else:
            self.tally.deleted += 1


def reason_of(call: Callable[[], None], permissions: str = "") -> str:
    """What went wrong with one file, in a sentence; "" where nothing did. ``permissions`` are what the call
    needs."""
    try:
        call()
    except RequestFailed as error:
        if error.changed_meanwhile:
            return "was changed in the target by someone else since it was listed: left as it is now"
        if permissions and error.failure.code == "AccessDenied":
            return f"{error} (this needs {permissions})"
        return str(error)
    except (UnsafePath, Changed, BrokenAnswer, OSError, ClientError, BotoCoreError, TransferError) as error:
        if isinstance(error, ClientError) and error.response.get("ResponseMetadata", {}).get(
            "HTTPStatusCode"
        ) in (409, 412):
            return "was changed in the target by someone else since it was listed: left as it is now"
        if permissions and isinstance(error, ClientError) and error_code(error) == "AccessDenied":
            return f"{error} (this needs {permissions})"
        return str(error)
    return ""
