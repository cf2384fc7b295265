"""The manifest of a frozen dataset: which items it has, and what it says of each."""

import json
from typing import Any

from dtoolcore.filehasher import FileHasher, md5sum_hexdigest
from dtoolcore.utils import generate_identifier

from s3portal.dtool.bucket_objects import BucketObjects
from s3portal.dtool.item_reader import WantedItem
from s3portal.dtool.keys import DatasetKeys

#: How items are hashed; its name stands in the manifest as the hash function.
HASHER = FileHasher(md5sum_hexdigest)


def read_manifest(objects: BucketObjects, keys: DatasetKeys) -> dict[str, Any] | None:
    """The manifest, or None before the freeze."""
    found = objects.get_if_there(keys.manifest)
    return json.loads(found[0]) if found else None


def relpaths(manifest: dict[str, Any] | None) -> dict[str, str]:
    """The relative paths by identifier; none before the freeze.

    A manifest that someone wrote by hand counts only as far as it can be verified.
    """
    items = manifest["items"] if manifest else {}
    named = {identifier: item["relpath"] for identifier, item in items.items()}
    return {identifier: path for identifier, path in named.items() if generate_identifier(path) == identifier}


def wanted_items(manifest: dict[str, Any]) -> dict[str, WantedItem]:
    """What to hold each item against that is fetched, in the manifest's order."""
    md5_noted = manifest.get("hash_function") == HASHER.name
    return {
        identifier: WantedItem(item["relpath"], item["size_in_bytes"], item["hash"] if md5_noted else "")
        for identifier, item in manifest["items"].items()
    }
