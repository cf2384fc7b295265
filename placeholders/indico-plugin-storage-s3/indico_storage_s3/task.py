"""``indico_storage_s3.task``: the daily task that makes buckets ahead."""

from indico_plugin.tasks import create_buckets_ahead as create_bucket

__all__ = ["create_bucket"]
