"""The storage broker for ``s3://`` under the names by which other packages import it from dtool-s3."""

import base64

from s3portal.dtool.broker import S3StorageBroker
from s3portal.dtool.errors import ItemsNotStored
from s3portal.dtool.handles import encode_handle
from s3portal.dtool.structure import DTOOL_README, structure_parameters

__all__ = ["S3StorageBroker", "S3StorageBrokerPutItemError"]

#: Raised where an item could not be stored.
S3StorageBrokerPutItemError = ItemsNotStored

_DTOOL_README_TXT = DTOOL_README
_STRUCTURE_PARAMETERS = {**structure_parameters(""), "dataset_registration_key": None}
_unicode_to_base64 = encode_handle


def _base64_to_unicode(base64_str: str) -> str:
    """A relative path from an item's metadata."""
    return base64.b64decode(base64_str).decode()
