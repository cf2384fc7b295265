"""The uploader's scripts and styles, under URLs that change with their content."""

from flask import request, send_from_directory
from indico.core.plugins import url_for_plugin
from indico.web.rh import RH
from werkzeug.exceptions import NotFound

from s3portal.portal.web import web_folder, web_headers, web_version


def web_url(path: str) -> str:
    """The URL of one file."""
    return url_for_plugin("storage_s3.web_module", version=web_version(), path=path)


class RHWebModule(RH):
    """One file."""

    def _process(self):
        arguments = request.view_args or {}
        path, version = arguments["path"], arguments["version"]
        headers = web_headers(path, version)
        if headers is None:
            raise NotFound
        response = send_from_directory(web_folder("js"), path)
        response.headers.update(headers)
        return response
