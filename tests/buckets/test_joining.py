"""Two listings in the order of keys become pairs, whatever their names, in constant memory."""

import os
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3portal.buckets.problems import Refused
from s3portal.buckets.sync.entries import Entry
from s3portal.buckets.sync.joining import joined
from s3portal.buckets.sync.walking import WalkingRules, walk

NAMES = st.text(st.sampled_from("ab-./ é\U0001f600\uffee "), min_size=1, max_size=6)


def entries(paths):
    return iter(Entry(path, 1, 0.0) for path in sorted(paths, key=lambda path: path.encode()))


@given(st.sets(NAMES), st.sets(NAMES))
def test_every_path_comes_once_with_what_each_side_has(ours, theirs):
    pairs = list(joined(entries(ours), entries(theirs)))
    paths = [(left or right).path for left, right in pairs]
    assert paths == sorted(ours | theirs, key=lambda path: path.encode())
    assert {left.path for left, _ in pairs if left} == ours
    assert {right.path for _, right in pairs if right} == theirs


def test_a_listing_out_of_order_is_refused():
    unsorted = iter([Entry("b", 1, 0.0), Entry("a", 1, 0.0)])
    with pytest.raises(Refused, match="not listed in the order of keys"):
        list(joined(unsorted, iter(())))


def test_folders_are_walked_in_the_order_of_keys(tmp_path: Path):
    for name in ("a/z", "a-b", "a.txt", "a/b/c", "ab", "a0/x", "é", "\U0001f600", "\uffee"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    paths = [entry.path for entry in walk(tmp_path, WalkingRules(), lambda trouble: None)]
    assert paths == sorted(paths, key=os.fsencode)
    assert len(paths) == 9


def test_memory_does_not_grow_with_the_number_of_objects():
    def listing(count):
        return (Entry(f"{number:09}", 1, 0.0, "0" * 32) for number in range(count))

    def peak(count):
        tracemalloc.start()
        for _ in joined(listing(count), listing(count)):
            pass
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(20_000) < 2 * peak(200) + 20_000
