"""The registration of a dataset: an object at the top of the bucket whose body is the dataset's prefix.

It says where a dataset is and never that there is one: that is for the administrative metadata to say, the
last object of a dataset in the making. A registration that leads to no dataset is a leftover.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from botocore.exceptions import ClientError

from s3portal.dtool.answered import answered
from s3portal.dtool.bucket_objects import BucketObjects
from s3portal.dtool.errors import NotPermitted
from s3portal.dtool.keys import registration_key

#: S3 API, "Creating object key names": a key has at most 1,024 bytes, so a longer body is no prefix.
LONGEST_KEY_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Registration:
    """``prefix`` is None where the object is there and holds none: something else wrote it."""

    prefix: str | None
    etag: str


def read_registration(objects: BucketObjects, uuid: str) -> Registration | None:
    """The registration, or None where there is none. Raises NotPermitted: a 403 is not taken for that."""
    found = objects.start_if_there(registration_key(uuid), LONGEST_KEY_BYTES + 1)
    return Registration(prefix_of(found.body), found.etag) if found else None


def write_registration(objects: BucketObjects, uuid: str, prefix: str, over: Registration | None) -> bool:
    """Registers the dataset if its registration is still ``over``, or still missing; whether it was."""
    return objects.put_over(registration_key(uuid), prefix.encode(), over.etag if over else "")


def prefix_of(body: bytes) -> str | None:
    """The prefix that a registration's body says, or None where it can be no part of a key."""
    try:
        prefix = body.decode()
    except UnicodeDecodeError:
        return None
    return prefix if len(body) <= LONGEST_KEY_BYTES and (prefix.isprintable() or not prefix) else None


#: What to do if the key may not write, or not read, under the registered prefix.
UNWRITABLE = (
    "A copy of this dataset was started there. Let whoever started it finish it; or have that copy removed"
    " with its registration, and run the command again."
)
UNREADABLE = (
    "If there is no dataset (an attempt with a wrong prefix leaves such a registration), remove that object"
    " and run the command again."
)


@contextmanager
def naming_the_registration(
    uuid: str, bucket: str, prefix: str, own_prefix: str, what_to_do: str
) -> Iterator[None]:
    """Says of a NotPermitted that the prefix is not the user's own, where it is not, and what to do then."""
    try:
        yield
    except NotPermitted as error:
        if prefix == own_prefix:
            raise
        told = (
            f"{error} The dataset is under the prefix {prefix!r}, as s3://{bucket}/{registration_key(uuid)}"
            f" says, and DTOOL_S3_DATASET_PREFIX_{bucket} is {own_prefix!r}. {what_to_do}"
        )
        if isinstance(error, ClientError):
            raise answered(NotPermitted, told, error) from error
        raise NotPermitted(told) from error
