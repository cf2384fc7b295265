"""Keys of the key management in requests to S3 (SSE-KMS, DSSE): found, and allowed to the caller.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from s3portal.server.access.claims import ALGORITHM
from s3portal.server.api.kms.permission import decide_on
from s3portal.server.authority.arns import bucket_arn, object_arn
from s3portal.server.authority.denied import AccessDenied
from s3portal.server.gateway.call import Call
from s3portal.server.kms.key_errors import require_usable
from s3portal.server.kms.key_records import Key
from s3portal.server.wire.encryption_headers import BUCKET_KEY, CONTEXT, CONTEXT_ARN, ENCRYPTION, KEY_ID
from s3portal.server.wire.errors import ERRORS, S3Error
from s3portal.server.wire.json_documents import parse_json

GENERATE, DECRYPT = "kms:GenerateDataKey", "kms:Decrypt"


def require_signature(call: Call) -> None:
    """Raises InvalidArgument for callers that the key management could not know."""
    proof = call.proof
    if proof.caller.is_anonymous or proof.signature_version != ALGORITHM:
        raise S3Error(
            "InvalidArgument",
            "Requests specifying Server Side Encryption with AWS KMS managed keys require AWS Signature "
            "Version 4.",
            facts={"ArgumentName": "Authorization"},
        )


def named_key(call: Call, reference: str | None) -> Key:
    """Returns the key that a request or a bucket names for its objects, the account's own without a name.

    Raises KMS.NotFoundException, KMS.InvalidArnException.
    """
    with told_by_s3():
        if not reference:
            return call.service.keys.aws_managed(call.account_id)
        return call.service.keys.find(reference, call.account_id)


def require_key(call: Call, action: str, key: Key, context: Mapping[str, str]) -> None:
    """Raises AccessDenied unless the caller may use a key through S3, KMS.DisabledException and
    KMS.KMSInvalidStateException where nobody can."""
    service = f"s3.{call.service.keys.region}.amazonaws.com"
    decision = decide_on(call, action, key, context, via_service=service)
    if not decision.allowed:
        raise AccessDenied(decision)
    with told_by_s3():
        require_usable(key)


def context_of(headers: Mapping[str, str], bucket: str, key: str) -> dict[str, str]:
    """Returns the encryption context of an object that has these headers: the caller's pairs, and the ARN of
    the object, or of the bucket where it has a bucket key. Raises InvalidArgument."""
    arn = bucket_arn(bucket) if headers.get(BUCKET_KEY) == "true" else object_arn(bucket, key)
    given = _given_context(headers.get(CONTEXT))
    # Policies of keys rely on the ARN, so that no caller may say another: the last of a name counts.
    given.pop(CONTEXT_ARN, None)
    return given | {CONTEXT_ARN: arn}


def check_names(context: Mapping[str, str]) -> None:
    """Raises InvalidArgument for names that differ in case alone: policies cannot tell these apart."""
    if len({name.lower() for name in context}) < len(context):
        message = "The encryption context has names that differ in case alone."
        raise S3Error("InvalidArgument", message, facts={"ArgumentName": CONTEXT})


def _given_context(header: str | None) -> dict[str, str]:
    if not header:
        return {}
    try:
        found = parse_json(base64.b64decode(header, validate=True).decode())
    except (binascii.Error, ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        message = "The header must be the base64 of a JSON object of texts."
        raise S3Error("InvalidArgument", message, facts={"ArgumentName": CONTEXT})
    return found


def require_decryption(call: Call, headers: Mapping[str, str], bucket: str, key: str) -> None:
    """Raises unless the caller may open what was stored with these headers: AccessDenied, InvalidArgument,
    KMS.NotFoundException and the like; nothing where no such key is concerned."""
    if not headers.get(ENCRYPTION, "").startswith("aws:kms"):
        return
    require_signature(call)
    found = named_key(call, headers.get(KEY_ID))
    require_key(call, DECRYPT, found, context_of(headers, bucket, key))


@contextmanager
def told_by_s3() -> Iterator[None]:
    """The errors of the key management, in the words of S3."""
    try:
        yield
    except S3Error as problem:
        code = f"KMS.{problem.code}"
        if code not in ERRORS:
            raise
        raise S3Error(code, problem.message) from problem
