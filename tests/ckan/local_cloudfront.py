"""What CloudFront does, on this machine: checks signatures by a public key, fetches from the bucket, keeps
what it fetched, and forgets what it is told to forget.

Written from the CloudFront Developer Guide ("Create a signed URL using a canned policy", "Set signed cookies
that use a custom policy") and the API Reference (CreateInvalidation, GetInvalidation).
"""

from __future__ import annotations

import base64
import fnmatch
import json
import re
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from botocore.exceptions import ClientError
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1

_OWN_PARAMETERS = ("Expires", "Policy", "Signature", "Key-Pair-Id")
_OVERRIDES = {
    "response-content-disposition": "ResponseContentDisposition",
    "response-content-type": "ResponseContentType",
    "versionId": "VersionId",
}


class Refused(Exception):
    """CloudFront answers 403."""


def require_signed_url(url: str, public_key: RSAPublicKey, key_id: str, now_s: float) -> None:
    """Raises Refused unless this very address is signed, and not too old."""
    given = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
    if given.get("Key-Pair-Id") != key_id or "Expires" not in given:
        raise Refused("not signed")
    pattern = r"(?:" + "|".join(_OWN_PARAMETERS) + r")=[^&]*"
    base, _, query = url.partition("?")
    kept = "&".join(part for part in query.split("&") if not re.fullmatch(pattern, part))
    resource = f"{base}?{kept}" if kept else base
    policy = (
        f'{{"Statement":[{{"Resource":"{resource}","Condition":'
        f'{{"DateLessThan":{{"AWS:EpochTime":{given["Expires"]}}}}}}}]}}'
    )
    _require_signature(policy.encode(), given.get("Signature", ""), public_key)
    if int(given["Expires"]) <= now_s:
        raise Refused("expired")


def require_cookies(
    url: str, cookies: dict[str, str], public_key: RSAPublicKey, key_id: str, now_s: float
) -> None:
    """Raises Refused unless the cookies are for this address, and not too old."""
    if cookies.get("CloudFront-Key-Pair-Id") != key_id:
        raise Refused("no cookies")
    policy = _decoded(cookies["CloudFront-Policy"])
    _require_signature(policy, cookies["CloudFront-Signature"], public_key)
    [statement] = json.loads(policy)["Statement"]
    # * is any number of characters, ? is one; a [ has no meaning.
    resource = statement["Resource"].replace("[", "[[]")
    if not fnmatch.fnmatchcase(url, resource):
        raise Refused("another resource")
    if statement["Condition"]["DateLessThan"]["AWS:EpochTime"] <= now_s:
        raise Refused("expired")


@dataclass
class LocalCloudFront:
    """A distribution. Below ``unsigned`` anybody gets everything; the rest has to be signed."""

    client: Any
    bucket: str
    public_key: RSAPublicKey
    key_id: str
    now: Any
    unsigned: str = ""
    #: What the domain is called, as the addresses have it.
    domain: str = ""
    kept: dict[str, tuple[list[tuple[str, str]], bytes]] = field(default_factory=dict)
    invalidated: list[str] = field(default_factory=list)
    #: Whether invalidations are over at once.
    is_slow: bool = False

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        path, query = environ["REQUEST_URI"].partition("?")[::2]
        if "/distribution/" in path:
            return self._invalidate(environ, start_response)
        try:
            headers, body = self._answer(f"{self.domain}{environ['REQUEST_URI']}", path, query, environ)
        except Refused as refusal:
            start_response("403 Forbidden", [("Content-Type", "text/plain")])
            return [str(refusal).encode()]
        start_response("200 OK", headers)
        return [body]

    def _answer(
        self, url: str, path: str, query: str, environ: dict[str, Any]
    ) -> tuple[list[tuple[str, str]], bytes]:
        if not (self.unsigned and path.startswith(self.unsigned)):
            cookies = {
                name: each.value for name, each in SimpleCookie(environ.get("HTTP_COOKIE", "")).items()
            }
            if "Signature" in query:
                require_signed_url(url, self.public_key, self.key_id, self.now())
            else:
                require_cookies(url, cookies, self.public_key, self.key_id, self.now())
        if path not in self.kept:
            overrides = {_OVERRIDES[name]: value for name, value in parse_qsl(query) if name in _OVERRIDES}
            try:
                found = self.client.get_object(Bucket=self.bucket, Key=unquote(path[1:]), **overrides)
            except ClientError as error:
                raise Refused("the bucket has no such object") from error
            headers = [
                ("Content-Type", found["ContentType"]),
                ("Content-Disposition", found.get("ContentDisposition", "")),
            ]
            self.kept[path] = headers, found["Body"].read()
        return self.kept[path]

    def _invalidate(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        if environ["REQUEST_METHOD"] == "POST":
            sent = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])).decode()
            paths = [each.rstrip("*") for each in re.findall(r"<Path>([^<]*)</Path>", sent)]
            self.invalidated += paths
            for path in [each for each in self.kept if each in paths]:
                del self.kept[path]
        status = "InProgress" if self.is_slow else "Completed"
        start_response("201 Created", [("Content-Type", "text/xml")])
        return [
            f"<Invalidation><Id>I1</Id><Status>{status}</Status><CreateTime>2026-11-26T00:00:00Z</CreateTime>"
            "<InvalidationBatch><Paths><Quantity>0</Quantity></Paths><CallerReference>x</CallerReference>"
            "</InvalidationBatch></Invalidation>".encode()
        ]


def _require_signature(message: bytes, signature: str, public_key: RSAPublicKey) -> None:
    try:
        public_key.verify(_decoded(signature), message, padding.PKCS1v15(), SHA1())
    except InvalidSignature as error:
        raise Refused("wrong signature") from error


def _decoded(text: str) -> bytes:
    return base64.b64decode(text.translate(str.maketrans({"-": "+", "_": "=", "~": "/"})))
