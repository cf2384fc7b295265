"""The headers that an object is stored with, and those that a reader may set itself."""

from __future__ import annotations

from collections.abc import Mapping

from s3portal.server.http.values import list_of
from s3portal.server.storage.replicas import STATUS_HEADER
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.s3_request import S3Request

METADATA_PREFIX = "x-amz-meta-"
METADATA_LIMIT_BYTES = 2048
STORAGE_CLASS, STANDARD = "x-amz-storage-class", "STANDARD"
REDIRECT_LOCATION = "x-amz-website-redirect-location"
#: What a copy does not take from its source.
SYSTEM_HEADERS = (STORAGE_CLASS, REDIRECT_LOCATION)
DEFAULT_CONTENT_TYPE = "binary/octet-stream"
_STORED = (
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
)
_OVERRIDE_PREFIX = "response-"
_OVERRIDES = {
    "response-cache-control": "Cache-Control",
    "response-content-disposition": "Content-Disposition",
    "response-content-encoding": "Content-Encoding",
    "response-content-language": "Content-Language",
    "response-content-type": "Content-Type",
    "response-expires": "Expires",
}


def stored_headers(request: S3Request) -> dict[str, str]:
    """Returns what an object keeps of the request that makes it.

    Raises MetadataTooLarge when the user metadata is over 2 KiB, InvalidRedirectLocation.
    """
    kept = {name: request.headers[name] for name in _STORED if name in request.headers}
    # aws-chunked is how the body travelled, not what it is.
    codings = list_of(kept.pop("content-encoding", None))
    coding = ", ".join(c for c in codings if c.lower() != "aws-chunked")
    if coding:
        kept["content-encoding"] = coding
    kept["content-type"] = kept.get("content-type") or DEFAULT_CONTENT_TYPE
    metadata = {name: value for name, value in request.headers.items() if name.startswith(METADATA_PREFIX)}
    size_bytes = sum(len(name) - len(METADATA_PREFIX) + len(value) for name, value in metadata.items())
    if size_bytes > METADATA_LIMIT_BYTES:
        facts = {"Size": str(size_bytes), "MaxSizeAllowed": str(METADATA_LIMIT_BYTES)}
        raise S3Error("MetadataTooLarge", facts=facts)
    return kept | metadata | _system_headers(request)


def _system_headers(request: S3Request) -> dict[str, str]:
    """Returns storage class and redirect of what a request makes; raises InvalidRedirectLocation.

    STANDARD, the storage class of what has no other, is not kept.
    """
    headers = {name: value for name in SYSTEM_HEADERS if (value := request.header(name))}
    if headers.get(STORAGE_CLASS) == STANDARD:
        del headers[STORAGE_CLASS]
    location = headers.get(REDIRECT_LOCATION)
    if location is not None and not location.startswith(("/", "http://", "https://")):
        raise S3Error("InvalidRedirectLocation", facts={"ArgumentValue": location})
    return headers


def storage_class_of(headers: Mapping[str, str]) -> str:
    """Returns the storage class of what is stored with these headers."""
    return headers.get(STORAGE_CLASS, STANDARD)


def replica_header(headers: Mapping[str, str]) -> dict[str, str]:
    """Returns what answers say of a replica."""
    return {STATUS_HEADER: headers[STATUS_HEADER]} if STATUS_HEADER in headers else {}


def overridden_headers(request: S3Request) -> Mapping[str, str]:
    """Returns the answer headers that a signed GET sets by its ``response-*`` parameters.

    Raises InvalidArgument for a header that cannot be chosen, and for a value that no header can carry.
    """
    asked = [name for name, _ in request.query if name.startswith(_OVERRIDE_PREFIX)]
    for name in asked:
        if name not in _OVERRIDES:
            message = f"{name} is not in the set of overridable response headers: {', '.join(_OVERRIDES)}"
            facts = {"ArgumentName": name, "ArgumentValue": request.parameter(name) or ""}
            raise S3Error("InvalidArgument", message, facts=facts)
    if not asked:
        return {}
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
