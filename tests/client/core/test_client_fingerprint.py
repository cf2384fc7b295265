"""A file is known again: by the same text that the browser writes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from random_files import random_file

from s3portal.client.errors import FileUnreadable, WrongFile
from s3portal.client.fingerprint import fingerprint, require_same_file, same_name, sample_offsets
from s3portal.client.local_file import LocalFile

KIB = 1024


def file_of(path: Path, content: bytes, modified_ms: int = 1_700_000_000_000) -> LocalFile:
    path.write_bytes(content)
    os.utime(path, ns=(0, modified_ms * 1_000_000))
    return LocalFile.at(path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "gauges.nc"


def test_it_is_the_one_that_the_browser_writes(path: Path) -> None:
    """The vector of tests/js/core/fingerprint.test.js: bytes 0 to 8, last changed in millisecond 7."""
    assert fingerprint(file_of(path, bytes(range(9)), modified_ms=7)) == "9/7/0eb6fdbb89d04d0b"


def test_of_a_small_file_it_is_made_of_all_of_it() -> None:
    assert sample_offsets(0) == []
    assert sample_offsets(1) == [0]
    assert sample_offsets(65_537) == [0, 65_536]
    assert sample_offsets(131_072) == [0, 65_536]


def test_of_a_huge_file_it_is_made_of_sixteen_places_the_first_and_last_byte_among_them() -> None:
    size_bytes = 48 * KIB**4
    offsets = sample_offsets(size_bytes)

    assert (len(offsets), offsets[0], offsets[-1]) == (16, 0, size_bytes - 65_536)
    assert offsets[1] == (size_bytes - 65_536) // 15


def test_the_same_file_is_recognised(path: Path) -> None:
    file = file_of(path, b"1,2")

    require_same_file(file, 3, fingerprint(file))


@pytest.mark.parametrize(
    ("content", "modified_ms", "reason"),
    [
        (b"1,2,3", 1_700_000_000_000, "size"),
        (b"1,2", 1_700_000_000_001, "modified"),
        (b"1,3", 1_700_000_000_000, "content"),
    ],
)
def test_another_file_is_told_by_the_first_difference(
    content: bytes, modified_ms: int, reason: str, path: Path
) -> None:
    begun_with = fingerprint(file_of(path, b"1,2"))

    with pytest.raises(WrongFile) as difference:
        require_same_file(file_of(path, content, modified_ms), 3, begun_with)

    assert difference.value.reason == reason
    assert "--restart" in str(difference.value)


def test_a_fingerprint_of_another_kind_leaves_the_decision_to_the_size(path: Path) -> None:
    require_same_file(file_of(path, b"1,2"), 3, "gauges.nc-3-1700000000000")

    with pytest.raises(WrongFile):
        require_same_file(file_of(path, b"1,2"), 4, "gauges.nc-3-1700000000000")


def test_names_are_the_same_however_they_are_composed() -> None:
    assert same_name("Pe\u0301gel.nc", "P\u00e9gel.nc")
    assert not same_name("Pegel.nc", "P\u00e9gel.nc")


@pytest.mark.parametrize("place", ["no such file", ".", "/dev/null"])
def test_only_files_are_read(place: str, tmp_path: Path) -> None:
    with pytest.raises(FileUnreadable):
        LocalFile.at(tmp_path / place)


def test_a_stretch_is_read_in_blocks_of_a_mebibyte(path: Path) -> None:
    file = LocalFile.at(random_file(path, 3 * KIB**2 + 5))

    blocks = list(file.blocks(7, 2 * KIB**2 + 1))

    assert [len(block) for block in blocks] == [KIB**2, KIB**2, 1]
    assert b"".join(blocks) == path.read_bytes()[7 : 7 + 2 * KIB**2 + 1]
