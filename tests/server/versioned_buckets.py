"""What the tests of versions share: a bucket that keeps them, and what is listed of it."""

from __future__ import annotations

from typing import Any

from s3_callers import BUCKET


def set_versioning(s3: Any, status: str, bucket: str = BUCKET) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})


def listed(s3: Any, **arguments: Any) -> list[tuple[str, str, bool, bool]]:
    """Returns (key, version id, is it a marker, is it current) of all versions: of each page the objects,
    then the markers."""
    entries = []
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=BUCKET, **arguments):
        for kind in ("Versions", "DeleteMarkers"):
            entries += [
                (entry["Key"], entry["VersionId"], kind == "DeleteMarkers", entry["IsLatest"])
                for entry in page.get(kind, [])
            ]
    return entries


def version_ids(s3: Any, key: str) -> list[str]:
    """Returns the ids of a key's objects, the newest first."""
    page = s3.list_object_versions(Bucket=BUCKET, Prefix=key)
    return [entry["VersionId"] for entry in page.get("Versions", []) if entry["Key"] == key]


def content_of(s3: Any, key: str, version_id: str | None = None) -> bytes:
    named = {"VersionId": version_id} if version_id else {}
    content: bytes = s3.get_object(Bucket=BUCKET, Key=key, **named)["Body"].read()
    return content
