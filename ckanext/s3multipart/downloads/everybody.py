"""What everybody may read, and scripts of other sites therefore too (Fetch Standard, "CORS protocol").

Nothing here looks at who is asking: what depends on that is for nobody else's script.
"""

from typing import Any

import ckan.plugins.toolkit as tk
from ckan import model
from flask import Response, current_app, request

from ckanext.s3multipart.model import attached_upload
from ckanext.s3multipart.schema import is_current
from ckanext.s3multipart.settings import download_settings
from ckanext.s3multipart.uploads.versions import count_earlier_versions
from s3portal.transfer import EXPOSED_TO_READERS, HEADERS_OF_READERS

#: The file's own name is nice to have where a script saves it.
_EXPOSED = ", ".join([*EXPOSED_TO_READERS, "Content-Disposition", "Last-Modified"])


class PreflightAnswer(Response):
    """CKAN writes its own CORS headers over those of an answer, where the site has them on. They are for its
    API, and know no ranges: so these are put in place last of all."""

    def get_wsgi_headers(self, environ: Any) -> Any:
        """As the answer is sent."""
        headers = super().get_wsgi_headers(environ)
        headers["Access-Control-Allow-Origin"] = "*"
        headers["Access-Control-Allow-Methods"] = "GET, HEAD"
        headers["Access-Control-Allow-Headers"] = ", ".join(HEADERS_OF_READERS)
        headers["Access-Control-Max-Age"] = "600"
        return headers


def everybody_may_read(resource_id: str) -> bool:
    """Whether someone who is not signed in may read the file of this resource now."""
    resource = model.Resource.get(resource_id)
    package = model.Package.get(resource.package_id) if resource is not None else None
    if package is None or package.private or package.state != model.State.ACTIVE:
        return False
    # Plugins restrict single resources of a dataset that everybody sees.
    nobody: dict[str, Any] = {"user": "", "auth_user_obj": None}
    try:
        tk.check_access("resource_show", nobody, {"id": resource_id})
    except (tk.NotAuthorized, tk.ObjectNotFound):
        return False
    return True


def answer_preflight(resource_id: str) -> Response:
    """What a browser asks before a script of another site may send a range."""
    response = current_app.make_default_options_response()
    is_ours = is_current() and (attached_upload(resource_id) or count_earlier_versions(resource_id))
    if is_ours and download_settings().cross_origin_downloads and everybody_may_read(resource_id):
        response = PreflightAnswer(status=204)
    return response


def let_scripts_read(response: Response, resource_id: str) -> Response:
    """Lets scripts of other sites read this answer, where everybody may read the file."""
    settings = download_settings()
    if settings.cross_origin_downloads and request.headers.get("Origin") and everybody_may_read(resource_id):
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Access-Control-Expose-Headers"] = _EXPOSED
    return response
