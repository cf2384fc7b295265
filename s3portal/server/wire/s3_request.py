"""A request in S3's terms: bucket, key, query and headers, read once from the raw target.

The raw target is kept, because SigV4 signs what was sent; everything else works on the decoded values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import unquote_plus, unquote_to_bytes

from s3portal.server.http.connection import HEADERS_KEY, TLS_VERSION_KEY
from s3portal.server.http.forwarded import Networks, Origin, origin_of
from s3portal.server.wire.errors import S3Error

KEY_LIMIT_BYTES = 1024
COPY_HEADER = "x-amz-copy-source"
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_BUCKET_NAME = re.compile(
    r"(?!xn--|sthree-|amzn-s3-demo-|\d+\.\d+\.\d+\.\d+$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
)
_RESERVED_ENDINGS = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")
_PERCENT_ERROR = re.compile(r"%(?![0-9A-Fa-f]{2})")


def valid_bucket_name(name: str) -> bool:
    """Whether S3's naming rules allow a bucket of this name."""
    return bool(_BUCKET_NAME.fullmatch(name)) and ".." not in name and not name.endswith(_RESERVED_ENDINGS)


@dataclass(frozen=True)
class S3Request:
    """One request. Header names are lower case; ``query`` keeps order and repeats, decoded. ``route`` is the
    decoded path of a request that is not written as S3 has it, where another dialect has read its bucket and
    its key from it."""

    method: str
    raw_path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    bucket: str | None
    key: str | None
    remote_addr: str = ""
    scheme: str = "http"
    tls_version: str | None = None
    bucket_in_host: bool = False
    route: str | None = None
    _first: Mapping[str, str] = field(default_factory=dict, repr=False)

    def parameter(self, name: str) -> str | None:
        """Returns the first value of a query parameter, '' for one without a value, None without one."""
        return self._first.get(name)

    def header(self, name: str) -> str | None:
        return self.headers.get(name)

    @cached_property
    def copied_from(self) -> str | None:
        """The source of a copy as ``bucket/key``, decoded; None where there is none or it cannot be read."""
        path = self.headers.get(COPY_HEADER, "").partition("?versionId=")[0]
        try:
            # The header's characters are its bytes: some write a name as it is, without encoding it.
            return unquote_to_bytes(path.encode("latin-1")).decode().removeprefix("/") or None
        except UnicodeError:
            return None

    @cached_property
    def resource(self) -> str:
        """The path as S3's error documents name it, decoded."""
        if self.bucket is None:
            return "/"
        return f"/{self.bucket}" if self.key is None else f"/{self.bucket}/{self.key}"


def read_request(
    environ: Mapping[str, Any], base_domain: str | None = None, proxies: Networks = ()
) -> S3Request:
    """Returns the request of a WSGI environment whose server gives the raw target (REQUEST_URI or RAW_URI).

    With a base domain, ``bucket.<base domain>`` as the host names the bucket (virtual-hosted style).
    ``proxies`` are those whose word counts about where a request came from.
    Raises InvalidURI for a target that is not percent-encoded UTF-8, KeyTooLongError over 1,024 bytes.
    """
    target: str = environ.get("REQUEST_URI") or environ["RAW_URI"]
    if not target.startswith("/"):
        # The absolute form (RFC 9112, 3.2.2), as sent to proxies: the host is in the Host header too.
        target = re.sub(r"^[A-Za-z]+://[^/?]*", "", target) or "/"
    raw_path, _, raw_query = target.partition("?")
    headers = environ.get(HEADERS_KEY) or _headers_of_wsgi(environ)
    origin = Origin(environ.get("REMOTE_ADDR", ""), environ.get("wsgi.url_scheme", "http"))
    if proxies:
        origin = origin_of(origin.address, origin.scheme, headers, proxies)
    if origin.host:
        headers = {**headers, "host": origin.host}
    query = parse_query(raw_query)
    path = _decode_path(raw_path)
    bucket_of_host = _bucket_of_host(headers.get("host", ""), base_domain)
    if bucket_of_host:
        bucket, key = bucket_of_host, path[1:]
    else:
        bucket, _, key = path[1:].partition("/")
    if len(key.encode()) > KEY_LIMIT_BYTES:
        facts = {"Size": str(len(key.encode())), "MaxSizeAllowed": str(KEY_LIMIT_BYTES)}
        raise S3Error("KeyTooLongError", facts=facts)
    return S3Request(
        method=environ["REQUEST_METHOD"],
        raw_path=raw_path,
        query=query,
        headers=headers,
        bucket=bucket or None,
        key=key or None,
        remote_addr=origin.address,
        scheme=origin.scheme,
        # Of the connection from a proxy, not of its sender's.
        tls_version=None if origin.through_proxy else environ.get(TLS_VERSION_KEY),
        bucket_in_host=bucket_of_host is not None,
        _first=dict(reversed(query)),
    )


def _headers_of_wsgi(environ: Mapping[str, Any]) -> dict[str, str]:
    """The headers as another WSGI server gives them: without those that have an underscore in their names."""
    headers = {
        name[5:].lower().replace("_", "-"): value
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if environ.get(name):
            headers[name.lower().replace("_", "-")] = environ[name]
    return headers


def parse_query(raw_query: str) -> tuple[tuple[str, str], ...]:
    """Returns the decoded pairs of a query string, in order; a name without '=' has the value ''."""
    if "%" in raw_query and _PERCENT_ERROR.search(raw_query):
        raise S3Error("InvalidURI")
    pairs = []
    for part in raw_query.split("&"):
        if part:
            name, _, value = part.partition("=")
            pairs.append((_decode_query(name), _decode_query(value)))
    return tuple(pairs)


def _decode_query(text: str) -> str:
    if "%" not in text and "+" not in text:
        return text
    try:
        return unquote_plus(text, errors="strict")
    except UnicodeDecodeError as problem:
        raise S3Error("InvalidURI") from problem


def _decode_path(raw_path: str) -> str:
    if "%" not in raw_path and raw_path.isascii():
        return raw_path
    if _PERCENT_ERROR.search(raw_path):
        raise S3Error("InvalidURI")
    try:
        return unquote_to_bytes(raw_path).decode("utf-8")
    except UnicodeDecodeError as problem:
        raise S3Error("InvalidURI") from problem


def _bucket_of_host(host: str, base_domain: str | None) -> str | None:
    if not base_domain:
        return None
    name = host.rsplit(":", 1)[0].lower() if not host.endswith("]") else host
    suffix = "." + base_domain.lower()
    return name[: -len(suffix)] if name.endswith(suffix) else None
