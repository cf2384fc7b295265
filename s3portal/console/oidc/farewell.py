"""Signing out at the provider, too.

Source: https://openid.net/specs/openid-connect-rpinitiated-1_0.html
"""

from __future__ import annotations

import logging
from urllib.parse import urlencode

from flask import request, url_for

from s3portal.console.oidc.problems import ProviderFailed
from s3portal.console.sessions import Session, issuer_of
from s3portal.console.visit import Console

log = logging.getLogger(__name__)


def farewell(console: Console, session: Session) -> tuple[str, str] | None:
    """Returns where somebody signs out at the provider that they came from, and what it is called; None where
    they came with a key, or the provider has no such place."""
    if session.person is None:
        return None
    issuer = issuer_of(session.person)
    found = next((one for one in console.backend.sign_in.providers() if one[0].issuer == issuer), None)
    if found is None:
        return None
    provider, client = found
    try:
        end_session = console.endpoints.of(provider, client).end_session
    except ProviderFailed as problem:
        log.warning("nobody was signed out at %s: %s", provider.issuer, problem)
        return None
    if end_session is None:
        return None
    back = own_origin(console) + url_for("sign_in.show")
    query = urlencode({"client_id": client.client_id, "post_logout_redirect_uri": back})
    return f"{end_session}{'&' if '?' in end_session else '?'}{query}", client.label


def own_origin(console: Console) -> str:
    """Returns what browsers call the console: as configured, or as this request calls it."""
    return console.settings.console_origin or request.host_url.rstrip("/")
