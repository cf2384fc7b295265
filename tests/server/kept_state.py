"""What is in a bucket as a value: what a writer was told, and what a reader finds.

A version id that is not known yet, because its answer never came, is None and stands for any.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from bucket_marks import MARKS


@dataclass(frozen=True)
class Version:
    """An object, or with ``content`` None a delete marker."""

    version_id: str | None
    content: bytes | None
    tag: str | None = None
    is_public: bool = False
    retained_until: str | None = None
    is_held: bool = False

    def is_like(self, found):
        return found == (self if self.version_id else replace(self, version_id=found.version_id))


@dataclass(frozen=True)
class Upload:
    """``parts`` has their contents by number."""

    upload_id: str | None
    key: str
    parts: dict[int, bytes] = field(default_factory=dict)

    def is_like(self, found):
        return found == (self if self.upload_id else replace(self, upload_id=found.upload_id))


@dataclass(frozen=True)
class Kept:
    """A bucket: versions by key, the newest first; uploads that are not completed; the mark of each setting.

    ``versioning`` is None, Enabled or Suspended.
    """

    versioning: str | None = None
    versions: dict[str, tuple[Version, ...]] = field(default_factory=dict)
    uploads: tuple[Upload, ...] = ()
    settings: dict[str, str] = field(default_factory=dict)

    def with_key(self, key, versions):
        others = {name: each for name, each in self.versions.items() if name != key}
        return replace(self, versions=others | ({key: tuple(versions)} if versions else {}))

    def with_new(self, key, new):
        """As after a PUT or a DELETE that names no version."""
        old = self.versions.get(key, ())
        if self.versioning == "Enabled":
            return self.with_key(key, (new, *old))
        new = replace(new, version_id="null")
        return self.with_key(key, (new, *(each for each in old if each.version_id != "null")))

    def without_current(self, key, marker_id):
        """As after a DELETE that names no version."""
        if self.versioning is None:
            return self.with_key(key, ())
        return self.with_new(key, Version(marker_id, None))

    def without(self, key, version_id):
        return self.with_key(key, [each for each in self.versions[key] if each.version_id != version_id])

    def with_changed(self, key, version_id, **changes):
        changed = [
            replace(each, **changes) if each.version_id == version_id else each for each in self.versions[key]
        ]
        return self.with_key(key, changed)

    def with_uploads(self, upload_id, *changed):
        others = [each for each in self.uploads if each.upload_id != upload_id]
        return replace(self, uploads=(*others, *changed))

    def with_setting(self, name, mark):
        others = {each: kept for each, kept in self.settings.items() if each != name}
        return replace(self, settings=others | ({name: mark} if mark is not None else {}))

    def is_like(self, found):
        """Whether a reader may find ``found`` where this is what was written."""
        return (
            self.versioning == found.versioning
            and self.settings == found.settings
            and self.versions.keys() == found.versions.keys()
            and all(_are_like(self.versions[key], found.versions[key]) for key in self.versions)
            and _are_like(_in_order(self.uploads, found.uploads), found.uploads)
        )


def _are_like(known, found):
    return len(known) == len(found) and all(
        each.is_like(other) for each, other in zip(known, found, strict=True)
    )


def _in_order(known, found):
    """Uploads in the order in which they were found, the one that is not known at the place that is left."""
    by_id = {each.upload_id: each for each in known}
    rest = by_id.get(None)
    return [each for each in (by_id.get(other.upload_id, rest) for other in found) if each is not None]


def mixtures(before, after):
    """What may be found of a request that deletes several keys, each whole or not at all."""
    possible = [before]
    for key in before.versions.keys() | after.versions.keys():
        if before.versions.get(key) != after.versions.get(key):
            possible += [each.with_key(key, after.versions.get(key, ())) for each in possible]
    return possible


def read_bucket(s3, bucket):
    """Returns all that is in a bucket; None where there is none."""
    try:
        versioning = s3.get_bucket_versioning(Bucket=bucket).get("Status")
    except s3.exceptions.ClientError as refused:
        assert refused.response["Error"]["Code"] == "NoSuchBucket", refused
        return None
    is_locked = versioning is not None
    versions = {}
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        entries = [(each["Key"], each, True) for each in page.get("Versions", [])]
        entries += [(each["Key"], each, False) for each in page.get("DeleteMarkers", [])]
        for key, entry, is_object in entries:
            named = {"Bucket": bucket, "Key": key, "VersionId": entry["VersionId"]}
            version = _read_version(s3, named, is_locked) if is_object else Version(entry["VersionId"], None)
            versions.setdefault(key, []).append((entry["IsLatest"], entry["LastModified"], version))
    return Kept(
        versioning=versioning,
        versions={key: _newest_first(s3, bucket, key, found) for key, found in versions.items()},
        uploads=tuple(_read_uploads(s3, bucket)),
        settings={name: mark for name, kind in MARKS.items() if (mark := kind.find(s3, bucket)) is not None},
    )


def _newest_first(s3, bucket, key, found):
    assert sum(is_latest for is_latest, _, _ in found) == 1, (bucket, key, found)
    if len({version.content is None for _, _, version in found}) == 1:
        return tuple(version for _, _, version in found)
    # boto3 lists objects and markers apart: the order is in the pages of one entry each.
    by_id, order = {version.version_id: version for _, _, version in found}, []
    pages = s3.get_paginator("list_object_versions").paginate(
        Bucket=bucket, Prefix=key, PaginationConfig={"PageSize": 1}
    )
    for page in pages:
        for entry in (*page.get("Versions", []), *page.get("DeleteMarkers", [])):
            if entry["Key"] == key:
                order.append(by_id[entry["VersionId"]])
    return tuple(order)


def _read_version(s3, named, is_locked):
    body = s3.get_object(**named)
    tags = {each["Key"]: each["Value"] for each in s3.get_object_tagging(**named)["TagSet"]}
    grants = s3.get_object_acl(**named)["Grants"]
    until = body.get("ObjectLockRetainUntilDate") if is_locked else None
    return Version(
        named["VersionId"],
        body["Body"].read(),
        tag=tags.get("t"),
        is_public=any("URI" in grant["Grantee"] for grant in grants),
        retained_until=f"{until:%Y}" if until else None,
        is_held=body.get("ObjectLockLegalHoldStatus") == "ON",
    )


def _read_uploads(s3, bucket):
    for page in s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket):
        for upload in page.get("Uploads", []):
            named = {"Bucket": bucket, "Key": upload["Key"], "UploadId": upload["UploadId"]}
            parts = {each["PartNumber"]: each["ETag"] for each in s3.list_parts(**named).get("Parts", [])}
            yield Upload(upload["UploadId"], upload["Key"], parts)
