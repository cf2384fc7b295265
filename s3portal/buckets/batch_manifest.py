"""The manifest of a job of S3 Batch Operations: the objects that it is about, a line each.

Source: S3 User Guide, "Creating an S3 Batch Operations job", "Specifying a manifest": CSV without a heading,
of bucket, key and version id, keys URL-encoded.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO
from urllib.parse import quote, unquote

from s3portal.buckets.listing import ListedVersion, object_pages, version_pages
from s3portal.buckets.sharding import WHOLE, Shard
from s3portal.transfer import GIB, Store

#: What CopyObject takes, which is what a job of copies calls (S3 API Reference, CopyObject).
COPIED_AT_MOST_BYTES = 5 * GIB


@dataclass
class Written:
    """What is in a manifest. ``too_large`` are objects that no job can copy."""

    objects: int = 0
    size_bytes: int = 0
    too_large: int = 0


def manifest_objects(
    store: Store, prefix: str, *, version_ids: bool, all_versions: bool, shard: Shard = WHOLE
) -> Iterator[ListedVersion]:
    """The objects of a manifest: current ones, with their version ids where asked for, or all versions.
    Markers of deletion are in none. Raises Refused."""
    if not (version_ids or all_versions):
        for page in object_pages(store, prefix):
            yield from (ListedVersion(each.key, "", each.size_bytes) for each in page if shard.has(each.key))
        return
    for versions in version_pages(store, prefix):
        for each in versions:
            if not each.is_marker and (all_versions or each.is_latest) and shard.has(each.key):
                yield each


def write_manifest(bucket: str, objects: Iterable[ListedVersion], file: BinaryIO) -> Iterator[Written]:
    """Writes a line for each, and says now and then how far it is; the last time all. In constant memory."""
    written = Written()
    lines: list[str] = []
    for each in objects:
        version = f",{each.version_id}" if each.version_id else ""
        lines.append(f"{bucket},{quote(each.key, safe='/')}{version}\n")
        written.objects += 1
        written.size_bytes += each.size_bytes
        written.too_large += each.size_bytes > COPIED_AT_MOST_BYTES
        if len(lines) == 1000:
            file.write("".join(lines).encode("ascii"))
            lines.clear()
            yield written
    file.write("".join(lines).encode("ascii"))
    yield written


def read_line(line: str) -> tuple[str, str, str]:
    """Bucket, key and version id of a line; the last is "" where there is none. Raises ValueError."""
    fields = [field.strip('"') for field in line.strip().split(",")]
    if len(fields) not in (2, 3) or not all(fields):
        raise ValueError(f"no line of a manifest: {line[:100]!r}")
    bucket, key, *version = fields
    return bucket, unquote(key), version[0] if version else ""
