"""Folders before and after a client had them."""

from pathlib import Path


def contents(folder: Path) -> dict[str, bytes]:
    """The files under a folder, by their path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
