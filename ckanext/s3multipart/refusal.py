"""How a refusal reaches the caller: as a CKAN exception in-process, with the protocol's status over HTTP.

CKAN's API knows 403, 404 and 409 and drops what else an error says. So the refusal is left on the request,
and the answer of the API is written again from it; anyone who calls an action from Python meets CKAN's own
exceptions.
"""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

import ckan.plugins.toolkit as tk
from ckan import model
from flask import Blueprint, Response, current_app, g, has_request_context, json, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import InternalError
from werkzeug.exceptions import BadRequest

from ckanext.s3multipart.auth import REFUSAL
from ckanext.s3multipart.csrf import require_csrf_token
from ckanext.s3multipart.errors import CsrfTokenMissing, PortalReadOnly, as_ckan_error
from ckanext.s3multipart.parameters import own_parameters
from ckanext.s3multipart.schema import require_current
from ckanext.s3multipart.wording import sentence
from s3portal.transfer import StoreBusy, TransferError, retry_after_s

log = logging.getLogger(__name__)

ActionFunction = Callable[[dict[str, Any], dict[str, Any]], Any]

blueprint = Blueprint("s3multipart_refusals", __name__)

#: PostgreSQL's "read_only_sql_transaction" (PostgreSQL documentation, appendix A).
_READ_ONLY = "25006"

#: Actions that change something, so that a browser's cookie alone must not be enough for them.
STATE_CHANGING = frozenset(
    {
        "s3multipart_upload_create",
        "s3multipart_upload_sign_parts",
        "s3multipart_upload_complete",
        "s3multipart_upload_abort",
        "s3multipart_upload_hand_over",
        "s3multipart_deleted_files_remove",
        "s3multipart_version_restore",
        "s3multipart_version_remove",
        "s3multipart_credentials",
    }
)


def refusing(function: ActionFunction) -> ActionFunction:
    """Lets an action raise TransferErrors, and authorise with ``check_access`` without losing the reason. It
    gets the parameters that it takes; others are refused (parameters.py)."""

    @wraps(function)
    def action(context: dict[str, Any], asked: dict[str, Any]) -> Any:
        try:
            require_current()
            return function(context, own_parameters(function.__name__, asked))
        except TransferError as refusal:
            raise refused(refusal) from refusal
        except tk.NotAuthorized as error:
            if REFUSAL not in context:
                raise
            raise refused(context[REFUSAL]) from error
        except InternalError as error:
            if getattr(error.orig, "pgcode", None) != _READ_ONLY:
                raise
            raise refused(PortalReadOnly()) from error

    return action


def refused(refusal: TransferError) -> Exception:
    """The exception to raise for the refusal. The transaction is given up, and the API will say why."""
    model.Session.rollback()
    if has_request_context():
        g.s3multipart_refusal = refusal
        if isinstance(refusal, StoreBusy | PortalReadOnly) and request.endpoint == "api.action":
            # CKAN's API logs a traceback of what it does not know, for each call while this lasts.
            log.warning("%s", refusal)
            return tk.ValidationError({"message": [sentence(refusal)], "code": [refusal.code]})
    return as_ckan_error(refusal)


@blueprint.before_app_request
def check_csrf_token() -> Response | None:
    """CKAN checks too, but CKAN 2.12.0 leaves it out too often."""
    if _changes_state():
        try:
            require_csrf_token()
        except CsrfTokenMissing as refusal:
            return _answer(refusal)
    return None


@blueprint.app_errorhandler(CSRFError)
def answer_csrf_error(error: CSRFError) -> ResponseReturnValue:
    """CKAN's own check answers with a page, which no script can read."""
    if _changes_state():
        return _answer(CsrfTokenMissing())
    return current_app.handle_http_exception(BadRequest(error.description))


@blueprint.after_app_request
def answer_refusal(response: Response) -> Response:
    """Puts the protocol's status and body in the place of the API's."""
    refusal = g.pop("s3multipart_refusal", None)
    if refusal is None or request.endpoint != "api.action" or response.status_code < 400:
        return response
    return _answer(refusal)


def _answer(refusal: TransferError) -> Response:
    error = {**refusal.as_dict(), "__type": type(refusal).__name__, "message": sentence(refusal)}
    response = Response(
        json.dumps({"success": False, "error": error}),
        status=refusal.http_status,
        content_type="application/json;charset=utf-8",
    )
    if (wait_s := retry_after_s(refusal)) is not None:
        response.headers["Retry-After"] = str(wait_s)
    return response


def _changes_state() -> bool:
    action = (request.view_args or {}).get("logic_function")
    return request.endpoint == "api.action" and action in STATE_CHANGING
