"""CRCs of parts and of whole files, as S3 writes them. Pure.

A CRC of a file follows from the CRCs of its parts, so a file is read once, in any order of its parts. awscrt
computes at memory speed where it is installed; without it CRC32 comes from zlib, and the other two from
Python itself, some megabytes a second.

Sources: S3 User Guide, "Checking object integrity"; the combining is that of zlib's ``crc32_combine``.
"""

import base64
import binascii
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

CRC64NVME = "CRC64NVME"
CRC32C = "CRC32C"
CRC32 = "CRC32"
#: Not a checksum of a file: each part's MD5 is the ETag that a store without CRCs answers.
MD5 = "MD5"

Bytes = bytes | bytearray | memoryview


def _awscrt() -> Any:
    """awscrt's checksums, or None. Loading them takes longer than a short command does, so it waits for a
    need."""
    try:
        from awscrt import checksums
    except ModuleNotFoundError:
        return None
    return checksums


@dataclass(frozen=True)
class Crc:
    """One CRC: reflected, begun and ended with all bits inverted, as all those that S3 has.

    ``polynomial`` is without its highest power and reflected.
    """

    name: str
    bits: int
    polynomial: int

    @property
    def header(self) -> str:
        """The header in which S3 answers it."""
        return f"x-amz-checksum-{self.name.lower()}"

    def update(self, content: Bytes, value: int = 0) -> int:
        """The CRC of what ``value`` is the CRC of, followed by ``content``."""
        return self._function(content, value)

    def combine(self, first: int, second: int, second_length_bytes: int) -> int:
        """The CRC of two stretches, one after the other, from their own CRCs and the length of the second."""
        return self._multiply(first, _power_of_x(self, 8 * second_length_bytes)) ^ second

    def combine_all(self, parts: Iterable[tuple[int, int]]) -> int:
        """The CRC of a whole from ``(crc, length in bytes)`` of each of its parts, in order."""
        whole = 0
        for value, length_bytes in parts:
            whole = self.combine(whole, value, length_bytes)
        return whole

    def encode(self, value: int) -> str:
        """As S3 writes it: base64 of the bytes, the highest first."""
        return base64.b64encode(value.to_bytes(self.bits // 8, "big")).decode("ascii")

    def decode(self, text: str) -> int:
        """The number that S3's text says. Raises ValueError where it is none of this length."""
        try:
            value = base64.b64decode(text, validate=True)
        except binascii.Error as error:
            raise ValueError(f"{text!r} is not base64") from error
        if len(value) != self.bits // 8:
            raise ValueError(f"{text!r} is not {self.bits} bits long")
        return int.from_bytes(value, "big")

    @cached_property
    def _function(self) -> Callable[[Bytes, int], int]:
        awscrt = _awscrt()
        if awscrt is not None and hasattr(awscrt, self.name.lower()):
            function: Callable[[Bytes, int], int] = getattr(awscrt, self.name.lower())
            return function
        return zlib.crc32 if self.name == CRC32 else self._in_python

    def _in_python(self, content: Bytes, value: int) -> int:
        all_ones = (1 << self.bits) - 1
        table = self._table
        value ^= all_ones
        for byte in bytes(content):
            value = table[(value ^ byte) & 0xFF] ^ (value >> 8)
        return value ^ all_ones

    @cached_property
    def _table(self) -> list[int]:
        table = []
        for byte in range(256):
            value = byte
            for _ in range(8):
                value = self._times_x(value)
            table.append(value)
        return table

    def _times_x(self, value: int) -> int:
        # Reflected: the lowest bit is the highest power.
        return (value >> 1) ^ (self.polynomial if value & 1 else 0)

    def _multiply(self, first: int, second: int) -> int:
        """The product of two polynomials modulo this one's."""
        product = 0
        for power in range(self.bits - 1, -1, -1):
            if first >> power & 1:
                product ^= second
            second = self._times_x(second)
        return product


@lru_cache(maxsize=256)
def _power_of_x(crc: Crc, exponent: int) -> int:
    """x to this power modulo the polynomial, by squaring. A file's parts have at most two lengths."""
    power, square = 1 << (crc.bits - 1), 1 << (crc.bits - 2)
    while exponent:
        if exponent & 1:
            power = crc._multiply(power, square)
        square = crc._multiply(square, square)
        exponent >>= 1
    return power


# Catalogue of parametrised CRC algorithms: CRC-64/NVME, CRC-32/ISCSI, CRC-32/ISO-HDLC.
CRCS = {
    crc.name: crc
    for crc in (
        Crc(CRC64NVME, 64, 0x9A6C9329AC4BC9B5),
        Crc(CRC32C, 32, 0x82F63B78),
        Crc(CRC32, 32, 0xEDB88320),
    )
}
