"""Keys that everybody reaches without a signature: those below one folder, which has public files alone.

A key there has never been a private file's, and a private file's never was there: so whoever knows an address
of one kind knows none of the other.
"""

import uuid

from ckanext.s3multipart.download_settings import PUBLIC_FOLDER
from ckanext.s3multipart.model import UploadRow
from ckanext.s3multipart.settings import transfer_settings
from s3portal.transfer import KeyIds, ids_of_key, object_key


def public_folder() -> str:
    """What public keys begin with, ending in ``/``."""
    return "/".join([*_folders(), PUBLIC_FOLDER, ""])


def is_public_key(key: str) -> bool:
    """Whether everybody reaches what is there."""
    return ids_of_key(public_folder(), key) is not None


def ids_of_own_key(key: str) -> KeyIds | None:
    """The ids in a key of the portal's own form, of either kind, None for any other."""
    return ids_of_key(public_folder(), key) or ids_of_key(transfer_settings().s3_prefix, key)


def new_key(row: UploadRow, *, public: bool) -> str:
    """A key of either kind, for the file of this row, that nobody knows yet."""
    prefix = public_folder() if public else transfer_settings().s3_prefix
    ids = ids_of_own_key(row.key)
    if ids is None:
        raise ValueError(f"{row.key} is no key of the portal's own")
    return object_key(prefix, ids.organisation_id, ids.dataset_id, str(uuid.uuid4()), row.filename)


def is_own_key(key: str) -> bool:
    """Whether the key has the portal's own form, of either kind."""
    return ids_of_own_key(key) is not None


def _folders() -> list[str]:
    prefix = transfer_settings().s3_prefix.strip("/")
    return [prefix] if prefix else []
