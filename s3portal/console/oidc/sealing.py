"""What a browser keeps for the console without being able to read or change it.

AES-256-GCM under a key of the server; what it was sealed for is part of it, so that nothing passes for
something else.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import secrets
import time
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12
_ENDS_AT = "ends_at"


def seal(key: bytes, purpose: str, content: Mapping[str, Any], lifetime_s: int) -> str:
    """Returns JSON-like content as a text for cookies and forms; ``key`` are 32 bytes of the server's."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    text = json.dumps({**content, _ENDS_AT: time.time() + lifetime_s}, separators=(",", ":"))
    sealed = _cipher(key).encrypt(nonce, text.encode(), purpose.encode())
    return base64.urlsafe_b64encode(nonce + sealed).decode()


def unseal(key: bytes, purpose: str, text: str) -> Mapping[str, Any] | None:
    """Returns the content, None for what was not sealed here for this purpose, or too long ago."""
    try:
        sealed = base64.urlsafe_b64decode(text.encode())
        whole = _cipher(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], purpose.encode())
    except (InvalidTag, binascii.Error, ValueError):
        return None
    content: dict[str, Any] = json.loads(whole)
    return content if content.pop(_ENDS_AT) > time.time() else None


def _cipher(key: bytes) -> AESGCM:
    return AESGCM(hmac.digest(key, b"sealed for browsers", "sha256"))
