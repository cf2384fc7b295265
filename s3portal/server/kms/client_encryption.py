"""Encryption on the client's side: what is uploaded has been encrypted before, with a key that no server
sees.

Each content has a data key of its own, which goes along with it, wrapped with the client's key. All of it is
AES-256-GCM (NIST SP 800-38D); the description of the material is authenticated with both.
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES, NONCE_BYTES = 32, 12
WRAPPED_KEY, IV, MATERIAL = "x-amz-key", "x-amz-iv", "x-amz-matdesc"
_PREFIX = "x-amz-meta-"
_DESCRIPTION = json.dumps({"content": "AES-256-GCM", "key": "AES-256-GCM"}, separators=(",", ":"))


class CannotDecrypt(ValueError):
    """The key is another one, or content or metadata were changed."""


class ClientEncryptionHelper:
    """Encrypts what is uploaded, and decrypts what was downloaded, with a key of the client's own.

    >>> key = ClientEncryptionHelper.generate_key()
    >>> content, metadata = ClientEncryptionHelper.encrypt_for_upload(b"sensitive data", key)
    >>> s3.put_object(Bucket="data", Key="file", Body=content, Metadata=metadata)  # doctest: +SKIP
    >>> ClientEncryptionHelper.decrypt_from_download(content, metadata, key)
    b'sensitive data'
    """

    @staticmethod
    def generate_key() -> bytes:
        """Returns a new key of 32 random bytes. Whoever loses it loses what was encrypted with it."""
        return secrets.token_bytes(KEY_BYTES)

    @staticmethod
    def key_to_base64(key: bytes) -> str:
        """Returns a key as text, to be kept in a safe place."""
        return base64.b64encode(_checked(key)).decode()

    @staticmethod
    def key_from_base64(text: str) -> bytes:
        """Returns the key of a text; raises ValueError for what is none."""
        try:
            return _checked(base64.b64decode(text, validate=True))
        except binascii.Error as problem:
            raise ValueError("a key is 32 bytes in base64") from problem

    @staticmethod
    def encrypt_for_upload(plaintext: bytes, key: bytes) -> tuple[bytes, dict[str, str]]:
        """Returns the content to upload and its user metadata, as boto3 takes it: sent, the names are
        ``x-amz-meta-x-amz-key``, ``x-amz-meta-x-amz-iv`` and ``x-amz-meta-x-amz-matdesc``.

        ``plaintext`` is in memory, up to 2 GiB. Raises ValueError unless ``key`` has 32 bytes.
        """
        wrapping = AESGCM(_checked(key))
        data_key, iv = secrets.token_bytes(KEY_BYTES), secrets.token_bytes(NONCE_BYTES)
        nonce, description = secrets.token_bytes(NONCE_BYTES), _DESCRIPTION.encode()
        wrapped = nonce + wrapping.encrypt(nonce, data_key, description + iv)
        metadata = {
            WRAPPED_KEY: base64.b64encode(wrapped).decode(),
            IV: base64.b64encode(iv).decode(),
            MATERIAL: _DESCRIPTION,
        }
        return AESGCM(data_key).encrypt(iv, plaintext, description), metadata

    @staticmethod
    def decrypt_from_download(ciphertext: bytes, metadata: Mapping[str, str], key: bytes) -> bytes:
        """Returns what was encrypted. ``metadata`` is the object's user metadata, with or without the prefix
        ``x-amz-meta-`` and in any case.

        Raises CannotDecrypt for another key and for changed content or metadata, ValueError unless ``key``
        has 32 bytes.
        """
        known = {name.lower().removeprefix(_PREFIX): value for name, value in metadata.items()}
        wrapping = AESGCM(_checked(key))
        try:
            wrapped = base64.b64decode(known[WRAPPED_KEY], validate=True)
            iv, description = base64.b64decode(known[IV], validate=True), known[MATERIAL].encode()
            data_key = wrapping.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], description + iv)
            return AESGCM(data_key).decrypt(iv, ciphertext, description)
        except KeyError as missing:
            raise CannotDecrypt(
                f"the metadata has no {missing.args[0]}: it is not of encrypted content"
            ) from missing
        except (InvalidTag, binascii.Error, ValueError) as problem:
            raise CannotDecrypt("the key is another one, or content or metadata were changed") from problem


def _checked(key: bytes) -> bytes:
    if len(key) != KEY_BYTES:
        raise ValueError(f"a key has {KEY_BYTES} bytes, not {len(key)}")
    return key
