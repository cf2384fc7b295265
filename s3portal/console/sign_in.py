"""Signing in by access key and secret, and out again: one browser or all of them."""

from __future__ import annotations

import hmac
import secrets

from botocore.exceptions import BotoCoreError, ClientError
from flask import Blueprint, Response, abort, flash, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from s3portal.console.cookies import (
    BROWSER,
    SESSION,
    VISITOR,
    cookie_of,
    cookies_of,
    delete_cookie,
    set_cookie,
)
from s3portal.console.gateway_client import Key, Visitor
from s3portal.console.guards import is_bucket_name, require_own_page, token_of
from s3portal.console.oidc.farewell import farewell
from s3portal.console.sessions import Session
from s3portal.console.texts import gettext as _
from s3portal.console.throttle import known_browser, new_browser, sources_of
from s3portal.console.visit import Visit, console, visit

_KNOWN_S = 365 * 24 * 3600
_OPEN = ("sign_in.show", "sign_in.sign_in", "oidc.start", "oidc.come_back", "oidc.choose", "static")

sign_in_pages = Blueprint("sign_in", __name__)


def find_visit() -> AnyResponse | None:
    """Before each request: finds out whose it is, and sends who is not signed in to the form."""
    found = [visit for visit in map(_visit_of, cookies_of(SESSION)) if visit is not None]
    # Another page of this host, on another port, can put a second cookie beside the one that it cannot read:
    # with two sessions nobody knows whose the browser is.
    g.visit = found[0] if len(found) == 1 else None
    g.form_number = g.visit.session.number if g.visit else cookie_of(VISITOR)
    g.store_origin = console().store_url()
    if request.endpoint == "static":
        return None
    require_own_page(console().backend.key, g.form_number, console().settings.console_origin)
    if g.visit or request.endpoint in _OPEN:
        if g.visit and request.method == "POST":
            console().sights.forget(g.visit.session.digest)
        if not is_bucket_name((request.view_args or {}).get("bucket", "-")):
            abort(404)
        return None
    if request.endpoint is None:
        abort(404)
    back = request.full_path.rstrip("?") if request.method == "GET" else None
    return redirect(url_for("sign_in.show", back=back))


def _visit_of(cookie: str) -> Visit | None:
    """The visit that a cookie is for: its session, as long as there is the secret that it was begun with."""
    number, _dot, mark = cookie.partition(".")
    session = console().sessions.find(number)
    if session is None:
        return None
    key = console().backend.key_of(session.access_key_id, session.session_token)
    if key is None or not hmac.compare_digest(mark.encode(), _mark(number, key).encode()):
        # The key was deleted, deactivated, or given another secret meanwhile.
        console().sessions.end(session)
        return None
    return Visit(console(), session, key)


def _mark(number: str, key: Key) -> str:
    """What the cookie of a session has of the secret that it was begun with: nothing that tells it, and
    enough to notice another one. No file has it."""
    said = f"session {number} {key.secret_access_key}".encode()
    return hmac.digest(console().backend.key, said, "sha256").hex()[:32]


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
    if not access_key_id or not secret:
        return _form(_("Enter an access key ID and its secret access key."), status=400)
    browser = known_browser(console().backend.key, access_key_id, cookie_of(BROWSER) or "")
    sources = sources_of(request.remote_addr or "", access_key_id, browser)
    wait_s = console().throttle.attempt(*sources)
    if wait_s > 0:
        refusal = _form(
            _("Too many failed attempts. Try again in %(seconds)s seconds.", seconds=int(wait_s) + 1),
            status=429,
        )
        refusal.headers["Retry-After"] = str(int(wait_s) + 1)
        return refusal
    key = Key(access_key_id, secret, token)
    problem = _problem_of(key)
    if problem:
        return _form(problem, status=403)
    console().throttle.succeeded(*sources)
    ends_at = console().backend.end_of_session(access_key_id, token) if token else None
    session = console().sessions.begin(
        access_key_id, token, ends_at, request.remote_addr or "", request.headers.get("User-Agent", "")
    )
    if g.visit:
        # Who signs in again leaves no session behind.
        console().sessions.end(g.visit.session)
    answer: AnyResponse = redirect(page_wanted(), 303)
    set_session_cookie(answer, session, key)
    delete_cookie(answer, VISITOR)
    if browser is None:
        known = new_browser(console().backend.key, access_key_id)
        set_cookie(answer, BROWSER, known, lifetime_s=_KNOWN_S)
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
        set_cookie(answer, VISITOR, number)
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
    delete_cookie(answer, SESSION)
    return answer


def set_session_cookie(answer: AnyResponse, session: Session, key: Key) -> None:
    """Sets the cookie of a session that was begun with a key."""
    set_cookie(answer, SESSION, f"{session.number}.{_mark(session.number, key)}")


def page_wanted() -> str:
    """Where the visitor wanted to go: a page of the console, and no other place."""
    wanted = request.values.get("back", "")
    # An address that begins with one slash has no host, whatever follows; browsers read "\\" as "/".
    is_ours = wanted.startswith("/ui/") and "\\" not in wanted
    return wanted if is_ours else url_for("buckets.show_all")
