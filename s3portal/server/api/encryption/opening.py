"""What opens the parts of a stored object for a request that reads it."""

from __future__ import annotations

from collections.abc import Callable

from s3portal.server.api.encryption.customer_keys import CustomerKey, require_key_of
from s3portal.server.api.encryption.managed_keys import require_decryption, told_by_s3
from s3portal.server.gateway.call import Call
from s3portal.server.kms.envelopes import (
    DSSE,
    SSE_C,
    SSE_KMS,
    SSE_S3,
    ByCustomerKey,
    ByKey,
    ByMasterKey,
    Wrapping,
    cipher_of,
)
from s3portal.server.kms.segments import SegmentCipher
from s3portal.server.storage.records import Part, StoredObject
from s3portal.server.wire.encryption_headers import CUSTOMER_ALGORITHM, ENCRYPTION
from s3portal.server.wire.errors import S3Error

#: Returns what opens a part, None for one that is stored plain. Raises S3Error, MasterKeyError.
Opener = Callable[[Part], "SegmentCipher | None"]


def opener_of(call: Call, key: CustomerKey | None) -> Opener:
    """Returns what opens the parts of an object for a caller whose right to it has been checked."""

    wrappings: dict[str, Wrapping] = {}

    def open_part(part: Part) -> SegmentCipher | None:
        kind = part.key_id
        if kind is None:
            return None
        if kind not in wrappings:
            wrappings[kind] = _wrapping(call, key, kind)
        with told_by_s3():
            return cipher_of(part, wrappings[kind])[0]

    return open_part


def _wrapping(call: Call, key: CustomerKey | None, kind: str) -> Wrapping:
    if kind == SSE_S3:
        return ByMasterKey(call.service.master_key)
    if kind in (SSE_KMS, DSSE):
        return ByKey(call.service.keys, kind)
    if kind == SSE_C and key is not None:
        return ByCustomerKey(key.key)
    raise S3Error("InternalError", f"a part is stored with {kind}, and its object is not")


def require_readable(call: Call, found: StoredObject, *, opens: bool) -> CustomerKey | None:
    """Returns the caller's key of an object that is to be read, None where it needs none. ``opens`` says that
    its bytes, or what follows from them, are to be told.

    Raises InvalidRequest, InvalidArgument, AccessDenied, KMS.DisabledException and the like.
    """
    asked = call.header(ENCRYPTION)
    if asked and (ENCRYPTION in found.headers or CUSTOMER_ALGORITHM in found.headers):
        # https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
        message = f"{ENCRYPTION} header is not supported for this operation."
        raise S3Error("InvalidArgument", message, facts={"ArgumentName": ENCRYPTION, "ArgumentValue": asked})
    if opens:
        require_decryption(call, found.headers, found.bucket, found.key)
    return require_key_of(call, found.headers)
