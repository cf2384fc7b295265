"""ListObjectVersions."""

from __future__ import annotations

from collections.abc import Callable

from s3portal.server.api.names import PAGE_LIMIT, name_encoder, optional
from s3portal.server.api.objects.object_headers import storage_class_of
from s3portal.server.api.owners import owner_element, owner_in_effect
from s3portal.server.api.versions.version_ids import checked_version_id
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.operation import BUCKET, Operation
from s3portal.server.storage.records import Version
from s3portal.server.storage.versions import VersionPage, list_versions
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.reply import Reply, xml_reply
from s3portal.server.wire.xml_documents import document, element, field, fields, to_the_second


def list_object_versions(call: Call) -> Reply:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html"""
    prefix, delimiter = call.parameter("prefix") or "", call.parameter("delimiter") or ""
    marker = _marker(call)
    limit = call.number("max-keys", default=PAGE_LIMIT, limit=PAGE_LIMIT)
    name = name_encoder(call)
    page = list_versions(
        call.storage, call.bucket, prefix=prefix, delimiter=delimiter, marker=marker, limit=limit
    )
    # A page of nothing is never followed by another.
    next_key, next_version_id = (page.next_marker if limit else None) or (None, None)
    return xml_reply(
        document(
            "ListVersionsResult",
            fields(
                ("Name", call.bucket),
                ("Prefix", name(prefix)),
                ("KeyMarker", name(marker[0])),
                ("VersionIdMarker", marker[1]),
                ("NextKeyMarker", optional(name, next_key)),
                ("NextVersionIdMarker", next_version_id or None),
                ("MaxKeys", limit),
                ("Delimiter", optional(name, delimiter or None)),
                ("EncodingType", call.parameter("encoding-type") or None),
                ("IsTruncated", next_key is not None),
            ),
            *_elements(call, page, name),
        )
    )


def _marker(call: Call) -> tuple[str, str]:
    """Returns the key and the version id that the page begins after. Raises InvalidArgument."""
    key, version_id = call.parameter("key-marker") or "", call.parameter("version-id-marker")
    if version_id and not key:
        message = "A version-id marker cannot be specified without a key marker."
        facts = {"ArgumentName": "version-id-marker", "ArgumentValue": version_id}
        raise S3Error("InvalidArgument", message, facts=facts)
    # What clients send who send every parameter they know.
    return key, checked_version_id(version_id or None, "version-id-marker") or ""


def _elements(call: Call, page: VersionPage, name: Callable[[str], str]) -> list[str]:
    versions = [entry for entry in page.entries if isinstance(entry, Version)]
    owners = {
        account_id: owner_element(call, owner_in_effect(call, account_id))
        for account_id in {version.owner for version in versions}
    }
    prefixes = [entry for entry in page.entries if isinstance(entry, str)]
    return [
        *(_version_element(version, name, owners[version.owner]) for version in versions),
        *(element("CommonPrefixes", field("Prefix", name(prefix))) for prefix in prefixes),
    ]


def _version_element(version: Version, name: Callable[[str], str], owner: str) -> str:
    common = fields(
        ("Key", name(version.key)),
        ("VersionId", version.version_id),
        ("IsLatest", version.is_current),
        ("LastModified", to_the_second(version.modified_at)),
    )
    found = version.found
    if found is None:
        return element("DeleteMarker", common, owner)
    described = fields(
        ("ETag", f'"{found.etag}"'),
        ("ChecksumAlgorithm", found.checksum.algorithm),
        ("ChecksumType", found.checksum.type),
        ("Size", found.size_bytes),
        ("StorageClass", storage_class_of(found.headers)),
    )
    return element("Version", common, described, owner)


OPERATIONS = (
    Operation(
        "ListObjectVersions",
        BUCKET,
        "GET",
        ("versions",),
        "s3:ListBucketVersions",
        list_object_versions,
    ),
)
