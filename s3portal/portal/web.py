"""The web folders that the front ends share: ``js``, the uploader, with how it is served; ``templates``."""

import hashlib
import posixpath
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

#: A static import as the uploader's modules write it, on one line or on several.
_IMPORT = re.compile(r"""^import\s[^;"]*"(\.[^"]+)";""", re.MULTILINE)

_CONTENT_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".map": "application/json",
}
_NOT_SERVED = ("node_modules", "types")
_YEAR_S = 365 * 24 * 3600
_PACKAGE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Script:
    """What a page loads of the uploader, as paths in the folder ``js``."""

    #: The module that the page's loader imports.
    path: str
    #: What a browser needs before it runs: for ``<link rel="modulepreload">``.
    modules: tuple[str, ...]


def web_folder(name: str) -> Path:
    """The folder ``js`` or ``templates``: inside an installed package, or at the top of a checkout.

    Raises FileNotFoundError where neither holds it, which means a broken installation.
    """
    for candidate in (_PACKAGE / name, _PACKAGE.parent / name):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(f"s3portal is installed without its folder {name!r}: install it again")


@cache
def web_version() -> str:
    """A digest of all that is served of ``js``, for its URLs: a browser then never mixes two versions."""
    folder = web_folder("js")
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.suffix in _CONTENT_TYPES):
        if not set(_NOT_SERVED) & set(path.relative_to(folder).parts):
            digest.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def web_headers(path: str, version: str) -> dict[str, str] | None:
    """The headers that a file of ``js`` is served with; None for what is not served.

    ``version`` is that of the URL. A page of an older version gets what there is now, and does not keep it.
    """
    content_type = _CONTENT_TYPES.get(posixpath.splitext(path)[1])
    if content_type is None or set(_NOT_SERVED) & set(path.split("/")):
        return None
    lifetime = f"max-age={_YEAR_S}, immutable" if version == web_version() else "no-cache"
    headers = {"Content-Type": content_type, "X-Content-Type-Options": "nosniff", "Cache-Control": lifetime}
    if path.startswith("dist/") and path.endswith(".js"):
        # Relative to the script's own address.
        headers["SourceMap"] = f"{posixpath.basename(path)}.map"
    return headers


@cache
def script_of(entry: str) -> Script:
    """What a page loads for ``entry``, as in ``ckan/form``.

    One bundle, where an installed package carries it; in a checkout, the modules as they are.
    """
    bundle = f"dist/{entry.replace('/', '-')}.js"
    is_installed = web_folder("js").parent == _PACKAGE
    if is_installed and (web_folder("js") / bundle).is_file():
        return Script(bundle, (bundle,))
    module = f"src/{entry}.js"
    return Script(module, module_graph(module))


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
