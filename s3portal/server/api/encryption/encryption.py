"""How what a request stores is encrypted: as its headers say, or as its bucket does by default.

Sources: https://docs.aws.amazon.com/AmazonS3/latest/userguide/serv-side-encryption.html and
https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from s3portal.server.access.payload import Payload
from s3portal.server.api.encryption.customer_keys import CustomerKey, customer_key_of
from s3portal.server.api.encryption.managed_keys import (
    GENERATE,
    check_names,
    context_of,
    named_key,
    require_decryption,
    require_key,
    require_signature,
    told_by_s3,
)
from s3portal.server.bucket_settings import encryption as bucket_encryption
from s3portal.server.bucket_settings.encryption import BucketEncryption
from s3portal.server.gateway.call import Call
from s3portal.server.kms.envelopes import DSSE as DSSE_KMS
from s3portal.server.kms.envelopes import (
    SSE_KMS,
    SSE_S3,
    ByCustomerKey,
    ByKey,
    ByMasterKey,
    Sealing,
    Wrapping,
)
from s3portal.server.kms.segments import Source
from s3portal.server.storage.records import Part
from s3portal.server.wire.encryption_headers import (
    AES256,
    BUCKET_KEY,
    CONTEXT,
    CUSTOMER_ALGORITHM,
    DSSE,
    ENCRYPTION,
    KEY_ID,
    KMS,
)
from s3portal.server.wire.errors import S3Error

_KINDS = {KMS: SSE_KMS, DSSE: DSSE_KMS}


@dataclass(frozen=True)
class Encryption:
    """``headers`` are stored with the object and say how it is encrypted; ``wrapping`` does it, None for what
    is stored plain. ``customer_key`` is the caller's, None where it brings none."""

    headers: Mapping[str, str]
    wrapping: Wrapping | None = None
    customer_key: CustomerKey | None = None

    @property
    def kind(self) -> str | None:
        """How parts of it say that they are encrypted, as in their ``key_id``."""
        return None if self.wrapping is None else self.wrapping.kind

    def context_headers(self) -> dict[str, str]:
        """Returns what only answers to writes say: the context that was asked for."""
        return {CONTEXT: self.headers[CONTEXT]} if CONTEXT in self.headers else {}


PLAIN = Encryption({})


class Receiving:
    """A content on its way into the storage: ``source`` gives it as it is to be stored, and ``part`` makes
    its row what it has to be."""

    def __init__(self, payload: Payload, wrapping: Wrapping | None) -> None:
        self._sealing = None if wrapping is None else Sealing(wrapping, payload)
        self.source: Source = payload if self._sealing is None else self._sealing.source

    def part(self, plain: Part) -> Part:
        """Returns the row of a part that was received whole. Raises what the wrapping raises."""
        if self._sealing is None:
            return plain
        with told_by_s3():
            return self._sealing.sealed(plain)


def requested_encryption(call: Call) -> Encryption:
    """Returns how the object is encrypted that a request makes, or begins.

    Raises InvalidArgument, InvalidRequest, InvalidEncryptionAlgorithmError, NoSuchBucket, AccessDenied for
    what the bucket blocks and for keys that are not the caller's to use, KMS.NotFoundException and the like.
    """
    key, asked = customer_key_of(call), call.header(ENCRYPTION) or ""
    default = bucket_encryption.of_settings(call.bucket_row.require().settings)
    _refuse_contradictions(call, asked, key)
    if key is not None:
        if default is not None and "SSE-C" in default.blocked_types:
            raise S3Error("AccessDenied")
        return Encryption(key.stored_headers(), ByCustomerKey(key.key), key)
    method = asked or (default.algorithm if default else "")
    if not method:
        return PLAIN
    if method == AES256:
        return Encryption({ENCRYPTION: AES256}, ByMasterKey(call.service.master_key))
    return _by_managed_key(call, method, default if not asked else None, default)


def _by_managed_key(
    call: Call, method: str, applied: BucketEncryption | None, default: BucketEncryption | None
) -> Encryption:
    """``applied`` is the bucket's default where the request asks for nothing itself."""
    require_signature(call)
    key = named_key(call, applied.kms_key_id if applied else call.header(KEY_ID))
    text = (call.header(BUCKET_KEY) or "").lower()
    if text not in ("", "true", "false"):
        facts = {"ArgumentName": BUCKET_KEY, "ArgumentValue": text}
        raise S3Error("InvalidArgument", f"{BUCKET_KEY} must be true or false", facts=facts)
    has_bucket_key = text == "true" if text else bool(default and default.bucket_key_enabled)
    headers = {ENCRYPTION: method, KEY_ID: key.arn}
    if has_bucket_key and method == KMS:
        headers[BUCKET_KEY] = "true"
    if call.header(CONTEXT):
        headers[CONTEXT] = call.header(CONTEXT) or ""
    context = context_of(headers, call.bucket, call.key)
    check_names(context)
    require_key(call, GENERATE, key, context)
    return Encryption(headers, ByKey(call.service.keys, _KINDS[method], key, context))


def _refuse_contradictions(call: Call, asked: str, key: CustomerKey | None) -> None:
    if key is not None and asked:
        message = (
            "Server Side Encryption with Customer provided key is incompatible with the encryption method "
            "specified"
        )
        raise S3Error("InvalidArgument", message, facts={"ArgumentName": ENCRYPTION, "ArgumentValue": asked})
    of_keys = next((name for name in (KEY_ID, CONTEXT) if call.header(name)), None)
    if of_keys and not asked.startswith("aws:kms"):
        message = (
            "Server Side Encryption with AWS KMS managed key requires HTTP header "
            "x-amz-server-side-encryption : aws:kms"
        )
        raise S3Error("InvalidArgument", message, facts={"ArgumentName": of_keys})


def encryption_of_upload(call: Call, headers: Mapping[str, str]) -> Encryption:
    """Returns how the parts of an upload that has these headers are encrypted.

    Raises InvalidRequest where the request does not bring the key that the upload was begun with.
    """
    key = customer_key_of(call)
    if CUSTOMER_ALGORITHM in headers:
        if key is None:
            raise S3Error(
                "InvalidRequest",
                "The multipart upload initiate requested encryption. Subsequent part requests must include "
                "the appropriate encryption parameters.",
            )
        if not key.is_of(headers):
            raise S3Error(
                "InvalidRequest",
                "The provided encryption parameters did not match the ones used originally.",
            )
        return Encryption(headers, ByCustomerKey(key.key), key)
    if key is not None:
        raise S3Error(
            "InvalidRequest",
            "The multipart upload initiate did not request encryption. Please resend the request without "
            "sending encryption parameters.",
        )
    method = headers.get(ENCRYPTION, "")
    if method == AES256:
        return Encryption(headers, ByMasterKey(call.service.master_key))
    if method not in _KINDS:
        return PLAIN
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html#mpuAndPermissions
    require_decryption(call, headers, call.bucket, call.key)
    context = context_of(headers, call.bucket, call.key)
    return Encryption(
        headers, ByKey(call.service.keys, _KINDS[method], named_key(call, headers[KEY_ID]), context)
    )


def answer_headers(headers: Mapping[str, str], key: CustomerKey | None = None) -> dict[str, str]:
    """Returns what answers say of the encryption of what has these headers; ``key`` is the request's."""
    said = {name: headers[name] for name in (ENCRYPTION, KEY_ID) if name in headers}
    if headers.get(BUCKET_KEY) == "true":
        said[BUCKET_KEY] = "true"
    if CUSTOMER_ALGORITHM in headers and key is not None:
        said |= key.answer_headers()
    return said


def is_same(own: Encryption, kinds: set[str | None], source: Mapping[str, str]) -> bool:
    """Whether parts of these kinds, of what has the headers ``source``, are encrypted as a copy is to be:
    then it can share them."""
    if kinds != {own.kind}:
        return False
    if own.kind in (None, SSE_S3):
        return True
    if own.customer_key is not None:
        return own.customer_key.is_of(source)
    return all(own.headers.get(name) == source.get(name) for name in (KEY_ID, CONTEXT, BUCKET_KEY))
