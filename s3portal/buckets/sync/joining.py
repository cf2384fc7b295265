"""Two sorted listings become pairs: of one path, what each side has. Pure, and in constant memory."""

from collections.abc import Iterator

from s3portal.buckets.problems import Refused
from s3portal.buckets.sync.entries import Entry

Pair = tuple[Entry | None, Entry | None]


def joined(source: Iterator[Entry], target: Iterator[Entry]) -> Iterator[Pair]:
    """``(source, target)`` of every path that either has, in order.

    Raises Refused where a listing is not in the order of keys: joined, it would make files look missing.
    """
    source, target = _in_order(source, "source"), _in_order(target, "target")
    ours, theirs = next(source, None), next(target, None)
    while ours is not None or theirs is not None:
        if theirs is None or (ours is not None and ours.place_in_order < theirs.place_in_order):
            yield ours, None
            ours = next(source, None)
        elif ours is None or theirs.place_in_order < ours.place_in_order:
            yield None, theirs
            theirs = next(target, None)
        else:
            yield ours, theirs
            ours, theirs = next(source, None), next(target, None)


def _in_order(entries: Iterator[Entry], side: str) -> Iterator[Entry]:
    before = b""
    for entry in entries:
        here = entry.place_in_order
        if here < before:
            raise Refused(
                f"the {side} is not listed in the order of keys ({entry.path} came late), as by a directory"
                " bucket; nothing can be compared so"
            )
        before = here
        yield entry
