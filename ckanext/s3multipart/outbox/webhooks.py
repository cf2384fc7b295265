"""Webhooks: what happened, as JSON by POST, at least once. A receiver knows a repeated one by its id."""

import json
import time
from dataclasses import dataclass

import ckan.plugins.toolkit as tk
import requests

from ckanext.s3multipart.outbox.claims import Due
from ckanext.s3multipart.outbox.recording import target_of_url
from ckanext.s3multipart.outbox.signing import signed_headers
from ckanext.s3multipart.settings import webhook_settings

_CONNECT_S = 5
_ANSWER_S = 15


class WebhookFailed(Exception):
    """A receiver did not take an event; the message says how."""


@dataclass(frozen=True)
class Endpoint:
    """A receiver. Its URL may have a token in its query, so it is kept and shown by its ``target``."""

    target: str
    url: str


def endpoints() -> dict[str, Endpoint]:
    """The receivers that the settings have now, by their targets."""
    found = [Endpoint(target_of_url(url), url) for url in webhook_settings().webhooks]
    return {endpoint.target: endpoint for endpoint in found}


def body_of(due: Due) -> bytes:
    """What is sent: docs/extensions.md has the fields."""
    file = due.file
    data = {
        "site": tk.config["ckan.site_url"],
        "dataset": file.dataset_id,
        "resource": file.resource_id,
        "upload": file.upload_id,
        "user": file.user_id,
        "filename": file.filename,
        "size": file.size_bytes,
        "content_type": file.content_type,
        "checksum": file.checksum,
        "sha256": file.sha256,
        **due.facts,
    }
    event = {"type": due.kind, "timestamp": due.happened_at.isoformat(), "data": data}
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def send(due: Due, endpoint: Endpoint) -> None:
    """Sends it once. Raises WebhookFailed unless the receiver takes it: any answer of 2xx does."""
    body = body_of(due)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "s3portal-webhooks",
        **signed_headers(webhook_settings().webhook_secret, due.event_id, int(time.time()), body),
    }
    try:
        answer = requests.post(
            endpoint.url,
            data=body,
            headers=headers,
            timeout=(_CONNECT_S, _ANSWER_S),
            # What is signed for one receiver is not for another one.
            allow_redirects=False,
            # Nobody reads what it says.
            stream=True,
        )
    except requests.RequestException as error:
        raise WebhookFailed(f"no answer: {_cause(error)}") from error
    answer.close()
    if answer.is_redirect or 300 <= answer.status_code < 400:
        raise WebhookFailed(f"answered {answer.status_code}; redirects are not followed")
    if not 200 <= answer.status_code < 300:
        raise WebhookFailed(f"answered {answer.status_code}")


def _cause(error: requests.RequestException) -> str:
    """The kind of failure: what the library says has the URL in it, with its query."""
    if isinstance(error, requests.Timeout):
        return "it took too long"
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate is not trusted, or it speaks no TLS"
    return "it cannot be reached"
