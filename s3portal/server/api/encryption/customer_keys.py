"""Keys that callers send with each request (SSE-C), and know again what was stored with them.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerSideEncryptionCustomerKeys.html
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from s3portal.server.access.plain_keys import is_unobserved
from s3portal.server.gateway.call import Call
from s3portal.server.wire.checksums import decode
from s3portal.server.wire.encryption_headers import (
    AES256,
    CUSTOMER_ALGORITHM,
    CUSTOMER_KEY,
    CUSTOMER_KEY_CHECK,
    CUSTOMER_KEY_MD5,
    OF_SOURCE,
)
from s3portal.server.wire.errors import S3Error

KEY_BYTES = 32
_NAMES = (CUSTOMER_ALGORITHM, CUSTOMER_KEY, CUSTOMER_KEY_MD5)
_NAMES_OF_SOURCE = tuple(name.replace("server-side-encryption", OF_SOURCE) for name in _NAMES)
_ASKING = "Requests specifying Server Side Encryption with Customer provided keys must"


@dataclass(frozen=True)
class CustomerKey:
    """A key of a request, and its MD5 as the request has it."""

    key: bytes
    md5: str

    def stored_headers(self) -> dict[str, str]:
        """Returns what is kept with an object, by which its key is known again; the key itself is not."""
        salt = secrets.token_bytes(16)
        return {CUSTOMER_ALGORITHM: AES256, CUSTOMER_KEY_CHECK: f"{salt.hex()}:{self._check(salt)}"}

    def is_of(self, headers: Mapping[str, str]) -> bool:
        """Whether what has these headers was stored with this key."""
        salt, _, check = headers.get(CUSTOMER_KEY_CHECK, "").partition(":")
        return hmac.compare_digest(self._check(bytes.fromhex(salt)), check)

    def _check(self, salt: bytes) -> str:
        return hmac.digest(self.key, b"s3portal customer key" + salt, "sha256").hex()

    def answer_headers(self) -> dict[str, str]:
        return {CUSTOMER_ALGORITHM: AES256, CUSTOMER_KEY_MD5: self.md5}


def customer_key_of(call: Call, *, of_source: bool = False) -> CustomerKey | None:
    """Returns the key that a request brings, or brings for the source of a copy; None without one.

    Raises InvalidArgument, InvalidEncryptionAlgorithmError, and InvalidRequest for a key that came over a
    connection on which others can read it.
    """
    names = _NAMES_OF_SOURCE if of_source else _NAMES
    algorithm, key_text, md5 = [call.request.headers.get(name) or "" for name in names]
    if not (algorithm or key_text or md5):
        return None
    if not _is_private(call):
        raise S3Error("InvalidRequest", f"{_ASKING} be made over a secure connection.")
    if not algorithm:
        raise _invalid(names[0], f"{_ASKING} provide a valid encryption algorithm.")
    if algorithm != AES256:
        facts = {"ArgumentName": names[0], "ArgumentValue": algorithm}
        raise S3Error("InvalidEncryptionAlgorithmError", facts=facts)
    if not key_text:
        raise _invalid(names[1], f"{_ASKING} provide an appropriate secret key.")
    if not md5:
        raise _invalid(names[2], f"{_ASKING} provide the client calculated MD5 of the secret key.")
    key = decode(key_text, KEY_BYTES)
    if key is None:
        raise _invalid(names[1], "The secret key was invalid for the specified algorithm.")
    if decode(md5, 16) != hashlib.md5(key, usedforsecurity=False).digest():
        message = "The calculated MD5 hash of the key did not match the hash that was provided."
        raise _invalid(names[2], message)
    return CustomerKey(key, md5)


def _invalid(name: str, message: str) -> S3Error:
    return S3Error("InvalidArgument", message, facts={"ArgumentName": name})


def _is_private(call: Call) -> bool:
    """Whether nobody between the caller and here can read the key: over TLS, or from this very machine."""
    return call.service.customer_keys_over_http or is_unobserved(call.request)


def require_key_of(call: Call, headers: Mapping[str, str], *, of_source: bool = False) -> CustomerKey | None:
    """Returns the key of what was stored with these headers, None where it needs none of the caller's.

    Raises InvalidRequest where there is none or where there is one too many, AccessDenied for another key.
    """
    given = customer_key_of(call, of_source=of_source)
    if CUSTOMER_ALGORITHM not in headers:
        if given is not None:
            message = "The encryption parameters are not applicable to this object."
            raise S3Error("InvalidRequest", message)
        return None
    if given is None:
        raise S3Error(
            "InvalidRequest",
            "The object was stored using a form of Server Side Encryption. The correct parameters must be "
            "provided to retrieve the object.",
        )
    if not given.is_of(headers):
        raise S3Error("AccessDenied", "The provided customer key is not the one the object was stored with.")
    return given
