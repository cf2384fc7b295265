"""``indico_storage_s3.storage``: the backends."""

from indico_plugin.dynamic_buckets import DynamicS3Storage
from indico_plugin.readonly import ReadOnlyDynamicS3Storage, ReadOnlyS3Storage
from indico_plugin.storage import S3Storage, S3StorageBase

__all__ = [
    "DynamicS3Storage",
    "ReadOnlyDynamicS3Storage",
    "ReadOnlyS3Storage",
    "S3Storage",
    "S3StorageBase",
]
