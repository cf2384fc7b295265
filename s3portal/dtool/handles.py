"""Handles: the relative path of an item, as it stands in the object's metadata. Pure.

dtool-s3 writes it base64-encoded since 0.14.0, because headers are ASCII, and wrote it raw before. Which of
the two it is needs no version: the object is named by the SHA-1 of the path, so the right reading proves
itself.
"""

import base64

from dtoolcore.utils import generate_identifier


def encode_handle(relpath: str) -> str:
    """The path as ASCII."""
    return base64.b64encode(relpath.encode()).decode("ascii")


def decode_handle(stored: str, identifier: str) -> str | None:
    """The path that ``stored`` says, or None where neither reading is the path that ``identifier`` names."""
    return next((path for path in _readings(stored) if generate_identifier(path) == identifier), None)


def _readings(stored: str) -> list[str]:
    try:
        return [base64.b64decode(stored, validate=True).decode(), stored]
    except ValueError:
        return [stored]
