"""Serves the uploader's JavaScript modules under a URL that changes with them; its style is an asset.

The modules import each other by relative URLs, so they cannot be bundled as CKAN bundles classic scripts.
"""

import ckan.plugins.toolkit as tk
from ckan.lib import webassets_tools
from flask import Blueprint, Response, request, send_from_directory
from webassets import Bundle

from s3portal.portal.web import web_folder, web_headers

blueprint = Blueprint("s3multipart_web", __name__)


def register_style() -> None:
    """Makes the shared style an asset of CKAN's. It stands outside of the folder of webassets.yml."""
    name = "s3multipart/uploader-style"
    if name not in webassets_tools.env:
        style = Bundle(str(web_folder("js") / "uploader.css"), output="s3multipart/%(version)s_uploader.css")
        webassets_tools.env.register(name, style)


@blueprint.route("/s3multipart/web/<version>/<path:path>")
def web_module(version: str, path: str) -> Response:
    """One file."""
    headers = web_headers(path, version)
    if headers is None:
        tk.abort(404)
    response = send_from_directory(web_folder("js"), path)
    response.headers.update(headers)
    # CKAN would put its own lifetime over ours.
    request.environ["__no_cache__"] = True
    return response
