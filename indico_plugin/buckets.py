"""Making a bucket the way the options say: in the right region, with versions and a policy."""

import logging
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from indico_plugin.options import BackendOptions, open_backend_store
from s3portal.transfer import error_code

logger = logging.getLogger("indico.plugin.storage_s3")


def bucket_exists(options: BackendOptions, bucket: str) -> bool:
    """Whether the bucket is there. Raises ClientError where the store does not say, as for someone
    else's.
    """
    try:
        open_backend_store(options, bucket).client().head_bucket(Bucket=bucket)
    except ClientError as error:
        if error_code(error) in ("404", "NoSuchBucket"):
            return False
        raise
    return True


def create_bucket(options: BackendOptions, bucket: str) -> bool:
    """Makes the bucket unless it is there, and says whether it did. Only a bucket that it made gets versions
    and the policy: those of an existing one are its owner's business.

    Raises ClientError, and OSError where the policy file cannot be read; nothing is made then.
    """
    if bucket_exists(options, bucket):
        logger.info("Bucket %s already exists", bucket)
        return False
    policy = Path(options.bucket_policy_file).read_text("utf-8") if options.bucket_policy_file else None
    store = open_backend_store(options, bucket)
    client = store.client()
    # S3 API Reference, CreateBucket: us-east-1 is the one region that must not be named.
    place: Any = (
        {} if store.region == "us-east-1"
        else {"CreateBucketConfiguration": {"LocationConstraint": store.region}}
    )  # fmt: skip
    try:
        client.create_bucket(Bucket=bucket, **place)
    except ClientError as error:
        # Another worker was quicker; it also sets versions and policy.
        if error_code(error) == "BucketAlreadyOwnedByYou":
            return False
        raise
    try:
        if options.bucket_versioning:
            client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        if policy:
            client.put_bucket_policy(Bucket=bucket, Policy=policy)
    except (ClientError, BotoCoreError):
        # A bucket without its policy would be taken for a finished one next time.
        client.delete_bucket(Bucket=bucket)
        raise
    logger.info("New bucket created: %s", bucket)
    return True
