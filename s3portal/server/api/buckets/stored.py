"""What the operations on a bucket's settings share: documents taken, kept, found, removed."""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.etree.ElementTree import Element

from s3portal.server.access.payload import has_digest
from s3portal.server.gateway.call import Call
from s3portal.server.storage import buckets
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.reply import NO_CONTENT, Reply
from s3portal.server.wire.xml_documents import parse_document

_SHA256 = re.compile(r"[0-9a-f]{64}")


def setting_text(call: Call) -> bytes:
    """Returns the body of a request that changes a setting.

    Raises InvalidRequest for one that nothing protects from being altered on the way: S3 wants Content-MD5
    or a checksum; a signature over the body is as good.
    """
    if not has_digest(call.request) and not _SHA256.fullmatch(call.proof.payload_hash):
        raise S3Error("InvalidRequest", "Missing required header for this request: Content-MD5")
    return call.document_text()


def setting_document(call: Call, root_name: str) -> Element:
    """Returns the XML document of a request that changes a setting; raises MalformedXML."""
    return parse_document(setting_text(call), root_name)


def put(call: Call, kind: str, document: str | None) -> None:
    """Replaces a setting of the call's bucket; None removes it."""
    buckets.put_setting(call.storage, call.bucket, kind, document)
    call.bucket_row.forget()


def find(call: Call, kind: str) -> str | None:
    """Returns the stored document of a setting; raises NoSuchBucket."""
    return call.bucket_row.require().settings.get(kind)


def removal(kind: str) -> Callable[[Call], Reply]:
    """Returns the handler that removes a setting. A bucket that has none is answered alike."""

    def remove(call: Call) -> Reply:
        put(call, kind, None)
        return NO_CONTENT

    return remove


def require(call: Call, kind: str, missing: str) -> str:
    """Returns the stored document of a setting; raises the error of code ``missing`` without one."""
    stored = find(call, kind)
    if stored is None:
        raise S3Error(missing, facts={"BucketName": call.bucket})
    return stored
