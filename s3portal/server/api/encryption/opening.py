"""What opens the parts of a stored object for a request that reads it."""

from __future__ import annotations

from collections.abc import Callable

from s3portal.server.api.encryption.customer_keys import CustomerKey, require_key_of
from s3portal.server.api.encryption.header_names import CUSTOMER_ALGORITHM, ENCRYPTION
from s3portal.server.gateway.call import Call
from s3portal.server.kms.envelopes import SSE_C, SSE_S3, ByCustomerKey, ByMasterKey, Wrapping, cipher_of
from s3portal.server.kms.segments import SegmentCipher
from s3portal.server.storage.records import Part, StoredObject
from s3portal.server.wire.errors import S3Error

#: Returns what opens a part, None for one that is stored plain. Raises S3Error, MasterKeyError.
Opener = Callable[[Part], "SegmentCipher | None"]


def opener_of(call: Call, key: CustomerKey | None) -> Opener:
    """Returns what opens the parts of an object for a caller whose right to it has been checked."""

    def open_part(part: Part) -> SegmentCipher | None:
        return None if part.key_id is None else cipher_of(part, _wrapping(call, key, part.key_id))[0]

    return open_part


def _wrapping(call: Call, key: CustomerKey | None, kind: str) -> Wrapping:
    if kind == SSE_S3:
        return ByMasterKey(call.service.master_key)
    if kind == SSE_C and key is not None:
        return ByCustomerKey(key.key)
    raise S3Error("InternalError", f"a part is stored with {kind}, and its object is not")


def require_readable(call: Call, found: StoredObject) -> CustomerKey | None:
    """Returns the caller's key of an object that is to be read, None where it needs none.

    Raises InvalidRequest, InvalidArgument, AccessDenied.
    """
    asked = call.header(ENCRYPTION)
    if asked and (ENCRYPTION in found.headers or CUSTOMER_ALGORITHM in found.headers):
        # https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
        message = f"{ENCRYPTION} header is not supported for this operation."
        raise S3Error("InvalidArgument", message, facts={"ArgumentName": ENCRYPTION, "ArgumentValue": asked})
    return require_key_of(call, found.headers)
