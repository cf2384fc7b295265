"""Signatures of webhooks: Standard Webhooks (standardwebhooks.com), symmetric signatures of version 1."""

import base64
import hmac
from collections.abc import Sequence
from hashlib import sha256

from ckanext.s3multipart.webhook_settings import SECRET_PREFIX


def signed_headers(secrets: Sequence[str], message_id: str, timestamp_s: int, body: bytes) -> dict[str, str]:
    """The headers that say which message this is, when it is sent, and that we send it: one signature for
    each secret, so that a receiver may know the old or the new one."""
    signatures = (signature(secret, message_id, timestamp_s, body) for secret in secrets)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": " ".join(signatures),
    }


def signature(secret: str, message_id: str, timestamp_s: int, body: bytes) -> str:
    """``v1,`` and HMAC-SHA256 of the id, the time and the body, in Base64."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    signed = f"{message_id}.{timestamp_s}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, sha256).digest()).decode()
