"""The errors of the key management, in AWS's words.

Source: https://docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html#API_Decrypt_Errors and its
neighbours.
"""

from __future__ import annotations

from s3portal.server.kms.key_records import DISABLED, PENDING_DELETION, Key
from s3portal.server.wire.errors import S3Error


def not_found(what: str) -> S3Error:
    return S3Error("NotFoundException", f"{what} does not exist")


def invalid(message: str) -> S3Error:
    return S3Error("ValidationException", message)


def wrong_state(key: Key) -> S3Error:
    """The error for a key that cannot be used as it is."""
    if key.state == DISABLED:
        return S3Error("DisabledException", f"{key.arn} is disabled.")
    if key.state == PENDING_DELETION:
        return S3Error("KMSInvalidStateException", f"{key.arn} is pending deletion.")
    return S3Error("KMSInvalidStateException", f"{key.arn} is {key.state}.")


def require_usable(key: Key) -> None:
    """Raises DisabledException or KMSInvalidStateException unless the key may be used."""
    if key.state in (DISABLED, PENDING_DELETION):
        raise wrong_state(key)


def require_not_pending(key: Key) -> None:
    """Raises KMSInvalidStateException for a key that waits for its deletion."""
    if key.state == PENDING_DELETION:
        raise wrong_state(key)
