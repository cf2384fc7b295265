"""What ``indico s3 doctor`` says of a bucket that is not there, or that cannot be."""

from botocore.exceptions import ParamValidationError
from indico.core.storage.backend import ReadOnlyStorageMixin

from indico_plugin.dynamic_buckets import DynamicS3Storage
from indico_plugin.storage import S3StorageBase
from s3portal.portal.doctor import impossible_bucket_name
from s3portal.portal.findings import WRONG, Finding


def missing_bucket(name: str, storage: S3StorageBase, bucket: str) -> Finding:
    """The finding for a bucket that is not there."""
    subject = f"bucket {bucket}"
    option = "bucket_template" if isinstance(storage, DynamicS3Storage) else "bucket"
    if reason := impossible_bucket_name(bucket):
        text = f"does not exist and cannot be created: {reason}"
        return Finding(name, subject, WRONG, text, f"set another {option}= in STORAGE_BACKENDS")
    if isinstance(storage, ReadOnlyStorageMixin):
        # An empty bucket would hide that the files are somewhere else.
        text = "does not exist, so none of its files can be read"
        return Finding(
            name, subject, WRONG, text, f"check {option}=, host= and the keys: where are the files?"
        )
    return Finding(name, subject, WRONG, "does not exist", f"indico s3 create-bucket --storage {name}")


def unusable_bucket(name: str, bucket: str, error: Exception) -> Finding:
    """The finding for a bucket of which the library that talks to the store said this."""
    subject = f"bucket {bucket}"
    if isinstance(error, ParamValidationError) and (reason := impossible_bucket_name(bucket)):
        return Finding(name, subject, WRONG, f"cannot exist: {reason}", "use another name in indico.conf")
    return Finding(name, subject, WRONG, str(error), "check host, keys and network")
