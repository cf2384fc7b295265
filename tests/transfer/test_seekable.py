"""The place in an object that is read as a file."""

import io

import pytest

from s3portal.transfer import SeekableObject


class Object(SeekableObject):
    """An object that is in memory already."""

    def __init__(self, content: bytes) -> None:
        super().__init__(len(content))
        self._content = content

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def]
        taken = self._content[self.position : self.position + len(buffer)]
        buffer[: len(taken)] = taken
        self.position += len(taken)
        return len(taken)


def test_seeking_goes_where_a_file_of_the_same_content_goes() -> None:
    ours, file = io.BufferedReader(Object(b"0123456789")), io.BytesIO(b"0123456789")

    for offset, whence in (
        (3, io.SEEK_SET),
        (2, io.SEEK_CUR),
        (-4, io.SEEK_END),
        (5, io.SEEK_END),
        (0, io.SEEK_SET),
    ):
        assert ours.seek(offset, whence) == file.seek(offset, whence) == ours.tell()
        assert ours.read(2) == file.read(2)


@pytest.mark.parametrize("whence", [io.SEEK_SET, io.SEEK_CUR, io.SEEK_END])
def test_before_the_first_byte_there_is_no_place(whence: int) -> None:
    with pytest.raises(ValueError, match="is not a position in a file"):
        Object(b"01").seek(-3, whence)
