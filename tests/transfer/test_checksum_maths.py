"""CRCs: those that others publish, and those of a whole from those of its parts."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3portal.transfer import checksums
from s3portal.transfer.checksums import CRC32, CRC32C, CRC64NVME, CRCS, Crc

# "Check" of the catalogue of parametrised CRC algorithms: the CRC of 123456789.
CHECKS = {CRC64NVME: 0xAE8B14860A799888, CRC32C: 0xE3069283, CRC32: 0xCBF43926}
# RFC 3720, B.4, and the NVM Command Set Specification, 5.2.1.3.4: 32 and 4,096 bytes of zero.
ZEROES = [(CRC32C, 32, 0x8A9136AA), (CRC64NVME, 4096, 0x6482D367EB22B64E)]
ONES = [(CRC32C, 32, 0x62A8AB43), (CRC64NVME, 4096, 0xC0DDBA7302ECA3AC)]

crcs = pytest.mark.parametrize("crc", CRCS.values(), ids=list(CRCS))


def in_python(crc: Crc, content: bytes, value: int = 0) -> int:
    return crc._in_python(content, value)


@crcs
def test_a_crc_is_the_one_that_others_publish(crc: Crc) -> None:
    assert crc.update(b"123456789") == CHECKS[crc.name]
    assert in_python(crc, b"123456789") == CHECKS[crc.name]


@pytest.mark.parametrize(
    ("name", "content", "value"),
    [(name, bytes(count), value) for name, count, value in ZEROES]
    + [(name, b"\xff" * count, value) for name, count, value in ONES],
)
def test_so_is_that_of_many_equal_bytes(name: str, content: bytes, value: int) -> None:
    assert CRCS[name].update(content) == value
    assert in_python(CRCS[name], content) == value


@crcs
@given(content=st.binary(max_size=300), cut=st.integers(0, 300))
def test_without_awscrt_it_is_the_same(crc: Crc, content: bytes, cut: int) -> None:
    before = crc.update(content[:cut])

    assert in_python(crc, content[cut:], before) == crc.update(content[cut:], before) == crc.update(content)


def test_zlib_stands_in_for_the_crc_that_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checksums, "_awscrt", lambda: None)
    # As in a process that never had awscrt: what was looked up before is not kept.
    fresh = Crc(CRC32, 32, CRCS[CRC32].polynomial)

    assert fresh.update(b"gauges") == zlib.crc32(b"gauges")
    assert fresh._function is zlib.crc32


@crcs
@given(parts=st.lists(st.binary(max_size=200), max_size=12))
def test_the_crcs_of_parts_make_the_crc_of_the_whole(crc: Crc, parts: list[bytes]) -> None:
    whole = crc.combine_all([(crc.update(part), len(part)) for part in parts])

    assert whole == crc.update(b"".join(parts))


@crcs
@given(second=st.binary(max_size=100), length=st.integers(0, 2**46))
def test_a_part_may_follow_terabytes(crc: Crc, second: bytes, length: int) -> None:
    """The CRC of (A + B) + C is that of A + (B + C), however long B is."""
    first, middle, last = crc.update(b"gauges"), 0x1234567, crc.update(second)

    left = crc.combine(crc.combine(first, middle, length), last, len(second))
    right = crc.combine(first, crc.combine(middle, last, len(second)), length + len(second))

    assert left == right


@crcs
@given(value=st.integers(0, 2**32 - 1))
def test_a_crc_is_written_as_s3_writes_it_and_read_again(crc: Crc, value: int) -> None:
    assert crc.decode(crc.encode(value)) == value


def test_s3_writes_the_highest_byte_first() -> None:
    assert CRCS[CRC32C].encode(1) == "AAAAAQ=="
    assert CRCS[CRC64NVME].encode(0) == "AAAAAAAAAAA="


@pytest.mark.parametrize("text", ["AAAAAQ==", "no base64 at all!", ""])
def test_what_is_no_such_crc_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        CRCS[CRC64NVME].decode(text)


@crcs
def test_s3_names_its_header(crc: Crc) -> None:
    assert crc.header in ("x-amz-checksum-crc64nvme", "x-amz-checksum-crc32c", "x-amz-checksum-crc32")
