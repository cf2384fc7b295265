"""Signing in by access key and secret, and out again: one browser or all of them."""

from __future__ import annotations

import secrets
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError
from flask import Blueprint, Response, abort, flash, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from s3portal.console.gateway_client import Key, Visitor
from s3portal.console.guards import require_own_page, token_of
from s3portal.console.oidc.farewell import farewell
from s3portal.console.sessions import Session
from s3portal.console.texts import gettext as _
from s3portal.console.visit import Visit, console, visit

#: The prefix makes browsers refuse the cookie from other hosts and over plain HTTP.
COOKIE, SECURE_COOKIE = "s3portal_console", "__Host-s3portal_console"
#: Who has not signed in gets one too, so that their form has a token.
VISITOR_COOKIE = "s3portal_visitor"
_OPEN = ("sign_in.show", "sign_in.sign_in", "oidc.start", "oidc.come_back", "oidc.choose", "static")

sign_in_pages = Blueprint("sign_in", __name__)


def cookie_name() -> str:
    return SECURE_COOKIE if request.scheme == "https" else COOKIE


def find_visit() -> AnyResponse | None:
    """Before each request: finds out whose it is, and sends who is not signed in to the form."""
    g.visit = None
    number = request.cookies.get(cookie_name())
    session = console().sessions.find(number) if number else None
    if session is not None:
        key = console().backend.key_of(session.access_key_id, session.session_token)
        if key is None:
            # The key was deleted or deactivated meanwhile.
            console().sessions.end(session)
        else:
            g.visit = Visit(console(), session, key)
    g.form_number = number if g.visit else request.cookies.get(VISITOR_COOKIE)
    g.store_origin = console().store_url()
    if request.endpoint == "static":
        return None
    require_own_page(console().backend.key, g.form_number)
    if g.visit or request.endpoint in _OPEN:
        return None
    if request.endpoint is None:
        abort(404)
    back = request.full_path.rstrip("?") if request.method == "GET" else None
    return redirect(url_for("sign_in.show", back=back))


def form_token() -> str:
    """The token of this request's forms; for templates."""
    return token_of(console().backend.key, g.form_number or "")


@sign_in_pages.get("/sign-in")
def show() -> AnyResponse:
    if g.visit:
        return redirect(page_wanted())
    return _form()


@sign_in_pages.post("/sign-in")
def sign_in() -> AnyResponse:
    form = request.form
    access_key_id, secret = form.get("access_key_id", "").strip(), form.get("secret_access_key", "").strip()
    token = form.get("session_token", "").strip() or None
    sources = (f"address {request.remote_addr}", f"key {access_key_id}")
    wait_s = console().throttle.wait_s(*sources)
    if wait_s > 0:
        refusal = _form(
            _("Too many failed attempts. Try again in %(seconds)s seconds.", seconds=int(wait_s) + 1),
            status=429,
        )
        refusal.headers["Retry-After"] = str(int(wait_s) + 1)
        return refusal
    if not access_key_id or not secret:
        return _form(_("Enter an access key ID and its secret access key."), status=400)
    problem = _problem_of(Key(access_key_id, secret, token))
    if problem:
        console().throttle.failed(*sources)
        return _form(problem, status=403)
    console().throttle.succeeded(*sources)
    ends_at = console().backend.end_of_session(access_key_id, token) if token else None
    session = console().sessions.begin(
        access_key_id, token, ends_at, request.remote_addr or "", request.headers.get("User-Agent", "")
    )
    answer: AnyResponse = redirect(page_wanted(), 303)
    set_cookie(answer, cookie_name(), session.number)
    answer.delete_cookie(VISITOR_COOKIE, path="/")
    return answer


@sign_in_pages.post("/sign-out")
def sign_out() -> AnyResponse:
    session = visit().session
    console().sessions.end(session)
    return _signed_out(session)


@sign_in_pages.post("/sign-out-everywhere")
def sign_out_everywhere() -> AnyResponse:
    session = visit().session
    console().sessions.end_all(session.access_key_id, session.person)
    return _signed_out(session)


def _problem_of(key: Key) -> str | None:
    """Why this key opens nothing, in a sentence that does not tell which half of it is wrong."""
    client = console().clients.client("sts", key, Visitor(request.remote_addr or "", request.scheme))
    try:
        client.get_caller_identity()
    except (ClientError, BotoCoreError, ValueError) as refused:
        code = refused.response["Error"]["Code"] if isinstance(refused, ClientError) else ""
        if code == "ExpiredToken":
            return _("These temporary credentials have expired. Ask for new ones.")
        return _("This access key ID and secret access key do not belong together, or are not active.")
    return None


def _form(problem: str | None = None, status: int = 200) -> Response:
    number = g.form_number or secrets.token_urlsafe(24)
    is_new, g.form_number = g.form_number is None, number
    page = render_template("console/sign_in.html", problem=problem, back=request.values.get("back", ""))
    answer = Response(page, status)
    if is_new:
        set_cookie(answer, VISITOR_COOKIE, number)
    return answer


def _signed_out(session: Session) -> AnyResponse:
    flash(_("You are signed out."))
    leaving = farewell(console(), session)
    g.visit = None
    answer: AnyResponse
    if leaving is None:
        answer = redirect(url_for("sign_in.show"), 303)
    else:
        # Not a redirect: forms lead to the console alone.
        url, place = leaving
        answer = Response(render_template("console/leading_on.html", url=url, place=place))
    answer.delete_cookie(cookie_name(), path="/", secure=request.scheme == "https")
    return answer


def set_cookie(
    answer: AnyResponse, name: str, value: str, same_site: str = "Strict", lifetime_s: int | None = None
) -> None:
    """Sets a cookie that no script reads; without a lifetime, until the browser is closed."""
    is_secure = request.scheme == "https"
    answer.set_cookie(name, value, lifetime_s, path="/", httponly=True, samesite=same_site, secure=is_secure)


def page_wanted() -> str:
    """Where the visitor wanted to go: a page of the console, and no other place."""
    wanted = request.values.get("back", "")
    parts = urlsplit(wanted)
    is_ours = wanted.startswith("/ui/") and not parts.netloc and not parts.scheme and "\\" not in wanted
    return wanted if is_ours else url_for("buckets.show_all")
