"""Addresses and cookies that CloudFront checks by a public key (CloudFront Developer Guide, "Serve private
content with signed URLs and signed cookies")."""

import base64
import json
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from urllib.parse import quote

from botocore.signers import CloudFrontSigner

from ckanext.s3multipart.cloudfront_key import read_private_key
from ckanext.s3multipart.download_settings import DownloadSettings
from ckanext.s3multipart.downloads.presentation import Presentation
from s3portal.transfer import encoded_key

#: What stands for these characters of base64 in addresses and cookies of CloudFront.
_IN_COOKIES = str.maketrans({"+": "-", "=": "_", "/": "~"})


@dataclass(frozen=True)
class FolderCookies:
    """The cookies for everything below one address. ``path`` is what a browser sends them to."""

    values: dict[str, str]
    path: str
    expires_s: int


def signed_url(
    settings: DownloadSettings, key: str, shown: Presentation, version_id: str | None, expires_s: int
) -> str:
    """The address of one file, for so long. Raises OSError or ValueError for a key that cannot be used."""
    query = {
        "response-content-disposition": shown.disposition,
        "response-content-type": shown.content_type,
        **({"versionId": version_id} if version_id else {}),
    }
    encoded = "&".join(f"{name}={quote(value, safe='-_.~')}" for name, value in query.items())
    url = f"{plain_url(settings, key)}?{encoded}"
    return str(_signer(settings).generate_presigned_url(url, date_less_than=_ends_at(expires_s)))


def folder_cookies(settings: DownloadSettings, folder: str, expires_s: int) -> FolderCookies:
    """The cookies for the keys that begin with ``folder``, which ends in ``/``; raises as `signed_url`."""
    resource = f"{plain_url(settings, folder)}*"
    ends_at = int(_ends_at(expires_s).timestamp())
    policy = json.dumps(
        {"Statement": [{"Resource": resource, "Condition": {"DateLessThan": {"AWS:EpochTime": ends_at}}}]},
        separators=(",", ":"),
    ).encode()
    signature = _signer(settings).rsa_signer(policy)
    values = {
        "CloudFront-Policy": _encoded(policy),
        "CloudFront-Signature": _encoded(signature),
        "CloudFront-Key-Pair-Id": settings.cloudfront_key_id,
    }
    return FolderCookies(values, f"/{encoded_key(folder)}", expires_s)


def plain_url(settings: DownloadSettings, key: str) -> str:
    """The address of a key at the domain of the downloads, without a signature."""
    return f"{settings.download_domain}/{encoded_key(key)}"


def _ends_at(expires_s: int) -> datetime:
    return datetime.now(timezone.utc) + timedelta(seconds=expires_s)


def _encoded(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii").translate(_IN_COOKIES)


def _signer(settings: DownloadSettings) -> CloudFrontSigner:
    return _open_signer(settings.cloudfront_key_id, settings.cloudfront_private_key)


@lru_cache(maxsize=4)
def _open_signer(key_id: str, key_file: str) -> CloudFrontSigner:
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA1

    private_key = read_private_key(key_file)
    # CloudFront takes this padding and this digest, and nothing else.
    return CloudFrontSigner(key_id, lambda message: private_key.sign(message, PKCS1v15(), SHA1()))  # noqa: S303
