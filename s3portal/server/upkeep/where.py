"""Where the bytes of an object are: its files, or that they are in the database."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from s3portal.server.storage import versions
from s3portal.server.storage.parts import parts_between
from s3portal.server.storage.records import Version
from s3portal.server.storage.storage import Storage

VERSIONS_AT_ONCE = 1000


@dataclass(frozen=True)
class Place:
    """A part, and the file that has it; None where it is in the database. Offsets are those in the object,
    the last one included. ``encryption`` is how it is stored encrypted, None for what is stored plain."""

    part_number: int
    first: int
    last: int
    file: Path | None
    encryption: str | None = None


@dataclass(frozen=True)
class Located:
    """A version of an object and its places; a delete marker has none. ``modified_at`` is ms since 1970."""

    version_id: str
    is_current: bool
    is_delete_marker: bool
    size_bytes: int
    etag: str
    content_type: str
    modified_at: int
    places: tuple[Place, ...]


def locate(storage: Storage, bucket: str, key: str) -> list[Located]:
    """Returns every version of a key, the newest first; empty where there is none. Raises NoSuchBucket."""
    found: list[Located] = []
    # Behind all shorter keys, so that the page begins with the key itself or what comes after it.
    marker = ("", "")
    while True:
        page = versions.list_versions(
            storage, bucket, prefix=key, delimiter="", marker=marker, limit=VERSIONS_AT_ONCE
        )
        for entry in page.entries:
            if not isinstance(entry, Version) or entry.key != key:
                return found
            found.append(_located(storage, entry, is_current=not found))
        if page.next_marker is None:
            return found
        marker = page.next_marker


def _located(storage: Storage, version: Version, *, is_current: bool) -> Located:
    stored = version.found
    if stored is None:
        return Located(version.version_id, is_current, True, 0, "", "", version.modified_at, ())
    parts = parts_between(storage, stored.body_id, 0, max(stored.size_bytes - 1, 0))
    places = tuple(
        Place(
            part.part_number,
            part.start,
            part.start + part.size_bytes - 1,
            None if part.blob is None else storage.blobs.path(part.blob),
            part.key_id,
        )
        for part in parts
    )
    return Located(
        version.version_id,
        is_current,
        False,
        stored.size_bytes,
        stored.etag,
        stored.headers.get("content-type", ""),
        stored.modified_at,
        places,
    )
