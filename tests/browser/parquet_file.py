"""A small Parquet file, written by hand: a column of three 64-bit numbers (Apache Parquet, "File format";
Apache Thrift, "Compact protocol")."""

import struct

#: Where the rows begin that a reader finds by the footer.
_MAGIC = b"PAR1"


def parquet_file(padding_bytes: int = 0) -> tuple[bytes, bytes]:
    """The file, and its footer alone. ``padding_bytes`` of rows stand before the footer."""
    rows = struct.pack("<3q", 1, 2, 3) + bytes(padding_bytes)
    footer = _file_metadata(len(rows))
    return _MAGIC + rows + footer + struct.pack("<I", len(footer)) + _MAGIC, footer


def _file_metadata(row_bytes: int) -> bytes:
    """FileMetaData: version, schema, num_rows, row_groups."""
    root = _field(4, 8, _text(b"schema")) + _field(1, 5, _varint(_zigzag(1))) + b"\x00"
    column = (
        _field(1, 5, _varint(_zigzag(2)))
        + _field(2, 5, _varint(_zigzag(0)))
        + _field(1, 8, _text(b"level"))
        + b"\x00"
    )
    schema = bytes([(2 << 4) | 12]) + root + column
    groups = bytes([(0 << 4) | 12])
    return (
        _field(1, 5, _varint(_zigzag(1)))
        + _field(1, 9, schema)
        + _field(1, 6, _varint(_zigzag(row_bytes // 8)))
        + _field(1, 9, groups)
        + b"\x00"
    )


def _field(step: int, kind: int, value: bytes) -> bytes:
    return bytes([(step << 4) | kind]) + value


def _text(text: bytes) -> bytes:
    return _varint(len(text)) + text


def _zigzag(number: int) -> int:
    return number << 1


def _varint(number: int) -> bytes:
    written = bytearray()
    while number > 0x7F:
        written.append((number & 0x7F) | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)
