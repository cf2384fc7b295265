"""JSON in the bodies of MyFSIO's routes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from s3portal.server.gateway.call import Call
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.json_documents import parse_json


def document_of(call: Call) -> Mapping[str, Any]:
    """Returns the JSON object in the body, an empty one for no body. Raises InvalidArgument."""
    try:
        text = call.document_text().decode()
        document = parse_json(text) if text.strip() else {}
    except (ValueError, RecursionError) as problem:
        raise S3Error("InvalidArgument", f"The body is not valid JSON: {problem}") from problem
    if not isinstance(document, Mapping):
        raise S3Error("InvalidArgument", "The body must be a JSON object")
    return document
