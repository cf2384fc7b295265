"""URLs that the doctor tries: signed as the portal, or a browser with session credentials, signs them."""

from collections.abc import Mapping
from datetime import datetime, timezone

from s3portal.transfer import SigningKeys, Store, UrlSigner


def signed_url(
    store: Store,
    method: str,
    key: str,
    query: Mapping[str, str],
    expires_s: int,
    credentials: SigningKeys | None = None,
) -> str:
    """The presigned URL of a request, of the bucket itself where the key is ""; with the portal's own keys
    unless others are given. Raises what ``Store.credentials`` raises.
    """
    return UrlSigner(
        address=store.address,
        region=store.region,
        credentials=credentials or store.credentials(),
        signed_at=datetime.now(timezone.utc),
        expires_s=expires_s,
    ).url(method, key, query)
