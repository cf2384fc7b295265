"""Plain S3 URLs in ``resource.url``, as the old ckanext-s3multipart left them.

Whoever may edit a dataset can write any URL, so one is no proof that the object is theirs. What everybody may
read is copied as everybody reads it; anything else only by a list of the administrator's.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote, urlsplit

import sqlalchemy as sa
from ckan import model

from ckanext.s3multipart.moving.resources import PortalResource, without_our_file
from ckanext.s3multipart.moving.sources.buckets import BucketFiles, store_of
from ckanext.s3multipart.moving.sources.interface import Located, NotUsable
from ckanext.s3multipart.moving.sources.other_extensions import GivenBucket
from ckanext.s3multipart.settings import transfer_settings
from s3portal.transfer import CopySource, Store, safe_filename

NAME = "links"

_RESOURCES = model.resource_table
#: The host names of S3, old ones included (S3 User Guide, "Virtual hosting of buckets", "Backward
#: compatibility"), after the bucket where that is in the name.
_AWS_HOST = re.compile(r"s3(?:[.-](?:accelerate|dualstack|[a-z0-9-]+)){0,2}\.amazonaws\.com(?:\.cn)?")


class PlainUrls:
    """The objects behind the URLs of resources. ``listed`` are the keys that the administrator says are those
    of resources, by their ids."""

    name = NAME

    def __init__(self, given: GivenBucket, listed: Mapping[str, str] | None = None) -> None:
        bucket = given.bucket or transfer_settings().s3_bucket
        self._store = store_of(bucket, **given.settings())
        self._listed = listed or {}
        self._with_keys = BucketFiles(self._store)
        self._as_anybody = BucketFiles(self._store.as_anybody())

    def condition(self) -> Any:
        return links()

    def locate(self, resource: PortalResource) -> Located | None:
        keys = keys_of_url(str(resource.fields["url"] or ""), self._store)
        if not keys:
            return None
        name = safe_filename(keys[0].rsplit("/", 1)[-1])
        listed = self._listed.get(resource.id)
        if listed is not None:
            if listed not in keys:
                raise NotUsable(f"the list says {listed}, and its URL {keys[0]}")
            return self._with_keys.locate(listed, filename=name)
        try:
            return self._as_anybody.locate(*keys, filename=name)
        except NotUsable as error:
            raise NotUsable(
                f"{error} Only what everybody may read is copied without a list: a URL is no proof that the"
                " object belongs to the dataset. If it does, write the resource's id and the key into a file,"
                " and give it with --list."
            ) from error

    def inside(self, located: Located) -> CopySource | None:
        return self._files(located).inside(located)

    def open(self, located: Located) -> AbstractContextManager[IO[bytes]]:
        return self._files(located).open(located)

    def _files(self, located: Located) -> BucketFiles:
        return self._with_keys if located.place in self._listed.values() else self._as_anybody


def links() -> Any:
    """A condition on resources: they are links, not files that we store."""
    no_upload = sa.func.coalesce(_RESOURCES.c.url_type, "") != "upload"
    return without_our_file() & no_upload & _RESOURCES.c.url.op("~*")("^https?://")


def keys_of_url(url: str, store: Store) -> list[str]:
    """The keys of the store's bucket that a URL may mean, the likeliest first; empty for a URL of anything
    else."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
        port = parts.port
    except ValueError:
        return []
    path = unquote(parts.path.removeprefix("/"), errors="strict") if _is_utf8(parts.path) else ""
    if parts.scheme not in ("http", "https") or not host or parts.username or "\0" in path:
        return []
    bucket = store.bucket
    if _is_host_of(store, host.removeprefix(f"{bucket.lower()}."), port) and host.startswith(
        f"{bucket.lower()}."
    ):
        key = path
    elif _is_host_of(store, host, port) and path.startswith(f"{bucket}/"):
        key = path.removeprefix(f"{bucket}/")
    else:
        return []
    # Some SDKs wrote blanks as + into what they called the object's location.
    spaced = key.replace("+", " ")
    return list(dict.fromkeys(each for each in (key, spaced) if each))


def read_list(path: Path) -> dict[str, str]:
    """The keys by resource in a file of the administrator's: an id and a key in each line. Raises
    NotUsable."""
    listed: dict[str, str] = {}
    for number, resource_id, key in _lines(path):
        if not key:
            raise NotUsable(f"{path}, line {number}: write the id of a resource, a blank, and a key")
        if resource_id in listed or key in listed.values():
            raise NotUsable(f"{path}, line {number}: {resource_id} or its key is listed before")
        listed[resource_id] = key
    return listed


def _lines(path: Path) -> Iterator[tuple[int, str, str]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise NotUsable(f"{path} is no text in UTF-8") from error
    for number, line in enumerate(lines, start=1):
        if "\0" in line:
            raise NotUsable(f"{path}, line {number} has a NUL in it")
        if line.strip() and not line.startswith("#"):
            resource_id, _, key = line.strip().partition(" ")
            yield number, resource_id, key.strip()


def _is_host_of(store: Store, host: str, port: int | None) -> bool:
    """Whether this is a host of the store's, without a bucket in its name."""
    if store.settings.on_aws:
        return port in (None, 80, 443) and _AWS_HOST.fullmatch(host) is not None
    for endpoint in {store.settings.s3_endpoint, store.settings.browser_endpoint}:
        own = urlsplit(endpoint)
        default = 443 if own.scheme == "https" else 80
        if (own.hostname or "").lower() == host and (own.port or default) == (port or default):
            return True
    return False


def _is_utf8(path: str) -> bool:
    try:
        unquote(path, errors="strict")
    except UnicodeDecodeError:
        return False
    return True
