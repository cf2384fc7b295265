"""Serves the uploader's JavaScript modules under a URL that changes with them; its style is an asset.

The modules import each other by relative URLs, so they cannot be bundled as CKAN bundles classic scripts.
"""

import hashlib
from functools import lru_cache

import ckan.plugins.toolkit as tk
from ckan.lib import webassets_tools
from flask import Blueprint, Response, request, send_from_directory
from webassets import Bundle

from s3portal.web import web_folder

_CONTENT_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
_YEAR_S = 365 * 24 * 3600

blueprint = Blueprint("s3multipart_web", __name__)


def register_style() -> None:
    """Makes the shared style an asset of CKAN's. It stands outside of the folder of webassets.yml."""
    name = "s3multipart/uploader-style"
    if name not in webassets_tools.env:
        style = Bundle(str(web_folder("js") / "uploader.css"), output="s3multipart/%(version)s_uploader.css")
        webassets_tools.env.register(name, style)


@lru_cache(maxsize=1)
def web_version() -> str:
    """A digest of everything that is served, so that a browser never mixes two versions."""
    folder = web_folder("js")
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.suffix in _CONTENT_TYPES):
        if "node_modules" not in path.parts:
            digest.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


@blueprint.route("/s3multipart/web/<version>/<path:path>")
def web_module(version: str, path: str) -> Response:
    """One file. A page of an older version gets what there is now, and keeps it no longer than it is
    shown."""
    content_type = next((kind for suffix, kind in _CONTENT_TYPES.items() if path.endswith(suffix)), None)
    if content_type is None or "node_modules" in path.split("/"):
        tk.abort(404)
    response = send_from_directory(web_folder("js"), path)
    response.headers["Content-Type"] = content_type
    response.headers["X-Content-Type-Options"] = "nosniff"
    # CKAN would put its own lifetime over ours.
    request.environ["__no_cache__"] = True
    current = version == web_version()
    response.headers["Cache-Control"] = f"max-age={_YEAR_S}, immutable" if current else "no-cache"
    return response
