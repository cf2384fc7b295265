"""A bucket that everyone may read, without a key: requests are not signed."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from s3portal.transfer import Store, TransferSettings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True)
class PublicStore(Store):
    """The store as anyone reads it."""

    def client(self) -> "S3Client":
        """A client without keys."""
        return self._anonymous_client()


def open_public_store(settings: TransferSettings) -> Store:
    """The store that the settings describe, for reading without a key."""
    return PublicStore(settings)


def is_anonymous(store: Store) -> bool:
    """Whether the store is read without a key."""
    return isinstance(store, PublicStore)
