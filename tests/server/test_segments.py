"""Segments: whatever pieces the content comes in, and with older releases of cryptography."""

from __future__ import annotations

import hashlib
import random

import pytest

from s3portal.server.kms import segments
from s3portal.server.kms.segments import (
    STORED_SEGMENT_BYTES,
    Room,
    SealedSource,
    SegmentBroken,
    SegmentCipher,
    opened,
)


class Content:
    """Gives a content in pieces of random sizes."""

    def __init__(self, content, chance):
        self._left, self._chance = content, chance
        self.size_bytes = len(content)
        self.endings = 0

    def readinto(self, buffer):
        count = min(len(buffer), len(self._left), self._chance.choice((1, 7, 1000, 70_000, 10**6)))
        buffer[:count], self._left = self._left[:count], self._left[count:]
        self.endings += not count
        return count

    def read_all(self):
        return self._left


class Pieces:
    """Notes what was sealed."""

    def __init__(self):
        self.content = b""

    def update(self, piece):
        self.content += bytes(piece)


def seal(content, keys, chance):
    cipher, noted = SegmentCipher(b"k" * 32 * keys, b"identity"), Pieces()
    given = Content(content, chance)
    source, stored = SealedSource(given, cipher, noted), b""
    expected = source.size_bytes
    buffer = memoryview(
        bytearray(chance.choice((1, 2, 4, 5)) * STORED_SEGMENT_BYTES + chance.choice((0, 100)))
    )
    while count := source.readinto(buffer):
        stored += bytes(buffer[:count])
    assert source.readinto(buffer) == 0
    # What the content promises is compared at its end, which is asked for once.
    assert given.endings == 1
    assert len(stored) == expected and noted.content == stored
    return cipher, stored


@pytest.mark.parametrize("has_into", [True, False])
@pytest.mark.parametrize("keys", [1, 2])
def test_whatever_is_sealed_is_opened_again(monkeypatch, tmp_path, keys, has_into):
    if has_into and not segments._HAS_INTO:
        pytest.skip("this release of cryptography has none")
    monkeypatch.setattr(segments, "_HAS_INTO", has_into)
    chance = random.Random(keys)
    segment = STORED_SEGMENT_BYTES - 16 * keys
    for size in (
        0,
        1,
        segment - 1,
        segment,
        segment + 1,
        4 * segment,
        4 * segment + 1,
        *chance.sample(range(10**6), 8),
    ):
        content = chance.randbytes(size)
        cipher, stored = seal(content, keys, chance)
        (tmp_path / "stored").write_bytes(stored)
        for source in (stored, tmp_path / "stored"):
            digest = hashlib.sha256()
            for piece in opened(source, cipher, size, 0, size):
                digest.update(piece)
            assert digest.digest() == hashlib.sha256(content).digest()
            for _ in range(5):
                first = chance.randrange(size + 1)
                length = chance.randrange(size - first + 1)
                got = b"".join(map(bytes, opened(source, cipher, size, first, length)))
                assert got == content[first : first + length]


def test_a_file_that_is_too_short_is_an_error(tmp_path):
    cipher, stored = seal(bytes(200_000), 1, random.Random(1))
    (tmp_path / "stored").write_bytes(stored[:-1])
    with pytest.raises(OSError, match="shorter than its row says"):
        list(opened(tmp_path / "stored", cipher, 200_000, 199_000, 1000))


def test_one_room_serves_parts_of_any_size_and_encryption():
    chance, room = random.Random(2), Room()
    for size, keys in ((10, 1), (10**6, 2), (300_000, 1), (0, 2), (2 * 10**6, 1), (10**6, 2), (70_000, 2)):
        content = chance.randbytes(size)
        cipher, stored = seal(content, keys, chance)
        assert b"".join(map(bytes, opened(stored, cipher, size, 0, size, room))) == content
        first = size // 3
        assert (
            b"".join(map(bytes, opened(stored, cipher, size, first, size - first, room))) == content[first:]
        )


@pytest.mark.parametrize("has_into", [True, False])
@pytest.mark.parametrize("broken", [0, 3, 9, 12])
def test_nothing_of_a_run_of_segments_is_given_when_one_of_them_is_broken(monkeypatch, broken, has_into):
    if has_into and not segments._HAS_INTO:
        pytest.skip("this release of cryptography has none")
    monkeypatch.setattr(segments, "_HAS_INTO", has_into)
    size = 13 * (STORED_SEGMENT_BYTES - 16)
    cipher, stored = seal(bytes(size), 1, random.Random(3))
    changed = bytearray(stored)
    changed[(broken + 1) * STORED_SEGMENT_BYTES - 1] ^= 1
    pieces = opened(bytes(changed), cipher, size, 0, size)
    given = 0
    with pytest.raises(SegmentBroken, match=f"segment {broken} of"):
        for piece in pieces:
            given += len(piece)
    whole_runs = broken // segments.SEGMENTS_AT_ONCE
    assert given == whole_runs * segments.SEGMENTS_AT_ONCE * cipher.segment_bytes
