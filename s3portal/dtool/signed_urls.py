"""URLs of a dataset's objects: signed for some time, or plain for what everyone may read."""

import base64
import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import lru_cache
from urllib.parse import quote

from s3portal.dtool.errors import PublishingRefused
from s3portal.dtool.handles import encode_handle
from s3portal.dtool.s3_errors import s3_errors
from s3portal.dtool.settings import check_expiry
from s3portal.transfer import Store, UrlSigner, open_store


@dataclass(frozen=True, slots=True)
class SignedUrls:
    """Makes URLs for one bucket. Signing sends nothing. Raises PublishingRefused for more than seven days."""

    store: Store

    @classmethod
    def of(cls, store: Store) -> "SignedUrls":
        """Those of the store's bucket. On AWS the region is asked for: a URL has to say it, while a client
        that was told another one finds out automatically.
        """
        return cls(_in_its_region(store) if store.settings.on_aws else store)

    def plain(self, key: str) -> str:
        """The URL of what everyone may read."""
        return f"{self.store.address.base_url}{quote(key, safe='/~')}"

    def read(self, key: str, expires_s: int) -> str:
        """A URL to GET the object."""
        return self._sign("GET", key, expires_s)

    def write(self, key: str, expires_s: int) -> str:
        """A URL to PUT the object."""
        return self._sign("PUT", key, expires_s)

    def write_item(self, key: str, relpath: str, md5: str, expires_s: int) -> tuple[str, dict[str, str]]:
        """A URL to PUT an item with this MD5 (in hex), and the headers to send with it, which make it one.

        S3 refuses another content, and other headers. Raises PublishingRefused if it is not an MD5.
        """
        if not re.fullmatch(r"[0-9a-fA-F]{32}", md5):
            raise PublishingRefused(f"md5_hexdigest = {md5!r} must be 32 hexadecimal digits.")
        md5 = md5.lower()
        headers = {
            "Content-MD5": base64.b64encode(bytes.fromhex(md5)).decode("ascii"),
            "x-amz-meta-checksum": md5,
            "x-amz-meta-handle": encode_handle(relpath),
        }
        return self._sign("PUT", key, expires_s, headers), headers

    def _sign(self, method: str, key: str, expires_s: int, headers: Mapping[str, str] | None = None) -> str:
        with s3_errors(self.store.bucket, key):
            signer = UrlSigner(
                address=self.store.address,
                region=self.store.region,
                credentials=self.store.credentials(),
                signed_at=datetime.now(timezone.utc),
                expires_s=check_expiry(expires_s, "expiry_seconds"),
            )
        pinned = {name.lower(): value for name, value in (headers or {}).items()}
        return signer.url(method, key, {}, pinned)


@lru_cache
def _in_its_region(store: Store) -> Store:
    """The store with the region that S3 says its bucket is in. Asked once: buckets do not move."""
    with s3_errors(store.bucket):
        region = store.client().head_bucket(Bucket=store.bucket).get("BucketRegion", store.region)
    if region == store.region:
        return store
    return open_store(dataclasses.replace(store.settings, s3_region=region))
