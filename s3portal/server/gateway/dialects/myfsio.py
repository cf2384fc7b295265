"""MyFSIO's own routes: paths that begin with a word of its own and then name a bucket, an object or a key.

The bucket and the key of such a request are those that its route names, so that logs, policies and CORS rules
see what it is about; its path stays as it was signed. Where a bucket has a route's first word for its name,
that bucket is answered and the route is not.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from s3portal.server.access.authenticator import Authenticator
from s3portal.server.authority.denied import AccessDenied
from s3portal.server.gateway.authorisation import authorise
from s3portal.server.gateway.bucket_row import BucketRow
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.dialects.dialect import UNKNOWN, Asked
from s3portal.server.gateway.operation import Incoming, Operation
from s3portal.server.storage.storage import Storage
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.reply import Reply
from s3portal.server.wire.s3_request import S3Request
from s3portal.server.wire.xml_documents import readable

#: No bucket can be created with these names while the routes are answered.
ROUTE_NAMES = frozenset({"bucket", "bucket-policy", "kms", "presign", "ui"})
JSON_CONTENT_TYPE = "application/json"
# What KMS answers with 400, as its own protocol has it, where the status says it as well.
_STATUSES = {
    "NotFoundException": 404,
    "AlreadyExistsException": 409,
    "DisabledException": 409,
    "KMSInvalidStateException": 409,
}


@dataclass(frozen=True)
class Route:
    """``path`` is matched against ``<bucket>/<key>`` of the request as S3 would read it; its groups
    ``bucket`` and ``key``, or ``key_id``, are what the operation is about. ``query`` has to be among the
    parameters."""

    path: re.Pattern[str]
    method: str
    operation: Operation
    query: str | None = None

    def matches(self, request: S3Request) -> bool:
        return self.query is None or request.parameter(self.query) is not None


class MyfsioDialect:
    """Owns the requests that ``named`` has marked. ``look`` is called before every request, whatever its
    dialect: for files that may have changed."""

    def __init__(
        self, routes: Iterable[Route], storage: Storage, look: Callable[[], None] = lambda: None
    ) -> None:
        self._routes = tuple(routes)
        self._storage = storage
        self._look = look

    def named(self, request: S3Request) -> S3Request:
        """Returns a request with the bucket and the key that its route names; any other as it is."""
        self._look()
        if request.bucket not in ROUTE_NAMES or request.bucket_in_host:
            return request
        path = request.resource[1:]
        for route in self._routes:
            match = route.path.fullmatch(path)
            if match and route.matches(request) and BucketRow(self._storage, request.bucket).find() is None:
                names = match.groupdict()
                return replace(request, bucket=names.get("bucket"), key=names.get("key"), route=path)
        return request

    def owns(self, request: S3Request) -> bool:
        return request.route is not None

    def ask(self, request: S3Request, body: io.RawIOBase) -> Asked[Operation]:
        fitting = [route for route in self._routes if route.path.fullmatch(request.route or "")]
        for route in fitting:
            if route.method == request.method and route.matches(request):
                return Asked(route.operation.name, route.operation, None, _naming(route, request))
        allowed = ", ".join(sorted({route.method for route in fitting}))
        facts = {"Method": request.method, "ResourceType": "ROUTE"}
        return Asked(UNKNOWN, None, S3Error("MethodNotAllowed", facts=facts, headers={"Allow": allowed}))

    def prove(
        self, authenticator: Authenticator, request: S3Request, body: io.RawIOBase, asked: Asked[Operation]
    ) -> Incoming:
        return Incoming(request, body, authenticator.authenticate(request))

    def authorise(self, call: Call, operation: Operation) -> None:
        authorise(call, operation)

    def perform(self, call: Call, operation: Operation) -> Reply:
        return operation.handler(call)

    def error_reply(self, error: S3Error, request: S3Request, request_id: str) -> Reply:
        message = readable(error.message)
        if isinstance(error, AccessDenied):
            message = f"You are not authorized to perform: {error.decision.action}"
        document = {"__type": error.code, "code": error.code, "message": message, "request_id": request_id}
        return json_reply(document, _STATUSES.get(error.code, error.status), dict(error.headers))


def _naming(route: Route, request: S3Request) -> bytes | None:
    """What names the key of the key management, as the body does in its own protocol: for the audit log."""
    match = route.path.fullmatch(request.route or "")
    key_id = match.groupdict().get("key_id") if match else None
    return None if key_id is None else json.dumps({"KeyId": key_id}).encode()


def json_reply(document: object, status: int = 200, headers: dict[str, str] | None = None) -> Reply:
    given = {"Content-Type": JSON_CONTENT_TYPE, "Cache-Control": "no-store"} | (headers or {})
    return Reply(status, given, json.dumps(document).encode())
