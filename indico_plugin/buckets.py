"""Making a bucket the way the options say: in the right region, with versions and a policy, and set up like
every bucket that s3portal makes (s3portal.buckets.creating)."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from indico_plugin.options import BackendOptions, open_backend_store
from s3portal.buckets import creating
from s3portal.buckets.problems import BucketProblem, NotOffered
from s3portal.buckets.settings.policy import lets_strangers, parse_policy
from s3portal.transfer import Store, error_code

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
    """Makes the bucket unless it is there, and says whether it did. Only a bucket that it made gets versions,
    the policy and the good defaults of new buckets: those of an existing one are its owner's business.

    Raises ClientError and BotoCoreError, and OSError where the policy file cannot be read; nothing is made
    then.
    """
    if bucket_exists(options, bucket):
        logger.info("Bucket %s already exists", bucket)
        return False
    policy = Path(options.bucket_policy_file).read_text("utf-8") if options.bucket_policy_file else None
    store = open_backend_store(options, bucket)
    client = store.client()
    with _as_the_library_says_it():
        # False: another worker was quicker, which also sets versions and policy.
        if not creating.create_bucket(store, names_region=True):
            return False
    try:
        if options.bucket_versioning:
            client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        if policy:
            client.put_bucket_policy(Bucket=bucket, Policy=policy)
    except (ClientError, BotoCoreError):
        # A bucket without its policy would be taken for a finished one next time.
        client.delete_bucket(Bucket=bucket)
        raise
    _set_up(store, is_private=policy is None or not _lets_strangers(policy))
    logger.info("New bucket created: %s", bucket)
    return True


def _set_up(store: Store, *, is_private: bool) -> None:
    """The bucket is as usable without what the keys may not set, or the store does not have."""
    for make in creating.good_defaults(store, is_private=is_private):
        try:
            creating.carried_out(make)
        except NotOffered as missing:
            logger.debug("Bucket %s: %s", store.bucket, missing)
        except BucketProblem as problem:
            logger.warning("Bucket %s was made, but not set up completely: %s", store.bucket, problem)


def _lets_strangers(policy: str) -> bool:
    return lets_strangers(parse_policy(policy, "bucket_policy_file"))


@contextmanager
def _as_the_library_says_it() -> Iterator[None]:
    """Whoever makes a bucket because a file comes for it knows the errors of the AWS library."""
    try:
        yield
    except BucketProblem as problem:
        if isinstance(problem.__cause__, ClientError | BotoCoreError):
            raise problem.__cause__ from problem
        raise
