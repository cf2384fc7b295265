"""What an object says of itself (``x-amz-meta-*``): where it came from, readable without the portal."""

from collections.abc import Mapping
from urllib.parse import quote, unquote

#: S3 User Guide, "User-defined object metadata": names and values together, in bytes.
MAX_METADATA_BYTES = 2048

# HTTP headers carry ASCII, trim blanks at the ends and may fold those within. Everything else printable is
# kept, except for the percent sign itself, so that decoding is exact.
_KEPT = "!\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~"


def encode_metadata(values: Mapping[str, str]) -> dict[str, str]:
    """``values`` (``portal``, ``user``, ``dataset``, ``resource``, ``filename``) for boto3's ``Metadata``.

    Percent-encoded where not ASCII. Empty values are left out. Where the whole would be more than S3's 2 KiB,
    the longest values lose their ends.
    """
    kept = {name: value.encode(errors="replace").decode() for name, value in values.items() if value}
    while (excess := _size_bytes(kept) - MAX_METADATA_BYTES) > 0:
        longest = max(kept, key=lambda name: len(_encode(kept[name])))
        # A character is at most 12 bytes encoded, so this never cuts more than there has to go.
        kept[longest] = kept[longest][: -max(1, excess // 12)]
    return {name: _encode(value) for name, value in kept.items()}


def decode_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """The values again, from boto3's ``Metadata``; exactly what was encoded, unless it had to be cut."""
    return {name.lower(): unquote(value, errors="replace") for name, value in metadata.items()}


def _encode(value: str) -> str:
    return quote(value, safe=_KEPT)


def _size_bytes(values: Mapping[str, str]) -> int:
    return sum(len(name) + len(_encode(value)) for name, value in values.items())
