"""Refusals and failures as pages: a sentence, and what can be done."""

from __future__ import annotations

import logging

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from flask import Flask, Response, flash, g, redirect, render_template, request, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from s3portal.console.texts import gettext as _
from s3portal.console.visit import console

log = logging.getLogger(__name__)

#: What answers without a body (HEAD) are called by is their status.
_DENIED = ("AccessDenied", "AccessDeniedException", "403")
_NOT_THERE = "404"
#: The session's key has gone, or its temporary credentials are over.
_OVER = (
    "ExpiredToken",
    "InvalidToken",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
)


def answer_errors(app: Flask) -> None:
    """Makes pages of what a request ends with."""

    @app.errorhandler(ClientError)
    def refused(problem: ClientError) -> AnyResponse:
        error = problem.response["Error"]
        status = problem.response["ResponseMetadata"]["HTTPStatusCode"]
        if error["Code"] in _OVER and g.get("visit"):
            console().sessions.end(g.visit.session)
            flash(_("Your key is no longer valid. Sign in again."), "bad")
            return redirect(url_for("sign_in.show"), 303)
        if is_denied(problem):
            return _page(status, _("You may not do this"), sentence_of(problem), why=problem.operation_name)
        if status >= 500:
            log.error("%s failed: %s", problem.operation_name, problem)
        return _page(status, _("This did not work"), sentence_of(problem))

    @app.errorhandler(BotoCoreError)
    def not_asked(problem: BotoCoreError) -> AnyResponse:
        # A name or a value that no request can have: nothing was sent.
        return _page(400, _("This did not work"), sentence_of(problem))

    @app.errorhandler(HTTPException)
    def failed(problem: HTTPException) -> AnyResponse:
        status = problem.code or 500
        if status == 404:
            return _page(404, _("There is no such page"), _("It may have been moved or deleted."))
        return _page(status, _title_of(status), problem.description or "")

    @app.errorhandler(Exception)
    def broke(problem: Exception) -> AnyResponse:
        log.exception("the console failed at %s %r", request.method, request.path)
        return _page(
            500, _("The console has a problem"), _("It is in the server's log. Please try again later.")
        )


def is_denied(problem: ClientError) -> bool:
    """Whether somebody asked for what they may not do."""
    return problem.response["Error"]["Code"] in _DENIED


def sentence_of(problem: Exception) -> str:
    """Returns a refusal as one sentence, for a form that stays open: of the server, or of what was to ask it
    and found that no request can say this."""
    if isinstance(problem, ParamValidationError):
        return str(problem.kwargs["report"])
    if not isinstance(problem, ClientError):
        return str(problem)
    error = problem.response["Error"]
    if error["Code"] == _NOT_THERE:
        return _("It is not there: it may have been moved or deleted.")
    if is_denied(problem):
        return _(
            "You may not do this: %(operation)s is not allowed to you.", operation=problem.operation_name
        )
    return error.get("Message") or error["Code"]


def _title_of(status: int) -> str:
    titles = {
        403: _("You may not do this"),
        405: _("This page does not accept such a request"),
        413: _("This is too much at once"),
    }
    return titles.get(status) or (_("The console has a problem") if status >= 500 else _("This did not work"))


def _page(status: int, title: str, sentence: str, why: str | None = None) -> AnyResponse:
    g.setdefault("visit", None)
    # Here, since the pages need this module.
    from s3portal.console.pages.why import refused_url

    why_url = refused_url(why) if why and g.visit else None
    page = render_template("console/error.html", title=title, sentence=sentence, why_url=why_url)
    return Response(page, status)
