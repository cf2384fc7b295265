"""A short secret, sealed with a key of 32 bytes: AES-256-GCM (NIST SP 800-38D) under a key and a nonce of its
own, so that one key may seal as much as it likes.

A sealed value is ``head | random (16 bytes) | nonce (12) | ciphertext with its tag (16)``. The head is
readable, and says with what it was sealed; head and context are authenticated.
"""

from __future__ import annotations

import hmac
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from s3portal.server.kms.master_key_errors import SealBroken

_SALT_BYTES, _NONCE_BYTES, _TAG_BYTES = 16, 12, 16
#: What a sealed value has more than its head and its content.
OVERHEAD_BYTES = _SALT_BYTES + _NONCE_BYTES + _TAG_BYTES


def seal(key: bytes, head: bytes, plain: bytes, context: bytes) -> bytes:
    """Returns ``plain`` sealed for a place that ``context`` names."""
    salt, nonce = secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_NONCE_BYTES)
    front = head + salt
    return front + nonce + _cipher(key, salt).encrypt(nonce, plain, front + context)


def unseal(key: bytes, sealed: bytes, head_bytes: int, context: bytes) -> bytes:
    """Returns what was sealed with the same key in the same context; raises SealBroken for anything else."""
    if len(sealed) < head_bytes + OVERHEAD_BYTES:
        raise SealBroken
    front, rest = sealed[: head_bytes + _SALT_BYTES], sealed[head_bytes + _SALT_BYTES :]
    try:
        cipher = _cipher(key, front[head_bytes:])
        return cipher.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], front + context)
    except InvalidTag as problem:
        raise SealBroken from problem


def _cipher(key: bytes, salt: bytes) -> AESGCM:
    return AESGCM(hmac.digest(key, b"s3portal seal" + salt, "sha256"))
