"""The AWS query dialect: POST / with a form that names an action, of STS or IAM.

Source: https://docs.aws.amazon.com/STS/latest/APIReference/CommonParameters.html and CommonErrors.html
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from dataclasses import replace

from s3portal.server.access.authenticator import Authenticator
from s3portal.server.access.claims import service_of
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.dialects.bodies import read_limited
from s3portal.server.gateway.dialects.dialect import UNKNOWN, Asked
from s3portal.server.gateway.operation import Incoming, QueryOperation
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.reply import XML_CONTENT_TYPE, Reply, xml_reply
from s3portal.server.wire.s3_request import S3Request, parse_query
from s3portal.server.wire.xml_documents import (
    IAM_NAMESPACE,
    STS_NAMESPACE,
    document,
    element,
    field,
    fields,
    readable,
)

# POST / without a credential, or with one for a service that is not here, is answered by this one.
DEFAULT_SERVICE = "sts"
_NAMESPACES = {"iam": IAM_NAMESPACE, "sts": STS_NAMESPACE}
_ACTION = re.compile(rb"(?:^|&)Action=([A-Za-z]{1,40})(?:&|$)")
# What AWS answers with another status and in other words than S3 does.
_STATUSES = {"ExpiredToken": 403, "InvalidToken": 403}
_CODES = {"InvalidAccessKeyId": "InvalidClientTokenId", "InvalidToken": "InvalidClientTokenId"}


class QueryDialect:
    """Owns POST /, unless its credential is for S3."""

    def __init__(self, operations: Iterable[QueryOperation]) -> None:
        self._operations = {(o.service, o.name): o for o in operations}
        self._versions = {o.service: o.version for o in self._operations.values()}

    def owns(self, request: S3Request) -> bool:
        return request.method == "POST" and request.bucket is None and _service_of(request) != "s3"

    def ask(self, request: S3Request, body: io.RawIOBase) -> Asked[QueryOperation]:
        content = read_limited(body)
        if content is None:
            return Asked(UNKNOWN, None, S3Error("MaxMessageLengthExceeded"))
        try:
            operation = self._find(request, content)
        except S3Error as refused:
            match = _ACTION.search(content)
            return Asked(match[1].decode() if match else "STS", None, refused, content, is_form=True)
        return Asked(operation.name, operation, None, content, is_form=True)

    def prove(
        self,
        authenticator: Authenticator,
        request: S3Request,
        body: io.RawIOBase,
        asked: Asked[QueryOperation],
    ) -> Incoming:
        if asked.content is None:
            # A signature over a body that was not read cannot be checked.
            raise asked.refused or S3Error("MaxMessageLengthExceeded")
        service = asked.operation.service if asked.operation else self._known_service(request)
        is_open = asked.operation is not None and asked.operation.open and _service_of(request) is None
        # An operation that needs no signature proves its sender by itself.
        if is_open and request.header("authorization") is None:
            proof = authenticator.nobody()
        else:
            proof = authenticator.authenticate(request, service=service, body=asked.content)
        parameters = parse_query(_text_of(asked.content))
        return Incoming(replace(request, query=parameters, _first=dict(parameters)), body, proof)

    def authorise(self, call: Call, operation: QueryOperation) -> None:
        """Nothing is decided here: what an action needs depends on its parameters."""

    def perform(self, call: Call, operation: QueryOperation) -> Reply:
        result = operation.handler(call)
        return xml_reply(
            document(
                f"{operation.name}Response",
                "" if result is None else element(f"{operation.name}Result", result),
                element("ResponseMetadata", field("RequestId", call.request_id)),
                namespace=_NAMESPACES[operation.service],
            )
        )

    def error_reply(self, error: S3Error, request: S3Request, request_id: str) -> Reply:
        status = _STATUSES.get(error.code, error.status)
        kind = "Receiver" if status >= 500 else "Sender"
        detail = fields(
            ("Type", kind), ("Code", _CODES.get(error.code, error.code)), ("Message", readable(error.message))
        )
        body = document(
            "ErrorResponse",
            element("Error", detail),
            field("RequestId", request_id),
            namespace=_NAMESPACES[self._known_service(request)],
        )
        return Reply(status, {"Content-Type": XML_CONTENT_TYPE}, body)

    def _find(self, request: S3Request, content: bytes) -> QueryOperation:
        service = self._known_service(request)
        parameters: dict[str, str] = {}
        for name, value in parse_query(_text_of(content)):
            if name in parameters:
                # Whoever looks at the request, as the audit log does, must see what is done.
                raise S3Error("ValidationError", f"The parameter {name[:200]} is given more than once")
            parameters[name] = value
        action, version = parameters.get("Action", ""), self._versions[service]
        operation = self._operations.get((service, action))
        if operation is None or (parameters.get("Version") or version) != version:
            raise S3Error("InvalidAction", f"Could not find operation {action} for version {version}")
        return operation

    def _known_service(self, request: S3Request) -> str:
        service = _service_of(request)
        return service if service in self._versions else DEFAULT_SERVICE


def _service_of(request: S3Request) -> str | None:
    return service_of(request.parameter("X-Amz-Credential"), request.header("authorization"))


def _text_of(content: bytes) -> str:
    return content.decode("utf-8", "replace")
