"""The uploader's scripts and styles, under URLs that change with their content."""

import hashlib
from functools import cache

from flask import request, send_from_directory
from indico.core.plugins import url_for_plugin
from indico.web.rh import RH
from werkzeug.exceptions import NotFound

from s3portal.web import web_folder

_CONTENT_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
_YEAR_S = 365 * 24 * 3600


@cache
def web_version() -> str:
    """A digest of everything that is served, so that a browser never mixes two versions."""
    folder = web_folder("js")
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.suffix in _CONTENT_TYPES):
        if "node_modules" not in path.parts:
            digest.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def web_url(path: str) -> str:
    """The URL of one file."""
    return url_for_plugin("storage_s3.web_module", version=web_version(), path=path)


class RHWebModule(RH):
    """One file. A page of an older version gets what there is now, and does not keep it."""

    def _process(self):
        path = request.view_args["path"]
        content_type = next((kind for suffix, kind in _CONTENT_TYPES.items() if path.endswith(suffix)), None)
        if content_type is None or "node_modules" in path.split("/"):
            raise NotFound
        response = send_from_directory(web_folder("js"), path)
        response.headers["Content-Type"] = content_type
        response.headers["X-Content-Type-Options"] = "nosniff"
        current = request.view_args["version"] == web_version()
        response.headers["Cache-Control"] = f"max-age={_YEAR_S}, immutable" if current else "no-cache"
        return response
