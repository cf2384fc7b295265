"""Which prefix a dataset stands under: its registration says so, and wins over the user's own setting."""

from s3portal.dtool.bucket_objects import BucketObjects
from s3portal.dtool.keys import registration_key

# A command opens a dataset several times, and where it stands does not change. Only what S3 said is kept:
# {(endpoint, bucket, uuid): prefix}
_found: dict[tuple[str, str, str], str] = {}


def find_prefix(objects: BucketObjects, uuid: str, own_prefix: str) -> str:
    """The prefix of the dataset, or the user's own where no such dataset is registered.

    Raises NotPermitted: what may not be read is not taken for missing.
    """
    known = _found.get(_place(objects, uuid))
    return _ask(objects, uuid, own_prefix) if known is None else known


def register(objects: BucketObjects, uuid: str, own_prefix: str) -> str:
    """Registers the dataset and returns its prefix: the one that it has where it is registered already, so
    that what is stored of it is not lost sight of.
    """
    prefix = _ask(objects, uuid, own_prefix)
    objects.put(registration_key(uuid), prefix.encode())
    remember_prefix(objects, uuid, prefix)
    return prefix


def remember_prefix(objects: BucketObjects, uuid: str, prefix: str) -> None:
    """Keeps what a registration said, for the rest of the process."""
    _found[_place(objects, uuid)] = prefix


def _ask(objects: BucketObjects, uuid: str, own_prefix: str) -> str:
    registration = objects.get_if_there(registration_key(uuid))
    if registration is None:
        return own_prefix
    prefix = registration[0].decode()
    remember_prefix(objects, uuid, prefix)
    return prefix


def _place(objects: BucketObjects, uuid: str) -> tuple[str, str, str]:
    return objects.store.settings.s3_endpoint, objects.bucket, uuid
