"""Whether a target has an object as it is here: size, checksum, ETag, metadata. Pure.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
"""

from __future__ import annotations

from collections.abc import Mapping
from email.header import Header, decode_header, make_header
from typing import Any

from s3portal.server.storage.records import StoredObject

ENCRYPTION = "x-amz-server-side-encryption"
CUSTOMER_ALGORITHM = f"{ENCRYPTION}-customer-algorithm"
METADATA_PREFIX = "x-amz-meta-"
#: Headers of an object, by their names in boto3.
HEADERS = {
    "cache-control": "CacheControl",
    "content-disposition": "ContentDisposition",
    "content-encoding": "ContentEncoding",
    "content-language": "ContentLanguage",
    "content-type": "ContentType",
    "expires": "Expires",
    "x-amz-website-redirect-location": "WebsiteRedirectLocation",
}
# boto3 reads it as a date, and a date can be written in several ways.
_NOT_COMPARED = ("expires",)


def difference(found: StoredObject, head: Mapping[str, Any]) -> str | None:
    """Returns what is different at the target, None where nothing is.

    Of the ETag and the checksum at least one must be there to be compared: a target may make ETags that are
    no MD5, and know no checksums.
    """
    if head.get("ContentLength") != found.size_bytes:
        return f"it has {head.get('ContentLength')} bytes of {found.size_bytes}"
    checksum = found.checksum
    given = head.get(checksum.element_name)
    has_checksum = given is not None and head.get("ChecksumType", checksum.type) == checksum.type
    if has_checksum and given != checksum.value:
        return f"its {checksum.algorithm} is {given}, not {checksum.value}"
    if not has_checksum and has_md5(found) and head.get("ETag", "").strip('"') != found.etag:
        return f"its ETag is {head.get('ETag')}, not {found.etag}"
    return _difference_of_headers(found, head)


def has_md5(found: StoredObject) -> bool:
    """Whether the ETags of an object and of its parts are the MD5 of their content."""
    return CUSTOMER_ALGORITHM not in found.headers and not found.headers.get(ENCRYPTION, "").startswith(
        "aws:"
    )


def _difference_of_headers(found: StoredObject, head: Mapping[str, Any]) -> str | None:
    here = {name: _readable(value) for name, value in metadata_of(found).items()}
    if here != {name.lower(): _readable(value) for name, value in head.get("Metadata", {}).items()}:
        return "its metadata is different"
    for name, field in HEADERS.items():
        if name not in _NOT_COMPARED and (found.headers.get(name) or "") != (head.get(field) or ""):
            return f"its {name} is {head.get(field)!r}, not {found.headers.get(name)!r}"
    return None


def metadata_of(found: StoredObject) -> dict[str, str]:
    """Returns an object's metadata by the names without their prefix."""
    return {
        name.removeprefix(METADATA_PREFIX): value
        for name, value in found.headers.items()
        if name.startswith(METADATA_PREFIX)
    }


def ascii_metadata_of(found: StoredObject) -> dict[str, str]:
    """Returns the metadata with what is not ASCII written as RFC 2047 does, which is how S3 shows it."""
    return {
        name: value if value.isascii() else Header(_readable(value), "utf-8", maxlinelen=10**6).encode()
        for name, value in metadata_of(found).items()
    }


def _readable(value: str) -> str:
    """Returns the text of a header, whose characters are the bytes of UTF-8, or are written as RFC 2047
    does."""
    if value.startswith("=?"):
        try:
            return str(make_header(decode_header(value)))
        except (ValueError, LookupError):
            return value
    try:
        return value.strip().encode("latin-1").decode()
    except UnicodeError:
        return value.strip()
