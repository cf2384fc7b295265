"""Signature Version 4 in the headers of a request. Pure.

Source: AWS, "Authenticating Requests: Using the Authorization Header". For URLs: presign.py of the transfers.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from urllib.parse import quote

from s3portal.buckets.direct.connection import Body
from s3portal.transfer import SigningKeys

_ALGORITHM = "AWS4-HMAC-SHA256"
_UNSIGNED = "UNSIGNED-PAYLOAD"
#: Larger bodies are not hashed for the signature: their Content-MD5 is signed instead.
_HASHED_BYTES = 64 * 1024
_NOTHING = sha256(b"").hexdigest()


@dataclass(frozen=True)
class HeaderSigner:
    """Signs requests to one host in one region."""

    host: str
    region: str
    keys: SigningKeys = field(repr=False)

    def signed(
        self, method: str, path: str, query: str, headers: Mapping[str, str], body: Body, timestamp: str
    ) -> dict[str, str]:
        """All headers to send. ``path`` and ``query`` are encoded as they are sent, the query sorted;
        ``headers`` have names in small letters; ``timestamp`` is like 20130524T000000Z."""
        payload = _NOTHING if not body else _UNSIGNED
        if 0 < len(body) <= _HASHED_BYTES:
            payload = sha256(body).hexdigest()
        pinned = {
            **headers,
            "host": self.host,
            "x-amz-content-sha256": payload,
            "x-amz-date": timestamp,
        }
        if self.keys.token:
            pinned["x-amz-security-token"] = self.keys.token
        names = sorted(pinned)
        signed_names = ";".join(names)
        canonical = "\n".join(
            (
                method,
                path,
                query,
                *(f"{name}:{' '.join(pinned[name].split())}" for name in names),
                "",
                signed_names,
                payload,
            )
        )
        scope = f"{timestamp[:8]}/{self.region}/s3/aws4_request"
        digest = sha256(canonical.encode("latin-1")).hexdigest()
        to_sign = f"{_ALGORITHM}\n{timestamp}\n{scope}\n{digest}"
        signature = hmac.digest(_signing_key(self.keys.secret_key, scope), to_sign.encode(), "sha256").hex()
        pinned["authorization"] = (
            f"{_ALGORITHM} Credential={self.keys.access_key}/{scope}, SignedHeaders={signed_names},"
            f" Signature={signature}"
        )
        return pinned


def encoded_query(query: Mapping[str, str]) -> str:
    """A query as it is signed and sent: sorted, everything encoded but what RFC 3986 leaves as it is."""
    return "&".join(f"{quote(name, safe='-_.~')}={quote(query[name], safe='-_.~')}" for name in sorted(query))


@lru_cache(maxsize=8)
def _signing_key(secret_key: str, scope: str) -> bytes:
    key = f"AWS4{secret_key}".encode()
    for each in scope.split("/"):
        key = hmac.digest(key, each.encode(), "sha256")
    return key
