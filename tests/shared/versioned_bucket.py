"""A bucket with versions, as an administrator sees it: what a portal left in it, version by version.

On the bundled server, or on the store that the environment names (foreign_store.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True)
class Version:
    """One version of an object; ``content`` is None for a delete marker."""

    version_id: str
    content: bytes | None
    metadata: Mapping[str, str]


@dataclass(frozen=True)
class VersionedBucket:
    """``client`` may do everything with the bucket."""

    client: S3Client
    bucket: str

    def content(self, key: str, version_id: str | None = None) -> bytes | None:
        """The bytes of a version, or of the current one; None where there is none."""
        named = {"VersionId": version_id} if version_id else {}
        try:
            return self.client.get_object(Bucket=self.bucket, Key=key, **named)["Body"].read()
        except ClientError as refused:
            if refused.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                return None
            raise

    def versions(self, key: str) -> list[Version]:
        """All versions and delete markers of a key, the oldest first."""
        return self.under(key).get(key, [])

    def under(self, prefix: str) -> dict[str, list[Version]]:
        """All keys with this prefix that have a version."""
        page = self.client.list_object_versions(Bucket=self.bucket, Prefix=prefix)
        assert not page["IsTruncated"]
        found: dict[str, list[Version]] = {}
        entries = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        for entry in sorted(entries, key=lambda each: (each["LastModified"], each["IsLatest"])):
            found.setdefault(entry["Key"], []).append(self._version(entry["Key"], entry["VersionId"]))
        return found

    def clear(self, key: str) -> None:
        """Deletes every version of a key."""
        for version in self.versions(key):
            self.client.delete_object(Bucket=self.bucket, Key=key, VersionId=version.version_id)

    def _version(self, key: str, version_id: str) -> Version:
        try:
            found = self.client.get_object(Bucket=self.bucket, Key=key, VersionId=version_id)
        except ClientError as refused:
            if refused.response["ResponseMetadata"]["HTTPStatusCode"] == 405:
                return Version(version_id, None, {})
            raise
        return Version(version_id, found["Body"].read(), found["Metadata"])
