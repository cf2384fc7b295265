"""The headers that an object is stored with, and those that this server must refuse rather than ignore."""

from __future__ import annotations

import re
from collections.abc import Mapping

from s3portal.server.access.identity import ACCOUNT_ID
from s3portal.server.http.values import list_of
from s3portal.server.wire.checksums import HEADERS, algorithm_named
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.s3_request import S3Request

METADATA_PREFIX = "x-amz-meta-"
METADATA_LIMIT_BYTES = 2048
DEFAULT_CONTENT_TYPE = "binary/octet-stream"
_STORED = (
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
)
_ACLS = ("private", "bucket-owner-full-control")
# Each asks for something that somebody would rely on, so "not here" is the only honest answer.
_NOT_IMPLEMENTED = re.compile(
    r"x-amz-(server-side-encryption.*|copy-source-server-side-encryption.*|object-lock-.*|"
    r"bucket-object-lock-enabled|website-redirect-location|tagging|grant-.*|mfa|write-offset-bytes)"
)
# Their values that ask for nothing, besides the empty one.
_NOTHING = {
    "x-amz-bucket-object-lock-enabled": "false",
    "x-amz-object-lock-legal-hold": "off",
    "x-amz-server-side-encryption-bucket-key-enabled": "false",
}
_CHECKSUM_PREFIX = "x-amz-checksum-"
_ABOUT_CHECKSUMS = {f"{_CHECKSUM_PREFIX}{name}" for name in ("algorithm", "mode", "type")}
_OVERRIDES = {
    "response-cache-control": "Cache-Control",
    "response-content-disposition": "Content-Disposition",
    "response-content-encoding": "Content-Encoding",
    "response-content-language": "Content-Language",
    "response-content-type": "Content-Type",
    "response-expires": "Expires",
}


def refuse_unsupported(request: S3Request) -> None:
    """Raises for headers that ask for what this server does not do: encryption, locks, ACLs, tags.

    Those that ask for nothing pass: some clients send every header they know.
    """
    for name, value in request.headers.items():
        if not name.startswith("x-amz-") or not value:
            continue
        if _NOT_IMPLEMENTED.fullmatch(name) and value.lower() != _NOTHING.get(name):
            raise S3Error("NotImplemented", facts={"Header": name})
        if name.startswith(_CHECKSUM_PREFIX) and name not in HEADERS and name not in _ABOUT_CHECKSUMS:
            algorithm_named(name.removeprefix(_CHECKSUM_PREFIX))
        if name == "x-amz-acl" and value not in _ACLS:
            raise S3Error("AccessControlListNotSupported")
        if name == "x-amz-storage-class" and value != "STANDARD":
            raise S3Error("InvalidStorageClass", facts={"StorageClassRequested": value})
        if (
            name in ("x-amz-expected-bucket-owner", "x-amz-source-expected-bucket-owner")
            and value != ACCOUNT_ID
        ):
            raise S3Error("AccessDenied")


def stored_headers(request: S3Request) -> dict[str, str]:
    """Returns what an object keeps of the request that makes it.

    Raises MetadataTooLarge when the user metadata is over 2 KiB.
    """
    kept = {name: request.headers[name] for name in _STORED if name in request.headers}
    # aws-chunked is how the body travelled, not what it is.
    codings = list_of(kept.pop("content-encoding", None))
    coding = ", ".join(c for c in codings if c.lower() != "aws-chunked")
    if coding:
        kept["content-encoding"] = coding
    kept.setdefault("content-type", DEFAULT_CONTENT_TYPE)
    metadata = {name: value for name, value in request.headers.items() if name.startswith(METADATA_PREFIX)}
    size_bytes = sum(len(name) - len(METADATA_PREFIX) + len(value) for name, value in metadata.items())
    if size_bytes > METADATA_LIMIT_BYTES:
        facts = {"Size": str(size_bytes), "MaxSizeAllowed": str(METADATA_LIMIT_BYTES)}
        raise S3Error("MetadataTooLarge", facts=facts)
    return kept | metadata


def overridden_headers(request: S3Request) -> Mapping[str, str]:
    """Returns the answer headers that a signed GET sets by its ``response-*`` parameters.

    Raises InvalidArgument for a value that no header can carry.
    """
    headers = {}
    for parameter, name in _OVERRIDES.items():
        value = request.parameter(parameter)
        if not value:
            continue
        try:
            value.encode("latin-1")
        except UnicodeEncodeError as problem:
            message = "Header value cannot be represented using ISO-8859-1."
            raise S3Error("InvalidArgument", message, facts={"ArgumentName": parameter}) from problem
        if any(ord(character) < 32 and character != "\t" for character in value):
            message = "Header value cannot contain control characters."
            raise S3Error("InvalidArgument", message, facts={"ArgumentName": parameter})
        headers[name] = value
    return headers
