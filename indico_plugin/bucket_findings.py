"""What ``indico s3 doctor`` says of a bucket that is not there, or that the store does not open."""

import re

from botocore.exceptions import ClientError, ParamValidationError
from indico.core.storage.backend import ReadOnlyStorageMixin

from indico_plugin.dynamic_buckets import DynamicS3Storage
from indico_plugin.storage import S3StorageBase
from s3portal.findings import WRONG, Finding
from s3portal.transfer.store_errors import error_code


def impossible_name(bucket: str) -> str | None:
    """Why no bucket can be made under this name (S3 User Guide, "Bucket naming rules"); None where one can.

    Some stores have older buckets with other names, so this is only looked at where there is none.
    """
    if not 3 <= len(bucket) <= 63:
        return f"it has {len(bucket)} characters, but a bucket's name must have 3 to 63"
    if not re.fullmatch(r"[a-z0-9.-]+", bucket):
        odd = re.sub(r"[a-z0-9.-]", "", bucket)
        return (
            f"{odd[0]!r} is in it, but a bucket's name may only contain lower-case letters, digits, hyphens"
            " and dots"
        )
    if not re.fullmatch(r"[a-z0-9].*[a-z0-9]", bucket):
        return "a bucket's name must begin and end with a lower-case letter or a digit"
    if ".." in bucket or re.fullmatch(r"\d+\.\d+\.\d+\.\d+", bucket):
        return "a bucket's name must not contain two dots in a row or be an IP address"
    if bucket.startswith(("xn--", "sthree-", "amzn-s3-demo-")) or bucket.endswith(
        ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")
    ):
        return "S3 reserves names of this form"
    return None


def missing_bucket(name: str, storage: S3StorageBase, bucket: str) -> Finding:
    """The finding for a bucket that is not there."""
    subject = f"bucket {bucket}"
    option = "bucket_template" if isinstance(storage, DynamicS3Storage) else "bucket"
    if reason := impossible_name(bucket):
        text = f"does not exist and cannot be created: {reason}"
        return Finding(name, subject, WRONG, text, f"set another {option}= in STORAGE_BACKENDS")
    if isinstance(storage, ReadOnlyStorageMixin):
        # An empty bucket would hide that the files are somewhere else.
        text = "does not exist, so none of its files can be read"
        return Finding(
            name, subject, WRONG, text, f"check {option}=, host= and the keys: where are the files?"
        )
    return Finding(name, subject, WRONG, "does not exist", f"indico s3 create-bucket --storage {name}")


def unusable_bucket(name: str, storage: S3StorageBase, bucket: str, error: Exception) -> Finding:
    """The finding for a bucket of which the store, or the library that talks to it, said this."""
    subject = f"bucket {bucket}"
    if isinstance(error, ParamValidationError) and (reason := impossible_name(bucket)):
        return Finding(name, subject, WRONG, f"cannot exist: {reason}", "use another name in indico.conf")
    code = error_code(error) if isinstance(error, ClientError) else ""
    if code == "403":
        fix = "check the keys, and that their policy allows s3:ListBucket and s3:GetBucketLocation"
    elif code in (
        "301",
        "400",
        "PermanentRedirect",
        "AuthorizationHeaderMalformed",
        "IllegalLocationConstraintException",
    ):
        fix = f"set region={region_of(storage, bucket, error) or '…'}, the region of the store or bucket"
    else:
        fix = "check host, keys and network"
    return Finding(name, subject, WRONG, str(error), fix)


def region_of(storage: S3StorageBase, bucket: str, error: Exception) -> str | None:
    """The region that the store itself names. The answer to HEAD has no body, so it is asked again."""
    if not isinstance(error, ClientError):
        return None
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    named = headers.get("x-amz-bucket-region") or error.response.get("Error", {}).get("Region")
    if named:
        return str(named)
    try:
        storage.store(bucket).client().list_objects_v2(Bucket=bucket, MaxKeys=1)
    except ClientError as second:
        told = second.response.get("Error", {})
        in_words = re.search(r"expecting '([a-z0-9-]+)'", told.get("Message", ""))
        return told.get("Region") or (in_words[1] if in_words else None)
    return None
