"""Whether a call that changes something was meant by the user whose cookie came with it.

CKAN checks this too, but 2.12.0 stops doing so for the whole API of a process once an API token was used.
"""

import ckan.plugins.toolkit as tk
from ckan.config.middleware.flask_app import csrf
from ckan.lib import api_token
from flask import current_app, g, has_request_context, request
from flask_wtf.csrf import CSRFError

from ckanext.s3multipart.errors import CsrfTokenMissing


def require_csrf_token() -> None:
    """Raises CsrfTokenMissing where a request came by cookie and without the token of this site's pages.

    Callers with an API token, anonymous callers and callers that are no request at all have nothing to forge.
    """
    if not has_request_context() or not current_app.config.get("WTF_CSRF_ENABLED", True):
        return
    if not tk.current_user.is_authenticated or g.get("csrf_valid") or _came_by_api_token():
        return
    try:
        csrf.protect()
    except CSRFError as error:
        raise CsrfTokenMissing from error


def _came_by_api_token() -> bool:
    """Whether a token in the request's headers, and not a cookie, says who the user is."""
    # Since CKAN 2.11 the setting is called apitoken; CKAN 2.10 looks into Authorization too, whatever is set.
    settings = ("apitoken_header_name", "apikey_header_name")
    names = {"Authorization", *(tk.config[name] for name in settings if name in tk.config)}
    tokens = [request.headers[name] for name in names if request.headers.get(name)]
    users = (api_token.get_user_from_token(token, update_access_time=False) for token in tokens)
    return any(user is not None and user.id == tk.current_user.id for user in users)
