"""The AWS JSON dialect: POST / whose X-Amz-Target names the operation, as for KMS.

Source: https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping
from typing import Any

from s3portal.server.access.authenticator import Authenticator
from s3portal.server.access.claims import service_of
from s3portal.server.authority.denied import AccessDenied
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.dialects.bodies import ReadBody, read_limited
from s3portal.server.gateway.dialects.dialect import UNKNOWN, Asked
from s3portal.server.gateway.operation import Incoming, JsonOperation
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.json_documents import parse_json
from s3portal.server.wire.reply import Reply
from s3portal.server.wire.s3_request import S3Request
from s3portal.server.wire.xml_documents import readable

TARGET_HEADER = "x-amz-target"
CONTENT_TYPE = "application/x-amz-json-1.1"
DEFAULT_SERVICE = "kms"
# What AWS's JSON services call what S3 has other codes for.
# https://docs.aws.amazon.com/kms/latest/APIReference/CommonErrors.html
_CODES = {
    "AccessDenied": "AccessDeniedException",
    "InternalError": "KMSInternalException",
    "InvalidAccessKeyId": "UnrecognizedClientException",
    "InvalidToken": "UnrecognizedClientException",
    "ExpiredToken": "ExpiredTokenException",
    "MissingAuthenticationToken": "MissingAuthenticationTokenException",
    "SignatureDoesNotMatch": "InvalidSignatureException",
    "SlowDown": "ThrottlingException",
}
_STATUSES = {"AccessDenied": 400, "MissingAuthenticationToken": 400}


class JsonDialect:
    """Owns POST / with a target."""

    def __init__(self, operations: Iterable[JsonOperation] = ()) -> None:
        self._operations = {f"{operation.target}.{operation.name}": operation for operation in operations}

    def owns(self, request: S3Request) -> bool:
        return request.method == "POST" and request.bucket is None and TARGET_HEADER in request.headers

    def ask(self, request: S3Request, body: io.RawIOBase) -> Asked[JsonOperation]:
        content = read_limited(body)
        if content is None:
            return Asked(UNKNOWN, None, S3Error("MaxMessageLengthExceeded"))
        target = request.headers[TARGET_HEADER]
        operation = self._operations.get(target)
        if operation is None:
            unknown = S3Error("UnknownOperationException", f"Unknown operation: {readable(target)}")
            return Asked(UNKNOWN, None, unknown, content)
        return Asked(operation.name, operation, None, content)

    def prove(
        self,
        authenticator: Authenticator,
        request: S3Request,
        body: io.RawIOBase,
        asked: Asked[JsonOperation],
    ) -> Incoming:
        if asked.content is None:
            raise asked.refused or S3Error("MaxMessageLengthExceeded")
        named = service_of(request.parameter("X-Amz-Credential"), request.header("authorization"))
        service = asked.operation.service if asked.operation else named or DEFAULT_SERVICE
        proof = authenticator.authenticate(request, service=service, body=asked.content)
        return Incoming(request, ReadBody(asked.content), proof)

    def authorise(self, call: Call, operation: JsonOperation) -> None:
        """Nothing is decided here: what an operation needs depends on its parameters."""

    def perform(self, call: Call, operation: JsonOperation) -> Reply:
        answer = operation.handler(call, _document(call.body))
        body = json.dumps(answer, separators=(",", ":")).encode() if answer else b"{}"
        return Reply(200, {"Content-Type": CONTENT_TYPE, "x-amzn-RequestId": call.request_id}, body)

    def error_reply(self, error: S3Error, request: S3Request, request_id: str) -> Reply:
        message = error.message
        if isinstance(error, AccessDenied):
            message = f"You are not authorized to perform: {error.decision.action}"
        document = {"__type": _CODES.get(error.code, error.code), "message": message}
        status = _STATUSES.get(error.code, error.status)
        headers = {"Content-Type": CONTENT_TYPE, "x-amzn-RequestId": request_id}
        return Reply(status, headers, json.dumps(document).encode())


def _document(body: io.RawIOBase) -> Mapping[str, Any]:
    """Raises SerializationException for what is not a JSON object."""
    content = body.read() or b""
    try:
        document = parse_json(content.decode()) if content.strip() else {}
    except (ValueError, RecursionError) as problem:
        raise S3Error("SerializationException", str(problem)) from problem
    if not isinstance(document, Mapping):
        raise S3Error("SerializationException")
    return document
