"""Making buckets, with the settings that a bucket for files should have from its first moment."""

from typing import Any

from botocore.exceptions import ClientError

from s3portal.buckets.direct import direct
from s3portal.buckets.problems import Refused, Unusable, asking
from s3portal.buckets.settings.reading import read_setting
from s3portal.transfer import Store, error_code

_OURS = "BucketAlreadyOwnedByYou"
_TAKEN = "BucketAlreadyExists"


class NotEmpty(Refused):
    """Something is left in a bucket that is to be deleted."""


def create_bucket(store: Store, *, object_lock: bool = False) -> bool:
    """Makes the bucket in the store's region, private, with ACLs off; False where it is there already.

    Raises Refused, also where the name is somebody else's.
    """
    if _is_there(store):
        if object_lock and not has_object_lock(store):
            raise Refused(
                f"{store.bucket} is there already, without Object Lock",
                "create a bucket of another name with --object-lock, and sync the files to it",
            )
        return False
    arguments: dict[str, Any] = {"ObjectOwnership": "BucketOwnerEnforced"}
    # us-east-1 is the one region that must not be named (S3 API Reference, CreateBucket).
    if store.settings.on_aws and store.region != "us-east-1":
        arguments["CreateBucketConfiguration"] = {"LocationConstraint": store.region}
    if object_lock:
        arguments["ObjectLockEnabledForBucket"] = True
    with asking(store, "s3:CreateBucket"):
        try:
            store.client().create_bucket(Bucket=store.bucket, **arguments)
        except ClientError as error:
            if error_code(error) == _OURS:
                return False
            if error_code(error) == _TAKEN:
                raise Refused(
                    f"the name {store.bucket} is taken: bucket names are shared by everybody on a store",
                    "choose another name, such as your organisation's domain and a word",
                ) from error
            if error_code(error) == "InvalidBucketName":
                raise Unusable(
                    f"{store.bucket}: a bucket's name has 3 to 63 small letters, digits, dots and hyphens,"
                    " and begins and ends with a letter or digit"
                ) from error
            raise
    return True


def has_object_lock(store: Store) -> bool:
    """Whether objects of the bucket can be locked. Raises Refused."""
    found = read_setting(
        store,
        "s3:GetBucketObjectLockConfiguration",
        "Object Lock",
        lambda: store.client().get_object_lock_configuration(Bucket=store.bucket)["ObjectLockConfiguration"],
        ("ObjectLockConfigurationNotFoundError",),
    )
    return found is not None and found.get("ObjectLockEnabled") == "Enabled"


def _is_there(store: Store) -> bool:
    """Whether the keys may look at such a bucket: us-east-1 answers 200 to making one's own again."""
    try:
        store.client().head_bucket(Bucket=store.bucket)
    except ClientError:
        return False
    return True


def delete_bucket(store: Store) -> None:
    """Removes an empty bucket. Raises Refused, and NotEmpty where something is left in it."""
    with asking(store, "s3:DeleteBucket"):
        try:
            direct(store).call("DeleteBucket", "DELETE")
        except ClientError as error:
            if error_code(error) == "BucketNotEmpty":
                raise NotEmpty(
                    f"{store.bucket} is not empty",
                    f"s3portal bucket delete {store.bucket} --empty  removes its objects and versions too",
                ) from error
            raise
