"""Publishing: a dataset that anyone with its address can read over HTTP, for some time or permanently.

``http_manifest.json`` tells dtool's HTTP broker where everything is. It is written last, so that an address
never leads to a dataset that is published by half.
"""

import json
import logging
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from s3portal.dtool.bucket_objects import BucketObjects
from s3portal.dtool.errors import PublishingRefused
from s3portal.dtool.keys import DatasetKeys, json_name
from s3portal.dtool.s3_errors import s3_errors, status
from s3portal.dtool.settings import MAX_EXPIRY_S
from s3portal.dtool.signed_urls import SignedUrls
from s3portal.dtool.workers import in_parallel
from s3portal.transfer import error_code

logger = logging.getLogger(__name__)

_PROBE_TIMEOUT_S = 10


@dataclass(frozen=True, slots=True)
class DatasetContents:
    """What a dataset consists of, as ``http_manifest.json`` has to say it."""

    admin_metadata: dict[str, Any]
    identifiers: list[str]
    overlays: list[str]
    annotations: list[str]
    tags: list[str]


def read_contents(
    objects: BucketObjects, keys: DatasetKeys, admin_metadata: dict[str, Any], manifest: dict[str, Any]
) -> DatasetContents:
    """The contents of a frozen dataset."""
    overlays, annotations, tags = in_parallel(
        lambda folder: list(objects.names(folder)), [keys.overlays, keys.annotations, keys.tags]
    )
    return DatasetContents(
        admin_metadata=admin_metadata,
        identifiers=list(manifest["items"]),
        overlays=[json_name(name, "") for name in overlays],
        annotations=[json_name(name, "") for name in annotations],
        tags=tags,
    )


def http_manifest(keys: DatasetKeys, contents: DatasetContents, url: Callable[[str], str]) -> dict[str, Any]:
    """What dtool's HTTP broker reads, with ``url(key)`` for every object. Pure if ``url`` is."""
    return {
        "admin_metadata": contents.admin_metadata,
        "item_urls": {identifier: url(keys.item(identifier)) for identifier in contents.identifiers},
        "overlays": {name: url(keys.overlay(name)) for name in contents.overlays},
        "annotations": {name: url(keys.annotation(name)) for name in contents.annotations},
        "tags": contents.tags,
        "readme_url": url(keys.readme),
        "manifest_url": url(keys.manifest),
    }


def publish(
    objects: BucketObjects, keys: DatasetKeys, contents: DatasetContents, expiry_s: int | None
) -> str:
    """Publishes the dataset for ``expiry_s`` seconds, or permanently, and returns its address.

    Raises PublishingRefused with the way out where the bucket does not let anyone read without a key.
    """
    objects.require_key()
    urls = SignedUrls.of(objects.store)
    if expiry_s is not None:
        _warn_of_passing_keys(urls, expiry_s)
        _write(objects, keys, http_manifest(keys, contents, lambda key: urls.read(key, expiry_s)))
        _, _, signature = urls.read(keys.http_manifest, expiry_s).partition("?")
        return f"{urls.plain(keys.base)}?{signature}"
    public_already = not _allow_everybody(objects, keys.readme) and _require_public(objects, keys, urls)
    if not public_already:
        others = [key for key in _published_keys(keys, contents) if key != keys.readme]
        in_parallel(lambda key: _set_acl(objects, key), others)
    _write(objects, keys, http_manifest(keys, contents, urls.plain))
    if not public_already:
        _set_acl(objects, keys.http_manifest)
    return urls.plain(keys.base)


def _write(objects: BucketObjects, keys: DatasetKeys, content: dict[str, Any]) -> None:
    objects.put(keys.http_manifest, json.dumps(content, indent=2).encode())


def _published_keys(keys: DatasetKeys, contents: DatasetContents) -> Iterable[str]:
    manifest = http_manifest(keys, contents, lambda key: key)
    folders = (manifest["item_urls"], manifest["overlays"], manifest["annotations"])
    return [
        manifest["readme_url"],
        manifest["manifest_url"],
        *(key for urls in folders for key in urls.values()),
    ]


def _set_acl(objects: BucketObjects, key: str) -> None:
    with s3_errors(objects.bucket, key):
        objects.store.client().put_object_acl(Bucket=objects.bucket, Key=key, ACL="public-read")


def _allow_everybody(objects: BucketObjects, key: str) -> bool:
    """Whether the bucket let this object be made public. Where it knows or allows no ACLs it does not.

    On AWS that is every bucket made since April 2023: Object Ownership is BucketOwnerEnforced (400
    AccessControlListNotSupported), and Block Public Access is on (403).
    """
    try:
        objects.store.client().put_object_acl(Bucket=objects.bucket, Key=key, ACL="public-read")
    except ClientError as error:
        if error_code(error) == "AccessControlListNotSupported" or status(error) in (403, 405, 501):
            logger.info("%s: no public-read: %s", key, error)
            return False
        with s3_errors(objects.bucket, key):
            raise
    return True


def _require_public(objects: BucketObjects, keys: DatasetKeys, urls: SignedUrls) -> bool:
    """True where a policy of the bucket lets everyone read. Raises PublishingRefused where none does."""
    try:
        with urllib.request.urlopen(  # noqa: S310  (the address is the store's, from the settings)
            urls.plain(keys.readme), timeout=_PROBE_TIMEOUT_S
        ):
            return True
    except (urllib.error.URLError, OSError) as error:
        raise PublishingRefused(
            f"Bucket {objects.bucket} does not allow single objects to be made public: it refuses ACLs, as"
            " buckets on AWS do by default, or your key lacks s3:PutObjectAcl. Either\n"
            f"  publish for a while: set DTOOL_S3_PUBLISH_EXPIRY to a number of seconds, at most"
            f" {MAX_EXPIRY_S} (7 days), and run the command again; or\n"
            "  let the bucket's owner allow everybody s3:GetObject on"
            f" arn:aws:s3:::{objects.bucket}/{keys.base}/* in the bucket's policy, and run the command again."
        ) from error


def _warn_of_passing_keys(urls: SignedUrls, expiry_s: int) -> None:
    if urls.store.credentials().token:
        logger.warning(
            "The links are signed with temporary credentials and end with them, maybe long before %d seconds"
            " are over.",
            expiry_s,
        )
