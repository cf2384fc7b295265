"""Signature Version 2, for clients that know no other: read, and the text that it should sign.

Pure. It covers less than version 4: neither the body nor most of the query. What it does not cover and could
change what a request means is refused. Source: https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAuthentication.html
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone

from s3portal.server.http.values import BLANKS, parse_date, whole_number
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.s3_request import S3Request

# As s3:signatureversion has it.
VERSION = "AWS"
_AUTHORIZATION = re.compile(r"AWS ([^\s:]+):([A-Za-z0-9+/=]{1,64})")
_LATEST_S = 32_503_680_000  # the year 3000
# Parameters that are part of the signed resource: those of the source above, and what the SDKs add to them.
# fmt: off
_SIGNED = frozenset({
    "accelerate", "acl", "analytics", "cors", "delete", "encryption", "inventory", "lifecycle", "location",
    "logging", "metrics", "notification", "object-lock", "partNumber", "policy", "replication",
    "requestPayment", "response-cache-control", "response-content-disposition", "response-content-encoding",
    "response-content-language", "response-content-type", "response-expires", "restore", "select",
    "select-type", "storageClass", "tagging", "torrent", "uploadId", "uploads", "versionId", "versioning",
    "versions", "website",
})
# Parameters that may come unsigned: they say which page of a listing is asked for, or are the signature.
_UNSIGNED = frozenset({
    "AWSAccessKeyId", "Expires", "Signature", "continuation-token", "delimiter", "encoding-type",
    "fetch-owner", "key-marker", "list-type", "marker", "max-keys", "max-parts", "max-uploads",
    "part-number-marker", "prefix", "start-after", "upload-id-marker", "version-id-marker", "x-id",
})
# fmt: on


@dataclass(frozen=True)
class OldClaim:
    """What a request of version 2 says about itself; nothing is proven. ``expires_at`` is that of a presigned
    URL, in seconds since 1970; None in headers, where ``signed_at`` is known instead. A form has neither."""

    access_key_id: str
    signature: str
    signed_at: datetime | None
    expires_at: int | None

    @property
    def presigned(self) -> bool:
        return self.expires_at is not None


def read_old_claim(request: S3Request) -> OldClaim | None:
    """Returns the claim of a request of version 2, None for one that is not. Raises InvalidArgument for a
    header that cannot be read, AccessDenied for a time that cannot be."""
    authorization = request.header("authorization") or None
    if authorization is not None and authorization.startswith("AWS "):
        found = _AUTHORIZATION.fullmatch(authorization)
        moment_s = _moment_of_headers(request.headers)
        if found is None:
            raise S3Error(
                "InvalidArgument",
                "AWS authorization header is invalid.  Expected AwsAccessKeyId:signature",
                facts={"ArgumentName": "Authorization"},
            )
        if moment_s is None:
            raise S3Error("AccessDenied", "AWS authentication requires a valid Date or x-amz-date header")
        return OldClaim(found[1], found[2], datetime.fromtimestamp(moment_s, timezone.utc), None)
    key_id, signature = request.parameter("AWSAccessKeyId"), request.parameter("Signature")
    if authorization is not None or not key_id or not signature:
        return None
    expires_at = whole_number(request.parameter("Expires"))
    if expires_at is None:
        raise S3Error("AccessDenied", "Invalid date (should be seconds since epoch)")
    return OldClaim(key_id, signature, None, expires_at)


def read_old_form(fields: Mapping[str, str]) -> OldClaim | None:
    """Returns the claim of a posted form whose policy is signed by version 2, None for another form.

    ``fields`` have names in lower case. Raises InvalidArgument for a form without a part of its signature.

    When the form ends is in its policy. Source: https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html
    """
    if "awsaccesskeyid" not in fields and "signature" not in fields:
        return None
    for name, shown in (
        ("awsaccesskeyid", "AWSAccessKeyId"),
        ("policy", "policy"),
        ("signature", "signature"),
    ):
        if name not in fields:
            message = f"Bucket POST must contain a field named '{shown}'."
            raise S3Error("InvalidArgument", message, facts={"ArgumentName": shown})
    return OldClaim(fields["awsaccesskeyid"], fields["signature"], None, None)


def unsigned_parameters(request: S3Request) -> list[str]:
    """Returns the parameters that the signature does not cover, and that could change what is asked for."""
    return [name for name, _ in request.query if name not in _SIGNED and name not in _UNSIGNED]


def strings_to_sign(claim: OldClaim, request: S3Request) -> list[str]:
    """Returns what the caller may have signed: usually one text. A bucket is written with a slash at its end
    or without, and means the same."""
    headers = request.headers
    date = str(claim.expires_at) if claim.presigned else headers.get("date", "")
    if "x-amz-date" in headers and not claim.presigned:
        date = ""
    amz = "".join(
        f"{name}:{headers[name].strip(BLANKS)}\n" for name in sorted(headers) if name.startswith("x-amz-")
    )
    lines = (request.method, headers.get("content-md5", ""), headers.get("content-type", ""), date, amz)
    # Decoded, and as bytes: each a character, as those of headers are.
    signed = sorted(
        (name, value.encode().decode("latin-1")) for name, value in request.query if name in _SIGNED
    )
    query = "&".join(f"{name}={value}" if value else name for name, value in signed)
    return ["\n".join(lines) + path + (f"?{query}" if query else "") for path in _paths(request)]


def _paths(request: S3Request) -> list[str]:
    path = request.raw_path or "/"
    if request.bucket_in_host:
        path = f"/{request.bucket}{path}"
    return [path] if request.key or path.endswith("/") else [path, f"{path}/"]


def matches(secret_access_key: str, claim: OldClaim, texts: Iterable[str]) -> bool:
    """Whether the claim's signature is right for one of the texts; compared in constant time."""
    given = claim.signature.encode()
    return any(hmac.compare_digest(signature_of(secret_access_key, text).encode(), given) for text in texts)


def signature_of(secret_access_key: str, text: str) -> str:
    signed = text.encode("latin-1", "replace")
    return base64.b64encode(hmac.digest(secret_access_key.encode(), signed, "sha1")).decode()


def _moment_of_headers(headers: Mapping[str, str]) -> int | None:
    moment_s = parse_date(headers.get("x-amz-date") or headers.get("date"))
    return moment_s if moment_s is not None and 0 <= moment_s < _LATEST_S else None
