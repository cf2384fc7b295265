"""What policies are asked about a request: its actions, the resource that it names, its circumstances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from s3portal.server.authority.actions import action_on_version, actions_of_headers
from s3portal.server.authority.arns import bucket_arn, object_arn
from s3portal.server.authority.policy_conditions import DELIMITER, OBJECT_CREATION_OPERATION, PREFIX
from s3portal.server.gateway.operation import Operation
from s3portal.server.wire.s3_request import S3Request


def actions_of(operation: Operation, request: S3Request) -> Sequence[str]:
    """Returns all that the caller must be allowed; nothing where the handler asks by itself."""
    if not operation.action:
        return ()
    actions = [action_on_version(operation.action, request.parameter("versionId"))]
    if operation.begins_object:
        actions += actions_of_headers(request.headers)
    return actions


def resource_of(request: S3Request) -> str:
    """Returns the ARN that policies speak of, ``*`` for the service itself."""
    if request.bucket is None:
        return "*"
    return bucket_arn(request.bucket) if request.key is None else object_arn(request.bucket, request.key)


def context_of(operation: Operation, request: S3Request) -> Mapping[str, str]:
    """Returns what policy conditions may speak of: a condition is known only where the operation heeds it."""
    parameters = {PREFIX: "prefix", DELIMITER: "delimiter"}
    context = {
        key: value for key, name in parameters.items() if (value := request.parameter(name)) is not None
    }
    context |= {f"s3:{name}": value for name in operation.conditional if (value := request.header(name))}
    if operation.creates_object is not None:
        context[OBJECT_CREATION_OPERATION] = str(operation.creates_object).lower()
    return context
