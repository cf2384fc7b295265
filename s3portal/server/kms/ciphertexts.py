"""What a key of the key management encrypted: it says with which key and which material of it.

``version (1 byte) | key id (16) | number of the material (4)``, continued as ``seals`` says. The encryption
context is authenticated with it: the same pairs, in whatever order, are needed to open it.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping

from s3portal.server.kms.seals import OVERHEAD_BYTES, seal, unseal
from s3portal.server.wire.errors import S3Error

_VERSION = b"\x02"
_HEAD_BYTES = 1 + 16 + 4


def encrypt(key_id: str, number: int, material: bytes, plain: bytes, context: Mapping[str, str]) -> bytes:
    """Returns the ciphertext."""
    head = _VERSION + uuid.UUID(key_id).bytes + number.to_bytes(4, "big")
    return seal(material, head, plain, _context(context))


def decrypt(material: bytes, ciphertext: bytes, context: Mapping[str, str]) -> bytes:
    """Returns the plaintext. Raises SealBroken for changed bytes and for another context."""
    return unseal(material, ciphertext, _HEAD_BYTES, _context(context))


def key_of(ciphertext: bytes) -> tuple[str, int]:
    """Returns the id of the key, and the number of its material. Raises InvalidCiphertextException."""
    if len(ciphertext) < _HEAD_BYTES + OVERHEAD_BYTES or ciphertext[:1] != _VERSION:
        raise S3Error("InvalidCiphertextException")
    return str(uuid.UUID(bytes=ciphertext[1:17])), int.from_bytes(ciphertext[17:_HEAD_BYTES], "big")


def _context(pairs: Mapping[str, str]) -> bytes:
    return json.dumps(dict(pairs), sort_keys=True, separators=(",", ":")).encode()
