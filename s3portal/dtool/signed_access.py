"""One dataset for people without a key of its bucket: signed URLs that servers such as dserver give out.

The methods behind the ``generate_`` methods of dtool-s3's later source. All raise PublishingRefused for more
than seven days.
"""

from dataclasses import dataclass
from typing import Any

from dtoolcore.utils import generate_identifier

from s3portal.dtool.keys import DatasetKeys
from s3portal.dtool.publishing import DatasetContents, http_manifest
from s3portal.dtool.signed_urls import SignedUrls
from s3portal.transfer import Store


@dataclass(frozen=True, slots=True)
class SignedAccess:
    """Makes the URLs of the dataset with these keys."""

    store: Store
    keys: DatasetKeys

    def read_url(self, key: str, expires_s: int) -> str:
        """A URL to GET the object ``key``."""
        return SignedUrls.of(self.store).read(key, expires_s)

    def write_url(self, key: str, expires_s: int) -> str:
        """A URL to PUT the object ``key``."""
        return SignedUrls.of(self.store).write(key, expires_s)

    def item_write_url(self, relpath: str, md5: str, expires_s: int) -> tuple[str, dict[str, str]]:
        """A URL to PUT the item ``relpath`` whose content has this MD5 (hex), and the headers to send."""
        key = self.keys.item(generate_identifier(relpath))
        return SignedUrls.of(self.store).write_item(key, relpath, md5, expires_s)

    def dataset_urls(self, contents: DatasetContents, expires_s: int) -> dict[str, Any]:
        """URLs to GET everything of a frozen dataset."""
        urls = SignedUrls.of(self.store)
        signed = http_manifest(self.keys, contents, lambda key: urls.read(key, expires_s))
        return {
            "admin_metadata_url": urls.read(self.keys.admin_metadata, expires_s),
            "manifest_url": signed["manifest_url"],
            "readme_url": signed["readme_url"],
            "item_urls": signed["item_urls"],
            "overlay_urls": signed["overlays"],
            "annotation_urls": signed["annotations"],
            "tags": signed["tags"],
        }
