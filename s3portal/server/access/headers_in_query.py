"""Headers that a presigned URL carries in its query. Pure.

The SDKs for JavaScript move headers of a request that they presign into the URL, so that whoever uses it need
not know them; S3 takes them from there. Some have them among the signed headers at the same time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from s3portal.server.access.claims import SIGNATURE_PARAMETER
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.s3_request import S3Request

PREFIX = "x-amz-"
# What else may be among the signed headers, or is left out of them: as a parameter it asks for nothing.
ENTITY_HEADERS = frozenset(
    {
        "cache-control",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-length",
        "content-md5",
        "content-type",
        "expires",
    }
)
# Of the signature itself, or of the client.
_OF_SIGNATURES = frozenset(
    f"X-Amz-{name}"
    for name in (
        "Algorithm",
        "Content-Sha256",
        "Credential",
        "Date",
        "Expires",
        "Security-Token",
        "Signature",
        "SignedHeaders",
        "User-Agent",
    )
)
_NO_HEADERS = frozenset(name.lower() for name in _OF_SIGNATURES)
# Made when the URL was signed, of a body that was not there yet: S3 does not look at it.
_OF_NO_BODY = ("x-amz-checksum-", "x-amz-sdk-checksum-")
_NOT_IN_HEADERS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def with_headers_of_query(request: S3Request) -> S3Request:
    """Returns a request with the ``x-amz-`` headers that its presigned URL has; others keep theirs.

    Raises InvalidArgument for a value that no header can have.
    """
    if request.parameter(SIGNATURE_PARAMETER) is None or _OF_SIGNATURES.issuperset(
        [name for name, _ in request.query]
    ):
        return request
    found = {
        name: value
        for name, value in _headers_of(request.query)
        if name.startswith(PREFIX) and name not in _NO_HEADERS and not name.startswith(_OF_NO_BODY)
    }
    if not found:
        return request
    for name, value in found.items():
        if _NOT_IN_HEADERS.search(value):
            message = "Header value cannot contain control characters."
            raise S3Error("InvalidArgument", message, facts={"ArgumentName": name})
    return replace(request, headers={**found, **request.headers})


def signed_values(
    names: Iterable[str], query: Sequence[tuple[str, str]], headers: Mapping[str, str]
) -> Mapping[str, str]:
    """Returns the headers that a presigned URL's signature covers: as they came or, where one did not come,
    as it is in the query."""
    missing = {name for name in names if name not in headers}
    if not missing:
        return headers
    return {**{name: value for name, value in _headers_of(query) if name in missing}, **headers}


def _headers_of(query: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The parameters with names and values as headers have them: in lower case, a character for each byte."""
    return [(name.lower(), value.encode().decode("latin-1")) for name, value in query]
