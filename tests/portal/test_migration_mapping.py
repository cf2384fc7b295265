"""The mapping file of a migration: it survives kills, and what is no mapping is refused."""

from pathlib import Path

import pytest
from migrating_portal import MemoryChange

from s3portal.portal.migration import MappingError, MappingWriter, read_mapping

CHANGES = [MemoryChange(row, ("disk", f"ordner/{row}"), ("bucket", row), "0" * 32) for row in ("ä", "b", "c")]


def write(path: Path, changes: list[MemoryChange]) -> None:
    with MappingWriter(path, MemoryChange.from_line) as mapping:
        for change in changes:
            mapping.add(change)


def read(path: Path) -> list[MemoryChange]:
    return list(read_mapping(path, MemoryChange.from_line))


def test_a_last_line_that_was_torn_anywhere_is_written_again(tmp_path: Path) -> None:
    path = tmp_path / "mapping"
    write(path, CHANGES)
    whole = path.read_bytes()
    for size_bytes in range(len(whole)):
        path.write_bytes(whole[:size_bytes])
        with MappingWriter(path, MemoryChange.from_line) as mapping:
            earlier = list(mapping.earlier)
            assert earlier == CHANGES[: len(earlier)]
            for change in CHANGES[len(earlier) :]:
                mapping.add(change)
        assert path.read_bytes() == whole


def test_what_was_added_is_there_before_the_file_is_closed(tmp_path: Path) -> None:
    with MappingWriter(tmp_path / "mapping", MemoryChange.from_line) as mapping:
        mapping.add(CHANGES[0])
        assert read(tmp_path / "mapping") == CHANGES[:1]


@pytest.mark.parametrize("line", ["no json", "{}", "[1, 2]", "null", '["r", 1, 2, "m"]'])
def test_what_is_no_mapping_is_refused_with_its_line_and_left_as_it_is(line: str, tmp_path: Path) -> None:
    path = tmp_path / "mapping"
    write(path, CHANGES[:1])
    content = path.read_text() + "\n" + line + "\n"
    path.write_text(content)

    with pytest.raises(MappingError, match=r"mapping, line 3 is not an entry of a mapping: '"):
        MappingWriter(path, MemoryChange.from_line)
    assert path.read_text() == content


def test_a_mapping_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="cannot be written: No such file or directory"):
        MappingWriter(tmp_path / "no folder" / "mapping", MemoryChange.from_line)
