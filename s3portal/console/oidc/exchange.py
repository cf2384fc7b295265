"""Exchanging the code that a browser brings back for the ID token, with the provider itself.

Source: RFC 6749, sections 2.3.1 and 4.1.3; RFC 7636, section 4.5
"""

from __future__ import annotations

import base64
import threading
from urllib.parse import quote_plus, urlencode

from s3portal.console.oidc.attempts import Attempt
from s3portal.console.oidc.endpoints import Endpoints
from s3portal.console.oidc.problems import ProviderFailed
from s3portal.server.http.documents import DocumentError, fetch_document
from s3portal.server.web_sign_in import ConsoleClient

DEADLINE_S = 10.0
ANSWER_LIMIT_BYTES = 256 * 1024
#: A provider that answers slowly does not take all threads of the console.
_EXCHANGES = threading.BoundedSemaphore(16)


def id_token_of(code: str, attempt: Attempt, endpoints: Endpoints, client: ConsoleClient) -> str:
    """Returns the ID token, which nobody has checked yet. Raises ProviderFailed."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": attempt.redirect_uri,
        "code_verifier": attempt.verifier,
    }
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    if client.client_secret is None or endpoints.takes_secret_in_form:
        form["client_id"] = client.client_id
    if client.client_secret is not None:
        if endpoints.takes_secret_in_form:
            form["client_secret"] = client.client_secret
        else:
            pair = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret)}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    if not _EXCHANGES.acquire(blocking=False):
        raise ProviderFailed("too many sign-ins wait for identity providers")
    try:
        answer = fetch_document(
            endpoints.token,
            urlencode(form).encode(),
            headers,
            limit_bytes=ANSWER_LIMIT_BYTES,
            deadline_s=DEADLINE_S,
        )
    except DocumentError as problem:
        raise ProviderFailed(str(problem)) from problem
    finally:
        _EXCHANGES.release()
    token = answer.get("id_token") if isinstance(answer, dict) else None
    if not isinstance(token, str) or not token:
        raise ProviderFailed(f"{endpoints.token} answered without an id_token")
    return token
