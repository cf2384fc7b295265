"""The things that are stored, as they come out of the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from s3portal.server.wire.checksums import Checksum


@dataclass(frozen=True)
class Bucket:
    """``cors`` is the JSON of its CORS rules, None without any. Times are in ms since 1970."""

    name: str
    created_at: int
    cors: str | None


@dataclass(frozen=True)
class Part:
    """A piece of a body: in a blob of its own, or, when it is small, with its row (``content``).

    ``start`` is its offset in the object in bytes, set when the object is completed; ``etag`` the MD5 in hex
    without quotes; ``checksum`` the digest in the algorithm of its upload.
    """

    part_number: int
    blob: str | None
    start: int
    size_bytes: int
    etag: str
    checksum: bytes
    modified_at: int
    content: bytes | None = None


@dataclass(frozen=True)
class StoredObject:
    """An object. ``headers`` are those it was stored with and is served with (content-type, x-amz-meta-*).

    ``body_id`` changes with every write, so it names exactly these bytes. ``part_count`` is 0 for an object
    that was not uploaded in parts.
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


@dataclass(frozen=True)
class Upload:
    """A multipart upload that is neither completed nor aborted. Its id is the future object's body id."""

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
