"""The AWS JSON dialect: POST / whose X-Amz-Target names the operation, as for KMS.

The server has no operation in this dialect yet: every target is answered UnknownOperationException, in JSON.

Source: https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html
"""

from __future__ import annotations

import io
import json

from s3portal.server.access.authenticator import Authenticator
from s3portal.server.access.claims import service_of
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.dialects.bodies import read_limited
from s3portal.server.gateway.dialects.dialect import UNKNOWN, Asked
from s3portal.server.gateway.operation import Incoming
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.reply import Reply
from s3portal.server.wire.s3_request import S3Request
from s3portal.server.wire.xml_documents import readable

TARGET_HEADER = "x-amz-target"
CONTENT_TYPE = "application/x-amz-json-1.1"


class JsonDialect:
    """Owns POST / with a target."""

    def owns(self, request: S3Request) -> bool:
        return request.method == "POST" and request.bucket is None and TARGET_HEADER in request.headers

    def ask(self, request: S3Request, body: io.RawIOBase) -> Asked[None]:
        content = read_limited(body)
        if content is None:
            return Asked(UNKNOWN, None, S3Error("MaxMessageLengthExceeded"))
        target = readable(request.headers[TARGET_HEADER])
        return Asked(
            UNKNOWN, None, S3Error("UnknownOperationException", f"Unknown operation: {target}"), content
        )

    def prove(
        self, authenticator: Authenticator, request: S3Request, body: io.RawIOBase, asked: Asked[None]
    ) -> Incoming:
        if asked.content is None:
            raise asked.refused or S3Error("MaxMessageLengthExceeded")
        service = service_of(request.parameter("X-Amz-Credential"), request.header("authorization"))
        proof = authenticator.authenticate(request, service=service or "kms", body=asked.content)
        return Incoming(request, body, proof)

    def authorise(self, call: Call, operation: None) -> None:
        """There is nothing to decide."""

    def perform(self, call: Call, operation: None) -> Reply:
        raise S3Error("UnknownOperationException")

    def error_reply(self, error: S3Error, request: S3Request, request_id: str) -> Reply:
        body = json.dumps({"__type": error.code, "message": error.message}).encode()
        return Reply(error.status, {"Content-Type": CONTENT_TYPE, "x-amzn-RequestId": request_id}, body)
