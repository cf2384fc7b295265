"""Encryption at the store: what an upload asks for, in one setting."""

import re
from typing import Literal, TypedDict

from s3portal.transfer.setting_kinds import Kind


class EncryptionArguments(TypedDict, total=False):
    """Arguments of CreateMultipartUpload and PutObject."""

    ServerSideEncryption: Literal["AES256", "aws:kms"]
    SSEKMSKeyId: str


def _encryption(text: str) -> str:
    if not re.fullmatch(r"AES256|aws:kms(?::\S+)?", text):
        raise ValueError("is not one of: AES256, aws:kms, aws:kms:<key id or ARN>")
    return text


#: ``AES256`` (SSE-S3), ``aws:kms`` (SSE-KMS with the bucket's key), or ``aws:kms:`` and a key's id or ARN.
ENCRYPTION = Kind("encryption", _encryption)


def encryption_arguments(sse: str) -> EncryptionArguments:
    """The arguments for a value of the setting; none where the bucket's own default decides.

    S3 User Guide, "Protecting data with server-side encryption".
    """
    if not sse:
        return {}
    if sse == "AES256":
        return {"ServerSideEncryption": "AES256"}
    key_id = sse.removeprefix("aws:kms").removeprefix(":")
    return {"ServerSideEncryption": "aws:kms", **({"SSEKMSKeyId": key_id} if key_id else {})}
