"""Making buckets, with the settings that a bucket for files should have from its first moment."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from botocore.exceptions import ClientError

from s3portal.buckets.direct import direct
from s3portal.buckets.problems import NotOffered, Refused, Unusable, asking
from s3portal.buckets.settings import cors, lifecycle, public_access, versioning
from s3portal.buckets.settings.change import Change
from s3portal.buckets.settings.reading import read_setting
from s3portal.transfer import Store, error_code

_OURS = "BucketAlreadyOwnedByYou"
_TAKEN = "BucketAlreadyExists"


class NotEmpty(Refused):
    """Something is left in a bucket that is to be deleted."""


def create_bucket(store: Store, *, object_lock: bool = False, names_region: bool = False) -> bool:
    """Makes the bucket in the store's region, private, with ACLs off; False where it is there already.

    Stores other than AWS are told the region only with ``names_region``. Raises Refused, also where the name
    is somebody else's.
    """
    if _is_there(store):
        if object_lock and not has_object_lock(store):
            raise Refused(
                f"{store.bucket} is there already, without Object Lock",
                "create a bucket of another name with --object-lock, and sync the files to it",
            )
        return False
    arguments: dict[str, Any] = {"Bucket": store.bucket}
    # us-east-1 is the one region that must not be named (S3 API Reference, CreateBucket).
    if (store.settings.on_aws or names_region) and store.region != "us-east-1":
        arguments["CreateBucketConfiguration"] = {"LocationConstraint": store.region}
    if object_lock:
        arguments["ObjectLockEnabledForBucket"] = True
    try:
        return _create(store, {**arguments, "ObjectOwnership": "BucketOwnerEnforced"})
    except NotOffered:
        # Some stores refuse a header that they do not know; their ACLs let nobody in either.
        return _create(store, arguments)


def _create(store: Store, arguments: dict[str, Any]) -> bool:
    with asking(store, "s3:CreateBucket", what="Object Ownership"):
        try:
            store.client().create_bucket(**arguments)
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


Maker = Callable[[], Change]


def good_defaults(store: Store, *, keep_days: int | None = None, is_private: bool = True) -> list[Maker]:
    """What a bucket for files should have from its first moment: public access is blocked, unless it is not
    meant to be private, unfinished uploads are removed, and former versions after ``keep_days``. What makes
    each change may raise Refused, and NotOffered, where the bucket is as good without."""
    makers: list[Maker] = [lambda: lifecycle.recommended_change(store, noncurrent_days=keep_days)]
    if is_private:
        makers.insert(0, lambda: public_access.block_change(store, on=public_access.ALL))
    return makers


def set_up(
    store: Store, *, versions: bool = False, keep_days: int | None = None, origins: tuple[str, ...] = ()
) -> Iterator[Change]:
    """Gives a bucket the good defaults, as far as it lacks them and the store has them. ``versions`` keeps
    former versions, for ``keep_days`` where given; ``origins`` are portals whose pages upload.

    Yields each change that was made. Raises Refused, and NotOffered for what was asked for.
    """
    for make in good_defaults(store, keep_days=keep_days):
        with suppress(NotOffered):
            yield from carried_out(make)
    if versions or keep_days:
        yield from carried_out(lambda: versioning.versioning_change(store, on=True))
    if origins:
        yield from carried_out(lambda: _let_in(store, origins))


def carried_out(make: Maker) -> list[Change]:
    """Makes the change if it is needed, and returns it then. Raises Refused, NotOffered."""
    change = make()
    if not change.is_needed:
        return []
    change.apply()
    return [change]


def _let_in(store: Store, origins: tuple[str, ...]) -> Change:
    rules = cors.with_rules(cors.read_cors(store), origins, public_read=False)
    return cors.cors_change(store, rules, f"let pages of {', '.join(origins)} upload")


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
    with asking(store, "s3:ListBucket"):
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
