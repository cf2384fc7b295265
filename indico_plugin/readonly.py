"""The read-only backends: files that are there can be read, and nothing is written, deleted or made."""

from indico.core.storage.backend import ReadOnlyStorageMixin, StorageReadOnlyError

from indico_plugin.dynamic_buckets import DynamicS3Storage
from indico_plugin.storage import S3Storage


class _ReadOnlyBuckets(ReadOnlyStorageMixin):
    def save(self, name, content_type, filename, fileobj, *, dry_run=False):
        # The mixin of Indico 3.2 does not know dry_run.
        raise StorageReadOnlyError("Cannot write to read-only storage")

    def make_bucket(self, bucket):
        raise StorageReadOnlyError("Cannot write to read-only storage")


class ReadOnlyS3Storage(_ReadOnlyBuckets, S3Storage):
    """``s3`` for reading only."""

    name = "s3-readonly"


class ReadOnlyDynamicS3Storage(_ReadOnlyBuckets, DynamicS3Storage):
    """``s3-dynamic`` for reading only. The ids of its files name their buckets, so it needs no secret."""

    name = "s3-dynamic-readonly"
    needs_secret = False
    write_refusal = None
