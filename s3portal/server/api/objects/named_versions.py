"""The version of an object that a request is about, for operations on what a version has besides bytes."""

from __future__ import annotations

from collections.abc import Callable

from s3portal.server.gateway.call import Call
from s3portal.server.storage import attributes
from s3portal.server.storage.attributes import VersionAttributes
from s3portal.server.storage.objects import no_such_key
from s3portal.server.storage.records import NULL_VERSION
from s3portal.server.wire.errors import S3Error


def named_version_id(call: Call) -> str | None:
    """Returns the version id of the query; None for the current version."""
    return call.parameter("versionId") or None


def find_named(call: Call) -> VersionAttributes:
    """Returns the version that the call names, or the current one.

    Raises NoSuchKey, NoSuchVersion, and MethodNotAllowed for a delete marker that is named.
    """
    return require_version(call, attributes.find(call.storage, call.bucket, call.key, named_version_id(call)))


def change_named(
    call: Call, decide: Callable[[VersionAttributes], VersionAttributes], event: str
) -> VersionAttributes:
    """Replaces what the named version has by what ``decide`` makes of it. Raises as ``find_named`` does."""
    return attributes.change(
        call.storage,
        call.bucket,
        call.key,
        named_version_id(call),
        lambda found: decide(require_version(call, found)),
        event,
    )


def require_version(call: Call, found: VersionAttributes | None) -> VersionAttributes:
    version_id = named_version_id(call)
    if found is None and version_id is not None:
        raise S3Error("NoSuchVersion", facts={"Key": call.key, "VersionId": version_id})
    if found is None:
        raise no_such_key(call.key)
    if found.is_delete_marker:
        headers = {"x-amz-delete-marker": "true", "x-amz-version-id": found.version_id}
        if version_id is None:
            raise S3Error("NoSuchKey", facts={"Key": call.key}, headers=headers)
        facts = {"Method": call.request.method, "ResourceType": "DeleteMarker"}
        raise S3Error("MethodNotAllowed", facts=facts, headers=headers)
    return found


def version_header(found: VersionAttributes) -> dict[str, str]:
    return {} if found.version_id == NULL_VERSION else {"x-amz-version-id": found.version_id}
