"""Metadata of single items, which waits in fragments until the freeze makes overlays of it."""

import json
from typing import Any

from s3portal.dtool.bucket_objects import BucketObjects
from s3portal.dtool.keys import DatasetKeys, json_name
from s3portal.dtool.workers import in_parallel

#: ``{identifier: {name: value}}``
ItemsMetadata = dict[str, dict[str, Any]]


def put_fragment(objects: BucketObjects, keys: DatasetKeys, identifier: str, name: str, value: Any) -> None:
    """Stores one value for one item."""
    objects.put(keys.fragment(identifier, name), json.dumps(value).encode())


def read_fragments(objects: BucketObjects, keys: DatasetKeys, identifier: str = "") -> ItemsMetadata:
    """The values of one item, or of all: a listing and a GET for each value, side by side."""
    fragments = list(objects.list(f"{keys.fragments}{identifier}"))
    contents = in_parallel(lambda listed: objects.get(listed.key)[0], fragments)
    metadata: ItemsMetadata = {}
    for listed, content in zip(fragments, contents, strict=True):
        # An identifier has no dot in it, a name may.
        item, _, name = json_name(listed.key, keys.fragments).partition(".")
        metadata.setdefault(item, {})[name] = json.loads(content)
    return metadata


def delete_fragments(objects: BucketObjects, keys: DatasetKeys) -> None:
    """Removes all values. One by one, because many stores refuse DeleteObjects without a Content-MD5, which
    boto3 sends no longer.
    """
    in_parallel(objects.delete, [listed.key for listed in objects.list(keys.fragments)])
