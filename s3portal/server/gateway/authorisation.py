"""What policies are asked about a request: the resource that it names, and its circumstances."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from s3portal.server.access.identity import bucket_arn, object_arn
from s3portal.server.authority.policy_conditions import DELIMITER, OBJECT_CREATION_OPERATION, PREFIX
from s3portal.server.wire.s3_request import S3Request


def resource_of(request: S3Request) -> str:
    """Returns the ARN that policies speak of, ``*`` for the service itself."""
    if request.bucket is None:
        return "*"
    return bucket_arn(request.bucket) if request.key is None else object_arn(request.bucket, request.key)


def context_of(
    request: S3Request, conditional: Collection[str], creates_object: bool | None
) -> Mapping[str, str]:
    """Returns what policy conditions may speak of.

    ``conditional`` are the headers that the operation heeds as conditions of a change: a policy that demands
    one is not satisfied by a header that nobody looks at. ``creates_object`` is None where the action is not
    s3:PutObject.
    """
    parameters = {PREFIX: "prefix", DELIMITER: "delimiter"}
    context = {
        key: value for key, name in parameters.items() if (value := request.parameter(name)) is not None
    }
    context |= {f"s3:{name}": value for name in conditional if (value := request.header(name))}
    if creates_object is not None:
        context[OBJECT_CREATION_OPERATION] = str(creates_object).lower()
    return context
