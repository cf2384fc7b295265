"""The refusals of a portal, and answers that are not a portal's, in the words that the command prints."""

from __future__ import annotations

import json
from typing import Any

import urllib3

from s3portal.client.errors import PortalError

_NOT_ACCEPTED = (
    "The portal does not accept the API token in S3PORTAL_TOKEN: it is wrong, has expired, or was revoked."
    " Create a new one on your user page in the portal, under API Tokens."
)


def read_answer(response: urllib3.BaseHTTPResponse) -> dict[str, Any]:
    """CKAN's envelope; empty where the answer is none, such as a proxy's page."""
    try:
        answer = json.loads(response.data or b"")
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def refusal_of(
    url: str, action: str, response: urllib3.BaseHTTPResponse, answer: dict[str, Any]
) -> PortalError:
    """The error for an answer without a result, with a sentence for the person at the shell."""
    error = answer.get("error")
    if not isinstance(error, dict):
        code, sentence = _not_in_envelope(url, action, response)
        return PortalError(code, sentence, status=response.status)
    if error.get("code") == "not_signed_in":
        # The portal's own sentence speaks to someone who sent no token.
        return PortalError("not_signed_in", _NOT_ACCEPTED, status=response.status)
    facts = {name: fact for name, fact in error.items() if name not in ("__type", "code", "message")}
    # CKAN's own validation errors are lists of sentences by field.
    by_field = " ".join(f"{name}: {_sentences(fact)}" for name, fact in facts.items())
    sentence = str(error.get("message") or by_field)
    return PortalError(str(error.get("code", "refused")), sentence, status=response.status, facts=facts)


def _not_in_envelope(url: str, action: str, response: urllib3.BaseHTTPResponse) -> tuple[str, str]:
    """The code and the sentence for an answer that may be any page or document."""
    if response.status == 400 and b"Action name not known" in (response.data or b""):
        # CKAN itself, with its sentence as a JSON string.
        return (
            "no_s3multipart",
            f"The portal {url} does not offer uploads of large files: it has no {action}.",
        )
    if response.status >= 500 or response.status in (408, 429):
        return "no_answer", f"The portal {url} answered {action} with {response.status} and no result."
    return "not_ckan", (
        f"{url} does not answer as a CKAN portal (status {response.status} for {action})."
        " Give the address of the portal's front page with --portal or S3PORTAL_URL."
    )


def _sentences(fact: object) -> str:
    return " ".join(map(str, fact)) if isinstance(fact, list) else str(fact)
