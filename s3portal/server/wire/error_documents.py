"""An error as S3's REST dialect writes it."""

from __future__ import annotations

from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.reply import XML_CONTENT_TYPE, Reply
from s3portal.server.wire.xml_documents import document, field, fields, readable


def error_reply(error: S3Error, resource: str, request_id: str) -> Reply:
    """Returns an error's answer; ``resource`` is the decoded path of the request."""
    if error.status == 304:
        return Reply(304, error.headers)
    body = document(
        "Error",
        fields(("Code", error.code), ("Message", readable(error.message))),
        fields(*((name, readable(str(value))) for name, value in error.facts.items())),
        field("Resource", readable(resource)),
        fields(("RequestId", request_id), ("HostId", request_id)),
        namespace="",
    )
    return Reply(error.status, {"Content-Type": XML_CONTENT_TYPE} | error.headers, body)
