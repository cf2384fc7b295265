"""Signature Version 4: the canonical form of a request, and the signature it should carry.

Pure: nothing here knows who exists or what time it is. Source:
https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from urllib.parse import quote, unquote

from s3portal.server.access.claims import ALGORITHM, SIGNATURE_PARAMETER, Claim, time_of

UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
_BLANKS = re.compile(r"[ \t]+")
# What needs no encoding in a query, and what needs none in a path.
_PLAIN = re.compile(r"[A-Za-z0-9._~-]*")
_PLAIN_PATH = re.compile(r"[A-Za-z0-9._~/-]+")
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()


def unsigned_headers(claim: Claim, headers: Iterable[str]) -> list[str]:
    """Returns the headers that a signature must cover and this one does not: host, and every x-amz-*."""
    must = {name for name in headers if name.startswith("x-amz-")} | {"host"}
    # Only says how the body was hashed; a wrong value fails on its own.
    must.discard("x-amz-content-sha256")
    return sorted(must - set(claim.signed_headers))


def canonical_requests(
    claim: Claim,
    method: str,
    raw_path: str,
    query: Sequence[tuple[str, str]],
    headers: Mapping[str, str],
    payload_hash: str,
) -> list[str]:
    """Returns the canonical forms under which the caller may have signed: usually one.

    S3 encodes the path once and does not normalise it. A caller may have signed it as sent (``%2F`` kept),
    or encoded again from the decoded key; both name the same key, so both are accepted.
    """
    pairs = sorted(
        (_encoded(name), _encoded(value))
        for name, value in query
        if not (claim.presigned and name == SIGNATURE_PARAMETER)
    )
    tail = "\n".join(
        [
            "&".join(f"{name}={value}" for name, value in pairs),
            *(f"{name}:{_canonical_value(headers.get(name, ''))}" for name in claim.signed_headers),
            "",
            ";".join(claim.signed_headers),
            payload_hash,
        ]
    )
    if _PLAIN_PATH.fullmatch(raw_path):
        return [f"{method}\n{raw_path}\n{tail}"]
    paths = dict.fromkeys((raw_path or "/", quote(unquote(raw_path), safe="/-_.~") or "/"))
    return [f"{method}\n{path}\n{tail}" for path in paths]


def _encoded(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else quote(text, safe="-_.~")


def _canonical_value(value: str) -> str:
    """Folds spaces and tabs of ASCII alone: other bytes that Python takes for white space, as 0x85 and 0xA0,
    are halves of letters in UTF-8."""
    return _BLANKS.sub(" ", value.strip(" \t"))


def signature_of(secret_access_key: str, claim: Claim, canonical_request: str) -> str:
    """Returns the signature, in hex, that the holder of the secret would have made."""
    digest = hashlib.sha256(_as_sent(canonical_request)).hexdigest()
    text = f"{ALGORITHM}\n{time_of(claim.signed_at)}\n{claim.scope}\n{digest}"
    return hmac_hex(key_of(secret_access_key, claim), text)


def matches(secret_access_key: str, claim: Claim, canonical_forms: Iterable[str]) -> bool:
    """Whether the claim's signature is right for one of the canonical forms; compared in constant time."""
    return any(
        hmac.compare_digest(signature_of(secret_access_key, claim, form), claim.signature)
        for form in canonical_forms
    )


def policy_matches(secret_access_key: str, claim: Claim, encoded_policy: str) -> bool:
    """Whether a form's signature is right for its policy, as it came; compared in constant time."""
    return hmac.compare_digest(hmac_hex(key_of(secret_access_key, claim), encoded_policy), claim.signature)


def key_of(secret_access_key: str, claim: Claim) -> bytes:
    """Returns the signing key of the claim's scope."""
    return _signing_key(secret_access_key, claim.date, claim.region, claim.service)


@lru_cache(maxsize=256)
def _signing_key(secret_access_key: str, date: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret_access_key}".encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def hmac_hex(key: bytes, text: str) -> str:
    return hmac.digest(key, text.encode(), "sha256").hex()


def _as_sent(canonical_request: str) -> bytes:
    """Header values came as Latin-1 characters, one a byte, as WSGI has it; they were signed as bytes."""
    try:
        return canonical_request.encode("latin-1")
    except UnicodeEncodeError:
        return canonical_request.encode()
