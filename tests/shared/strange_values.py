"""What JSON may have where a call wants something else."""

from typing import Any

#: None of it may be kept, looked up or put into a header, and none may be a crash.
STRANGE: list[Any] = [
    "\x00",
    "a\x00b",
    "\ud800",
    "x" * 100_000,
    "../../etc/passwd",
    "a\r\nX-Evil: 1",
    [],
    {},
    7,
    True,
    None,
    1e308,
]
