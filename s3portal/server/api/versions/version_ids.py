"""Version ids in requests and answers, and what is said of a version that is not there."""

from __future__ import annotations

from s3portal.server.gateway.call import Call
from s3portal.server.http.values import http_date
from s3portal.server.storage import versions
from s3portal.server.storage.objects import no_such_key
from s3portal.server.storage.records import NULL_VERSION, StoredObject, Versioning
from s3portal.server.storage.versioning import looks_like_version_id
from s3portal.server.wire.errors import S3Error

VERSION_ID = "x-amz-version-id"
DELETE_MARKER = "x-amz-delete-marker"


def version_id_of(call: Call) -> str | None:
    """Returns the version that a request names; None where it speaks of the current one.

    Raises InvalidArgument for what cannot be a version's id.
    """
    return checked_version_id(call.parameter("versionId"), "versionId")


def checked_version_id(text: str | None, argument: str) -> str | None:
    """Returns a version id from outside, None without one. Raises InvalidArgument."""
    if text is None or looks_like_version_id(text):
        return text
    message = "Invalid version id specified" if text else "Version id cannot be the empty string"
    raise S3Error("InvalidArgument", message, facts={"ArgumentName": argument, "ArgumentValue": text})


def refuse_version_id(call: Call) -> None:
    """Raises InvalidArgument for a request that makes a version and names one: it is not for the caller to
    choose, and must not be taken for the one that is replaced."""
    version_id = call.parameter("versionId")
    if version_id is not None:
        facts = {"ArgumentName": "versionId", "ArgumentValue": version_id}
        raise S3Error("InvalidArgument", "This operation does not accept a version-id.", facts=facts)


def version_headers(call: Call, found: StoredObject, asked: str | None = None) -> dict[str, str]:
    """Returns the header that names a version: none in a bucket that has never kept any, unless the version
    was ``asked`` for."""
    return {VERSION_ID: found.version_id} if shows_version(call, call.bucket, found, asked) else {}


def shows_version(call: Call, bucket: str, found: StoredObject, asked: str | None = None) -> bool:
    if asked is not None or found.version_id != NULL_VERSION:
        return True
    return call.versioning_of(bucket) is not Versioning.NEVER


def missing(call: Call, version_id: str | None) -> S3Error:
    """Returns the refusal to read what is not there, or is a delete marker.

    Who may not list a bucket does not learn what is missing in it.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/DeleteMarker.html
    """
    found = versions.find_version(call.storage, call.bucket, call.key, version_id)
    marker = found if found is not None and found.is_delete_marker else None
    headers = {DELETE_MARKER: "true", VERSION_ID: marker.version_id} if marker else {}
    if marker is not None and version_id is not None:
        return S3Error(
            "MethodNotAllowed",
            facts={"Method": call.request.method, "ResourceType": "DeleteMarker"},
            headers=headers | {"Allow": "DELETE", "Last-Modified": http_date(marker.modified_at // 1000)},
        )
    if not call.may("s3:ListBucket", call.bucket):
        return S3Error("AccessDenied")
    if version_id is not None:
        return no_such_version(call.key, version_id)
    return no_such_key(call.key, headers)


def no_such_version(key: str, version_id: str) -> S3Error:
    return S3Error("NoSuchVersion", facts={"Key": key, "VersionId": version_id})
