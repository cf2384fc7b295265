"""The version of an object that a request is about, for operations on what a version has besides bytes."""

from __future__ import annotations

from collections.abc import Callable

from s3portal.server.api.versions.version_ids import (
    DELETE_MARKER,
    VERSION_ID,
    no_such_version,
    version_id_of,
)
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.replication_agent import origin_of
from s3portal.server.storage import attributes
from s3portal.server.storage.attributes import VersionAttributes
from s3portal.server.storage.objects import no_such_key
from s3portal.server.storage.records import NULL_VERSION
from s3portal.server.wire.errors import S3Error


def find_named(call: Call, *, sees_markers: bool = False) -> VersionAttributes:
    """Returns the version that the call names, or the current one.

    Raises NoSuchKey, NoSuchVersion, and MethodNotAllowed for a delete marker that is named, or is current
    where the call ``sees_markers``.
    """
    found = attributes.find(call.storage, call.bucket, call.key, version_id_of(call))
    return _require_version(call, found, sees_markers)


def change_named(
    call: Call,
    decide: Callable[[VersionAttributes], VersionAttributes],
    event: str,
    *,
    sees_markers: bool = False,
) -> VersionAttributes:
    """Replaces what the named version has by what ``decide`` makes of it. Raises as ``find_named`` does."""
    origin = origin_of(call)
    return attributes.change(
        call.storage,
        call.bucket,
        call.key,
        version_id_of(call),
        lambda found: decide(_require_version(call, found, sees_markers)),
        event,
        None if origin is None else origin.modified_at,
    )


def _require_version(call: Call, found: VersionAttributes | None, sees_markers: bool) -> VersionAttributes:
    version_id = version_id_of(call)
    acted_on = None if found is None or found.is_delete_marker else found
    call.judged.act_on(call.bucket, call.key, version_id, acted_on)
    if found is None and version_id is not None:
        raise no_such_version(call.key, version_id)
    if found is None:
        raise no_such_key(call.key)
    if found.is_delete_marker:
        headers = {DELETE_MARKER: "true", VERSION_ID: found.version_id}
        if version_id is None and not sees_markers:
            raise no_such_key(call.key, headers)
        facts = {"Method": call.request.method, "ResourceType": "DeleteMarker"}
        raise S3Error("MethodNotAllowed", facts=facts, headers=headers)
    return found


def version_header(found: VersionAttributes) -> dict[str, str]:
    return {} if found.version_id == NULL_VERSION else {VERSION_ID: found.version_id}
