"""The things that are stored, as they come out of the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from s3portal.server.wire.checksums import Checksum

#: The account that owns what nobody else was named for.
FIRST_ACCOUNT = "000000000000"
#: The version of what was stored without versioning.
NULL_VERSION = "null"


class Versioning(Enum):
    """Whether a bucket keeps versions, by the name of the status in its document."""

    NEVER = ""
    ENABLED = "Enabled"
    #: What it kept stays; what comes is the null version.
    SUSPENDED = "Suspended"


@dataclass(frozen=True)
class Bucket:
    """``settings`` are documents by their kind, as they were stored. Times are in ms since 1970."""

    bucket_id: int
    name: str
    owner: str
    created_at: int
    settings: Mapping[str, str]

    @property
    def cors(self) -> str | None:
        """The JSON of its CORS rules, None without any."""
        return self.settings.get("cors")

    @property
    def versioning(self) -> Versioning:
        return Versioning(self.settings.get("versioning", ""))


@dataclass(frozen=True)
class Part:
    """A piece of a body: in a blob, which other bodies may share, or, when it is small, in the database
    (``content``).

    ``start`` is its offset in the object in bytes, set when the object is completed; ``etag`` the MD5 in hex
    without quotes; ``checksum`` the digest in the algorithm of its upload. The last four are set for a part
    that is stored encrypted.
    """

    part_number: int
    blob: str | None
    start: int
    size_bytes: int
    etag: str
    checksum: bytes
    modified_at: int
    content: bytes | None = None
    key_id: str | None = None
    wrapped_key: bytes | None = None
    nonce: bytes | None = None
    stored_size_bytes: int | None = None


@dataclass(frozen=True)
class StoredObject:
    """An object. ``headers`` are those it was stored with and is served with (content-type, x-amz-meta-*).

    ``body_id`` changes with every write, so it names exactly these bytes. ``part_count`` is 0 for an object
    that was not uploaded in parts. ``sequence`` is the number of the change that made it, 0 for what is not
    stored yet. ``tags``, ``lock`` and ``acl`` are JSON, None without: a lock has ``mode``, ``until_ms`` and
    ``legal_hold``; without an ACL the object is its owner's alone. ``writer`` is the ARN of the user or the
    role whose quota it counts for, None for nobody's.
    """

    bucket: str
    key: str
    body_id: str
    size_bytes: int
    etag: str
    modified_at: int
    headers: Mapping[str, str]
    checksum: Checksum
    part_count: int
    owner: str = FIRST_ACCOUNT
    version_id: str = NULL_VERSION
    sequence: int = 0
    tags: str | None = None
    lock: str | None = None
    acl: str | None = None
    writer: str | None = None


class ListedObject(NamedTuple):
    """What a listing shows of an object. Made by the thousand, so it is a plain tuple."""

    key: str
    modified_at: int
    etag: str
    size_bytes: int
    checksum_algorithm: str
    checksum_type: str
    owner: str
    #: None for STANDARD.
    storage_class: str | None = None


@dataclass(frozen=True)
class Version:
    """A version: an object, or a delete marker, which has no body. ``noncurrent_at`` is when another took its
    place, None for the current one."""

    key: str
    version_id: str
    is_delete_marker: bool
    modified_at: int
    owner: str
    sequence: int
    noncurrent_at: int | None
    found: StoredObject | None
    tags: str | None = None
    lock: str | None = None
    acl: str | None = None

    @property
    def is_current(self) -> bool:
        return self.noncurrent_at is None


@dataclass(frozen=True)
class Upload:
    """A multipart upload that is neither completed nor aborted. Its id is the future object's body id; tags,
    lock, ACL and writer are those of the future object."""

    upload_id: str
    bucket: str
    key: str
    initiated_at: int
    headers: Mapping[str, str]
    checksum_algorithm: str
    checksum_type: str
    checksum_asked: bool
    """Whether the caller chose the algorithm; S3 shows it only then."""
    initiator: str
    owner: str = FIRST_ACCOUNT
    tags: str | None = None
    lock: str | None = None
    acl: str | None = None
    writer: str | None = None


@dataclass(frozen=True)
class Usage:
    """What a bucket holds. ``versions`` are no longer current; ``uploads`` not completed."""

    objects: int
    object_bytes: int
    versions: int
    version_bytes: int
    uploads: int
    upload_bytes: int


@dataclass(frozen=True)
class UserUsage:
    """What a user, or a role, has stored in all buckets. ``objects`` and ``size_bytes`` are of the current
    and the other versions together; ``upload_bytes`` of uploads that are not completed."""

    objects: int = 0
    size_bytes: int = 0
    upload_bytes: int = 0


@dataclass(frozen=True)
class Quota:
    """How much may be stored; None for as much as there is room for."""

    max_bytes: int | None = None
    max_objects: int | None = None


@dataclass(frozen=True)
class Change:
    """A line of the journal. ``event`` is S3's name of it; ``at`` in ms since 1970; ``details`` JSON."""

    sequence: int
    at: int
    event: str
    bucket_id: int
    key: str | None
    version_id: str | None
    size_bytes: int | None
    etag: str | None
    details: str | None
