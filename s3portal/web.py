"""Finds the two web folders that the front ends share: ``js`` (the uploader) and ``templates``."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def web_folder(name: str) -> Path:
    """The folder ``js`` or ``templates``: inside an installed package, or at the top of a checkout.

    Raises FileNotFoundError where neither holds it, which means a broken installation.
    """
    for candidate in (_PACKAGE / name, _PACKAGE.parent / name):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(f"s3portal is installed without its folder {name!r}: install it again")
