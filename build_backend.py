"""setuptools' build backend, which also asks for Node.js where the uploader's bundles are still to be made.

That is in a checkout. An sdist carries them, and an editable installation serves the modules.
"""

from pathlib import Path

from setuptools import build_meta
from setuptools.build_meta import (
    build_editable,
    build_sdist,
    build_wheel,
    get_requires_for_build_editable,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)

import build_web

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]

_JS = Path(__file__).resolve().parent / "js"


def get_requires_for_build_wheel(config_settings=None):
    """What PEP 517 asks before a wheel is built."""
    return [*build_meta.get_requires_for_build_wheel(config_settings), *_node()]


def get_requires_for_build_sdist(config_settings=None):
    """What PEP 517 asks before an sdist is built."""
    return [*build_meta.get_requires_for_build_sdist(config_settings), *_node()]


def _node():
    is_needed = build_web.are_wanted() and not build_web.are_built(_JS)
    return [build_web.NODE_REQUIREMENT] if is_needed else []
