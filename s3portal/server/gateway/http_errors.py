"""What HTTP refuses, in S3's words."""

from __future__ import annotations

from s3portal.server.http.errors import (
    HeadTooLarge,
    HTTPError,
    IncompleteBody,
    MalformedRequest,
    Refusal,
    StalledBody,
    TooManyConnections,
)
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.reply import XML_CONTENT_TYPE
from s3portal.server.wire.xml_documents import document, field

# Those whose message says more than S3's own.
_TELLING = {MalformedRequest: "InvalidRequest", TooManyConnections: "SlowDown"}
_CODES = {
    HeadTooLarge: "RequestHeaderSectionTooLarge",
    IncompleteBody: "IncompleteBody",
    StalledBody: "RequestTimeout",
}


def s3_error_of(error: HTTPError) -> S3Error:
    """Returns S3's error for one of HTTP's."""
    kind = type(error)
    if kind in _TELLING:
        return S3Error(_TELLING[kind], str(error))
    return S3Error(_CODES[kind])


def s3_refusal(error: HTTPError) -> Refusal:
    """Returns the answer to a request that no application sees."""
    refused = s3_error_of(error)
    body = document("Error", field("Code", refused.code), field("Message", refused.message), namespace="")
    return Refusal(refused.status, XML_CONTENT_TYPE, body)
