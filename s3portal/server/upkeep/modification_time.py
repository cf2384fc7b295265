"""The time of a file in an object's metadata, in seconds since 1970, as rclone and s3fs keep it."""

from __future__ import annotations

import re

MTIME_HEADER = "x-amz-meta-mtime"
_SECONDS = re.compile(r"([0-9]{1,11})(?:\.([0-9]{1,9}))?[0-9]*")


def header_of_ns(modified_ns: int) -> str:
    seconds, fraction = divmod(modified_ns, 1_000_000_000)
    return f"{seconds}.{fraction:09d}" if fraction else f"{seconds}"


def ns_of_header(value: str | None) -> int | None:
    """Returns nanoseconds since 1970, None where the value is no time."""
    match = _SECONDS.fullmatch(value or "")
    if match is None:
        return None
    return int(match[1]) * 1_000_000_000 + int((match[2] or "").ljust(9, "0"))
