"""The two sides of a sync: a folder of this machine, or what a bucket has under a prefix."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from s3portal.buckets.access import Access
from s3portal.buckets.listing import object_pages
from s3portal.buckets.problems import Unusable
from s3portal.buckets.sync.entries import Entry
from s3portal.transfer import Store


@dataclass(frozen=True)
class Folder:
    """A folder of this machine."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True)
class Prefix:
    """What a bucket has under a prefix, which is "" or ends with a slash; or one object, of ``fixed_key``."""

    store: Store
    prefix: str = ""
    fixed_key: str = ""

    def __str__(self) -> str:
        return f"s3://{self.store.bucket}/{self.prefix}"

    @property
    def arn(self) -> str:
        """Of all its objects, as policies name them."""
        return f"arn:aws:s3:::{self.store.bucket}/{self.fixed_key or self.prefix + '*'}"

    def key(self, path: str) -> str:
        """The key of a path below the prefix."""
        return self.fixed_key or self.prefix + path

    def entries(self, folder: str = "") -> Iterator[Entry]:
        """The objects, in order; of a folder below, which ends with a slash, or of all. One that is the
        prefix itself, which consoles make as a folder, is left out.

        Raises Refused.
        """
        for page in object_pages(self.store, self.prefix + folder):
            for each in page:
                path = each.key[len(self.prefix) :]
                if path:
                    yield Entry(
                        path, each.size_bytes, each.modified_at.timestamp(), each.etag, each.storage_class
                    )


def place_of(text: str, access: Access) -> Folder | Prefix:
    """The place that the user named: ``s3://bucket/prefix`` or a folder. A slash at the end changes nothing.

    Raises Unusable.
    """
    if not text.startswith("s3://"):
        return Folder(Path(text))
    bucket, _, prefix = text.removeprefix("s3://").partition("/")
    if not bucket:
        raise Unusable(f"{text}: write s3://BUCKET or s3://BUCKET/PREFIX")
    prefix = prefix.rstrip("/")
    return Prefix(access.store(bucket), f"{prefix}/" if prefix else "")
