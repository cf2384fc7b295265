"""What every request to the console has to pass, and what every page is sent with.

A change has to come from a page of the console: by its Origin, which browsers send and pages cannot forge,
and by a token of the session, since cookies do not know of ports. Pages load nothing from elsewhere and run
nothing inline, and nobody may frame them.
Source: https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html
and https://www.w3.org/TR/CSP3/
"""

from __future__ import annotations

import hmac
import re
from urllib.parse import urlsplit

from flask import Flask, Request, Response, abort, g, request

from s3portal.console.texts import gettext as _

FORM_FIELD = "csrf_token"
HEADER = "X-CSRF-Token"
#: What may be a bucket's name in an address. Clients take more for one: ARNs, and names that lead elsewhere.
_BUCKET_NAME = re.compile(r"[A-Za-z0-9._-]{1,255}(?<!--x-s3)")
_SAFE = ("GET", "HEAD", "OPTIONS")
_ANSWERED_AS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def is_bucket_name(name: str) -> bool:
    """Whether a name from an address can be that of a bucket."""
    return _BUCKET_NAME.fullmatch(name) is not None and ".." not in name


def token_of(key: bytes, number: str) -> str:
    """Returns the token that forms of a session have; ``number`` is the session's, or the visitor's before
    they sign in."""
    return hmac.digest(key, b"form " + number.encode(), "sha256").hex()


def require_own_page(key: bytes, number: str | None, console_origin: str) -> None:
    """Aborts with 403 unless a change was asked for by a page of the console, which browsers know as
    ``console_origin``; '' for what they call it in each request."""
    if request.method in _SAFE:
        return
    if not _is_own_origin(request, console_origin):
        abort(403, _("This came from another site."))
    given = request.form.get(FORM_FIELD) or request.headers.get(HEADER, "")
    if number is None or not hmac.compare_digest(given.encode(), token_of(key, number).encode()):
        abort(403, _("This page is too old. Load it again, then repeat what you did."))


def _is_own_origin(asked: Request, console_origin: str) -> bool:
    """By Origin, or by Referer where a browser sends none. A request that names neither is no browser's."""
    said = asked.headers.get("Origin") or asked.headers.get("Referer")
    if not said:
        return False
    own = _place_of(console_origin or f"{asked.scheme}://{asked.host}")
    return own is not None and _place_of(said) == own


def _place_of(url: str) -> tuple[str, str, int | None] | None:
    """Scheme, host and port of an address (RFC 6454); None where it has none."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return None
    return (parts.scheme, parts.hostname, port) if parts.hostname else None


def guard_answers(app: Flask) -> None:
    """Sends every answer with what keeps it apart from other sites."""

    @app.after_request
    def add_headers(answer: Response) -> Response:
        store = g.get("store_origin", "")
        sources = f"'self' {store}".strip()
        frames = "'self'" if g.get("frames_pdf") else store or "'none'"
        policy = "; ".join(
            (
                "default-src 'none'",
                "script-src 'self'",
                "style-src 'self'",
                "worker-src 'self'",
                f"img-src {sources} data:",
                f"connect-src {sources}",
                f"frame-src {frames}",
                "form-action 'self'",
                "frame-ancestors 'none'",
                "base-uri 'none'",
            )
        )
        answer.headers.setdefault("Content-Security-Policy", policy)
        for name, value in _ANSWERED_AS.items():
            answer.headers.setdefault(name, value)
        answer.headers.setdefault("Cache-Control", "no-store")
        return answer
