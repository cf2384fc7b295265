"""Finds the two web folders that the front ends share: ``js`` (the uploader) and ``templates``."""

import posixpath
import re
from functools import cache
from pathlib import Path

#: A static import as the uploader's modules write it, on one line or on several.
_IMPORT = re.compile(r"""^import\s[^;"]*"(\.[^"]+)";""", re.MULTILINE)

_PACKAGE = Path(__file__).resolve().parent


def web_folder(name: str) -> Path:
    """The folder ``js`` or ``templates``: inside an installed package, or at the top of a checkout.

    Raises FileNotFoundError where neither holds it, which means a broken installation.
    """
    for candidate in (_PACKAGE / name, _PACKAGE.parent / name):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(f"s3portal is installed without its folder {name!r}: install it again")


@cache
def module_graph(entry: str) -> tuple[str, ...]:
    """The JavaScript module ``entry`` and all that it imports, directly or not: paths in the folder ``js``.

    For ``<link rel="modulepreload">``: a browser learns of an import when it has read the module before,
    so that without it small modules come one after another.
    """
    folder = web_folder("js")
    found = [entry]
    for path in found:
        for imported in _IMPORT.findall((folder / path).read_text("utf-8")):
            module = posixpath.normpath(posixpath.join(posixpath.dirname(path), imported))
            if module not in found:
                found.append(module)
    return tuple(found)
