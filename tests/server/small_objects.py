"""An object of ten bytes, and what is read of it."""

from __future__ import annotations

CONTENT = b"0123456789"


def body_of(answer):
    return answer["Body"].read()
