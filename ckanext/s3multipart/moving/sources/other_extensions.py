"""Files that other extensions put into a bucket, under the keys that they make.

Each reads the old extension's own settings, which may stay in the ``.ini`` file when its plugin is taken out.
"""

import ast
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import IO, Any

import ckan.plugins.toolkit as tk
import sqlalchemy as sa
from ckan import model
from ckan.lib.munge import munge_filename

from ckanext.s3multipart.moving.resources import PortalResource, without_our_file
from ckanext.s3multipart.moving.sources.buckets import BucketFiles, store_of
from ckanext.s3multipart.moving.sources.interface import Located, NotUsable
from ckanext.s3multipart.uploads.file_facts import is_sha256
from s3portal.transfer import CopySource

S3FILESTORE = "s3filestore"
CLOUDSTORAGE = "cloudstorage"
BLOB_STORAGE = "blob-storage"

_RESOURCES = model.resource_table


@dataclass(frozen=True)
class GivenBucket:
    """What the administrator says of the old bucket on the command line, "" for nothing."""

    bucket: str = ""
    endpoint: str = ""
    region: str = ""
    profile: str = ""
    path_prefix: str = ""

    def settings(self) -> dict[str, str]:
        """As values of TransferSettings."""
        given = {"s3_endpoint": self.endpoint, "s3_region": self.region, "s3_profile": self.profile}
        return {name: value for name, value in given.items() if value}


class S3Filestore:
    """ckanext-s3filestore: ``<aws_storage_path>/resources/<resource id>/<file name>``."""

    name = S3FILESTORE

    def __init__(self, given: GivenBucket) -> None:
        old = _settings("ckanext.s3filestore.")
        bucket = given.bucket or old.get("aws_bucket_name", "")
        if not bucket:
            raise NotUsable("ckanext.s3filestore.aws_bucket_name is not set: name the bucket with --bucket")
        settings = {
            "s3_endpoint": _url(old.get("host_name", "")),
            "s3_region": old.get("region_name", ""),
            "s3_addressing_style": old.get("addressing_style", ""),
            **_keys(old.get("aws_access_key_id", ""), old.get("aws_secret_access_key", ""), given),
            **given.settings(),
        }
        self._files = BucketFiles(store_of(bucket, **settings))
        self._prefix = _folder(given.path_prefix or old.get("aws_storage_path", ""))

    def condition(self) -> Any:
        return _uploads()

    def locate(self, resource: PortalResource) -> Located | None:
        folder = f"{self._prefix}resources/{resource.id}/"
        # Early versions did not munge names.
        return self._files.locate(folder + munge_filename(_basename(resource)), folder + _basename(resource))

    def inside(self, located: Located) -> CopySource | None:
        return self._files.inside(located)

    def open(self, located: Located) -> AbstractContextManager[IO[bytes]]:
        return self._files.open(located)


class CloudStorage:
    """ckanext-cloudstorage on S3: ``resources/<resource id>/<file name>``."""

    name = CLOUDSTORAGE

    def __init__(self, given: GivenBucket) -> None:
        old = _settings("ckanext.cloudstorage.")
        bucket = given.bucket or old.get("container_name", "")
        if not bucket:
            raise NotUsable("ckanext.cloudstorage.container_name is not set: name the bucket with --bucket")
        driver = old.get("driver", "S3").upper()
        if not given.bucket and not driver.startswith("S3"):
            raise NotUsable(
                f"ckanext.cloudstorage.driver is {driver}, which is no S3: copy the container to a bucket,"
                " with rclone for example, and name that with --bucket"
            )
        options = _driver_options(old.get("driver_options", ""))
        settings = {
            "s3_endpoint": _endpoint(options),
            "s3_region": str(options.get("region") or ""),
            **_keys(str(options.get("key") or ""), str(options.get("secret") or ""), given),
            **given.settings(),
        }
        self._files = BucketFiles(store_of(bucket, **settings))
        self._prefix = _folder(given.path_prefix)

    def condition(self) -> Any:
        return _uploads()

    def locate(self, resource: PortalResource) -> Located | None:
        folder = f"{self._prefix}resources/{resource.id}/"
        return self._files.locate(folder + munge_filename(_basename(resource)))

    def inside(self, located: Located) -> CopySource | None:
        return self._files.inside(located)

    def open(self, located: Located) -> AbstractContextManager[IO[bytes]]:
        return self._files.open(located)


class BlobStorage:
    """ckanext-blob-storage with giftless on S3: ``<path_prefix>/<lfs_prefix>/<sha256>``. Where the bucket is
    only giftless knows."""

    name = BLOB_STORAGE

    def __init__(self, given: GivenBucket) -> None:
        if not given.bucket:
            raise NotUsable("name giftless' bucket (its option bucket_name) with --bucket")
        self._files = BucketFiles(store_of(given.bucket, **given.settings()))
        self._prefix = _folder(given.path_prefix)

    def condition(self) -> Any:
        extras = sa.func.coalesce(sa.cast(_RESOURCES.c.extras, sa.UnicodeText), "")
        return _uploads() & extras.contains("lfs_prefix")

    def locate(self, resource: PortalResource) -> Located | None:
        sha256 = str(resource.extras.get("sha256") or "").lower()
        folder = str(resource.extras.get("lfs_prefix") or "").strip("/")
        if not folder or not sha256:
            return None
        # Whoever may edit the dataset can write what they like into its extras.
        if not is_sha256(sha256):
            raise NotUsable("its sha256 is none")
        if folder not in self._own_folders(resource):
            own = self._own_folders(resource)[0]
            raise NotUsable(f"its lfs_prefix is {folder}, which is not that of its dataset: {own}")
        return self._files.locate(f"{self._prefix}{folder}/{sha256}", sha256=sha256)

    def inside(self, located: Located) -> CopySource | None:
        return self._files.inside(located)

    def open(self, located: Located) -> AbstractContextManager[IO[bytes]]:
        return self._files.open(located)

    def _own_folders(self, resource: PortalResource) -> list[str]:
        """What the extension writes for this dataset: a namespace or the organization, and the dataset, by id
        or by name."""
        namespace = str(tk.config.get("ckanext.blob_storage.storage_namespace") or "ckan")
        organisation = model.Group.get(resource.organisation_id) if resource.organisation_id else None
        owners = [namespace, *([organisation.name, organisation.id] if organisation else [])]
        return [
            f"{owner}/{dataset}" for owner in owners for dataset in (resource.dataset_id, resource.dataset)
        ]


def _uploads() -> Any:
    return without_our_file() & (_RESOURCES.c.url_type == "upload")


def _settings(prefix: str) -> dict[str, str]:
    return {
        name.removeprefix(prefix): str(value).strip()
        for name, value in tk.config.items()
        if name.startswith(prefix) and value not in (None, "")
    }


def _keys(key_id: str, secret: str, given: GivenBucket) -> dict[str, str]:
    """The old keys, unless a profile was named."""
    if given.profile or not key_id or not secret:
        return {}
    return {"s3_access_key_id": key_id, "s3_secret_access_key": secret}


def _basename(resource: PortalResource) -> str:
    return str(resource.fields["url"] or "").rsplit("/", 1)[-1]


def _folder(path: str) -> str:
    return f"{path.strip('/')}/" if path.strip("/") else ""


def _url(host: str) -> str:
    return host if not host or "://" in host else f"https://{host}"


def _driver_options(text: str) -> Mapping[str, Any]:
    try:
        options = ast.literal_eval(text or "{}")
    except (ValueError, SyntaxError) as error:
        raise NotUsable("ckanext.cloudstorage.driver_options is no Python dict") from error
    if not isinstance(options, Mapping):
        raise NotUsable("ckanext.cloudstorage.driver_options is no Python dict")
    return options


def _endpoint(options: Mapping[str, Any]) -> str:
    """The address in the options of a libcloud driver, "" for AWS."""
    if not options.get("host"):
        return ""
    scheme = "http" if options.get("secure") is False else "https"
    port = f":{options['port']}" if options.get("port") else ""
    return f"{scheme}://{options['host']}{port}"
