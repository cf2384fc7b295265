"""What a bucket must allow so that a browser, on a page of a portal, may send parts to it."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from botocore.exceptions import ClientError

from s3portal.transfer.error_translation import error_code
from s3portal.transfer.store import Store

#: What the script compares each part by. Without ETag in its reach, it cannot even tell that a part was
#: stored.
EXPOSED = ["ETag", "x-amz-checksum-crc64nvme", "x-amz-checksum-crc32c"]


def cors_rule(origin: str) -> dict[str, Any]:
    """The rule that uploads from pages of ``origin`` (scheme, host, port) need."""
    return {
        "AllowedOrigins": [origin],
        "AllowedMethods": ["PUT", "GET", "HEAD"],
        "AllowedHeaders": ["*"],
        "ExposeHeaders": EXPOSED,
        "MaxAgeSeconds": 3600,
    }


#: What readers of columnar and tiled files (Parquet, Zarr, cloud-optimised GeoTIFF) look at.
EXPOSED_TO_READERS = ["Accept-Ranges", "Content-Length", "Content-Range", "ETag"]
#: What their requests may have besides what every page may send.
HEADERS_OF_READERS = [
    "Range",
    "If-Match",
    "If-None-Match",
    "If-Modified-Since",
    "If-Unmodified-Since",
    "If-Range",
]


def readers_rule() -> dict[str, Any]:
    """The rule by which scripts of every site read files to which the portal has sent them. After a redirect
    to another origin, a browser says ``Origin: null`` (Fetch Standard, "HTTP-redirect fetch")."""
    return {
        "AllowedOrigins": ["*"],
        "AllowedMethods": ["GET", "HEAD"],
        "AllowedHeaders": HEADERS_OF_READERS,
        "ExposeHeaders": EXPOSED_TO_READERS,
        "MaxAgeSeconds": 3600,
    }


def read_cors_rules(store: Store) -> Sequence[Any]:
    """The bucket's rules, none where it has no CORS configuration. Raises ClientError."""
    try:
        return store.client().get_bucket_cors(Bucket=store.bucket)["CORSRules"]
    except ClientError as error:
        if error_code(error) == "NoSuchCORSConfiguration":
            return []
        raise


def lets_in(rules: Sequence[Any], origin: str, *, exposed: Iterable[str] = EXPOSED) -> bool:
    """Whether one of the rules lets pages of this origin send parts, and see these headers of the answers.
    ``*`` in a rule stands for anything.
    """
    wanted = {header.lower() for header in exposed}
    return any(
        any(_is_like(origin, allowed) for allowed in rule["AllowedOrigins"])
        and "PUT" in rule["AllowedMethods"]
        and wanted <= {header.lower() for header in rule.get("ExposeHeaders", [])}
        for rule in rules
    )


def _is_like(origin: str, allowed: str) -> bool:
    # Nothing but * has a meaning (API Reference, CORSRule); the brackets of an IPv6 address have none.
    return re.fullmatch(re.escape(allowed).replace(r"\*", ".*"), origin) is not None
