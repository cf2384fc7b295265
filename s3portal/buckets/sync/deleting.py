"""The end of a sync: what only the target has is removed, where that is certain and no more than allowed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from s3portal.buckets.problems import Refused, asking
from s3portal.buckets.sync.entries import Entry
from s3portal.buckets.sync.local_files import remove_file
from s3portal.buckets.sync.places import Folder, Prefix
from s3portal.buckets.sync.reasons import reason_of

#: DeleteObjects (S3 API Reference).
DELETES_A_REQUEST = 1000


@dataclass
class Doomed:
    """What is to be removed from the target, at most ``most``; what comes beyond is only counted."""

    source: Folder | Prefix
    target: Folder | Prefix
    most: int
    entries: list[Entry] = field(default_factory=list)

    def add(self, entry: Entry) -> None:
        """One more, unless there are too many already."""
        if len(self.entries) <= self.most:
            self.entries.append(entry)

    def require_certain(self, *, has_holes: bool) -> None:
        """Raises Refused where nothing may be removed."""
        if self.entries and has_holes:
            raise Refused(
                "nothing was deleted: a part of the source could not be looked at, so that what is missing"
                " there may only have been hidden",
                "mend what is named above, and run the command again",
            )
        if len(self.entries) > self.most:
            raise Refused(
                f"nothing was deleted: more than {self.most:,} files of {self.target} are not in"
                f" {self.source}",
                "look at the plan with --dry-run; if that is meant, give a larger --max-delete",
            )

    def remove(self, told: Callable[[Entry, str], None]) -> None:
        """Removes all; ``told`` hears of each, with the problem or "". Raises Refused."""
        target = self.target
        if isinstance(target, Folder):
            for entry in self.entries:
                told(entry, reason_of(partial(remove_file, target.path, entry.path)))
            return
        for at in range(0, len(self.entries), DELETES_A_REQUEST):
            _delete(target, self.entries[at : at + DELETES_A_REQUEST], told)


def _delete(target: Prefix, entries: list[Entry], told: Callable[[Entry, str], None]) -> None:
    store = target.store
    client: Any = store.client()
    keys = [{"Key": target.key(entry.path)} for entry in entries]
    with asking(store, "s3:DeleteObject", resource=f"arn:aws:s3:::{store.bucket}/*"):
        answer = client.delete_objects(Bucket=store.bucket, Delete={"Objects": keys, "Quiet": True})
    refused = {each["Key"]: f"{each['Code']}: {each['Message']}" for each in answer.get("Errors", ())}
    for entry in entries:
        told(entry, refused.get(target.key(entry.path), ""))
