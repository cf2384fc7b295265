"""Presigned URLs, by Signature Version 4 in the query (AWS: "Authenticating Requests: Using Query
Parameters").

A file of 10,000 parts needs 10,000 URLs that differ in a number. boto3 works each out from the beginning,
which takes seconds of CPU; here everything that parts share is prepared once, and a part costs one SHA-256
and one HMAC. Every URL equals the one that botocore would make, to the byte.
"""

import hmac
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import quote

from s3portal.transfer.disposition import content_disposition, safe_content_type
from s3portal.transfer.part_plan import PartPlan
from s3portal.transfer.signing_keys import SigningKeys
from s3portal.transfer.store import BucketAddress, Store

if TYPE_CHECKING:
    from botocore.credentials import ReadOnlyCredentials

_ALGORITHM = "AWS4-HMAC-SHA256"
# The body of a request is not known when its URL is signed.
_PAYLOAD = "UNSIGNED-PAYLOAD"


@dataclass(frozen=True, slots=True)
class SignedPart:
    """Where one part is PUT to. ``headers`` are those to send with it besides the Content-Length that every
    HTTP client sends, and that the signature pins to the length of the part."""

    part_number: int
    url: str
    headers: dict[str, str]
    expires_at: datetime

    def as_dict(self) -> dict[str, object]:
        """The signed part as the upload protocol shows it."""
        return {
            "part_number": self.part_number,
            "url": self.url,
            "headers": self.headers,
            "expires_at": self.expires_at.isoformat(),
        }


def presign_parts(
    store: Store, key: str, s3_upload_id: str, plan: PartPlan, part_numbers: Iterable[int], expires_s: int
) -> list[SignedPart]:
    """A URL for each part, for the public endpoint. S3 itself refuses a body of another length than the
    plan's.

    Raises PartOutsidePlan, and StoreFailed where there are no credentials.
    """
    signer = _signer(store, expires_s)
    expires_at = _expires_at(store, signer)
    return [
        SignedPart(part_number, url, {}, expires_at)
        for part_number, url in signer.part_urls(key, s3_upload_id, plan, part_numbers)
    ]


def presign_get(
    store: Store,
    key: str,
    *,
    filename: str,
    content_type: str,
    expires_s: int,
    version_id: str | None = None,
    inline: bool = False,
    active: bool = False,
) -> str:
    """A URL that downloads the object under ``filename``; what it says of itself cannot make a browser run
    it, unless ``active`` content is wanted.

    ``inline`` lets the browser show what is safe to show. Raises StoreFailed where there are no credentials.
    """
    shown_type = safe_content_type(content_type, active=active)
    query = {
        "response-content-disposition": content_disposition(filename, inline=inline),
        "response-content-type": shown_type,
    }
    if version_id:
        query["versionId"] = version_id
    return _signer(store, expires_s).url("GET", key, query)


def presign_distance(store: Store, prefix: str, expires_s: int) -> str:
    """A URL by which a browser measures how far the store is: a list of nothing.

    What is not signed is refused, and browsers write each refusal into their console. ``prefix`` is one that
    no key begins with. Raises StoreFailed where there are no credentials.
    """
    return _signer(store, expires_s).url("GET", "", {"list-type": "2", "max-keys": "1", "prefix": prefix})


def object_url(store: Store, key: str) -> str:
    """Where browsers find this key, encoded as it has to be signed."""
    return f"{store.address.base_url}{encoded_key(key)}"


def bucket_address(url: str, key: str) -> BucketAddress:
    """Where the bucket is, of which ``object_url`` made this URL of this key. Raises ValueError for another
    one."""
    path = encoded_key(key)
    if not url.endswith(path):
        raise ValueError(f"{url} is not the address of {key}")
    return BucketAddress.at(url.removesuffix(path))


def _signer(store: Store, expires_s: int) -> "UrlSigner":
    return UrlSigner(
        address=store.address,
        region=store.region,
        credentials=store.credentials(),
        signed_at=datetime.now(timezone.utc),
        expires_s=expires_s,
    )


def _expires_at(store: Store, signer: "UrlSigner") -> datetime:
    expires_at = signer.signed_at.replace(microsecond=0) + timedelta(seconds=signer.expires_s)
    return min(expires_at, store.credentials_expire_at() or expires_at)


@dataclass(frozen=True)
class UrlSigner:
    """Signs URLs of one bucket with one pair of keys at one moment. Pure."""

    address: BucketAddress
    region: str
    credentials: "SigningKeys | ReadOnlyCredentials" = field(repr=False)
    signed_at: datetime
    expires_s: int

    def url(
        self, method: str, key: str, query: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> str:
        """The presigned URL of any request. ``headers``, in small letters, are pinned besides the host."""
        pinned = {**(headers or {}), "host": self.address.host}
        signed_headers = ";".join(sorted(pinned))
        auth_query = self._auth_query(signed_headers)
        canonical_request = "\n".join(
            (
                method,
                self.address.base_path + encoded_key(key),
                _encode_query(dict(sorted({**query, **auth_query}.items()))),
                *(f"{name}:{pinned[name]}" for name in sorted(pinned)),
                "",
                signed_headers,
                _PAYLOAD,
            )
        )
        signature = self._signature(sha256(canonical_request.encode()).hexdigest())
        return (
            f"{self.address.base_url}{encoded_key(key)}?{_encode_query({**query, **auth_query})}"
            f"&X-Amz-Signature={signature}"
        )

    def part_urls(
        self, key: str, s3_upload_id: str, plan: PartPlan, part_numbers: Iterable[int]
    ) -> Iterator[tuple[int, str]]:
        """The same for many parts at once: ``(part_number, url)`` for each. Raises PartOutsidePlan."""
        signed_headers = "content-length;host"
        auth_query = self._auth_query(signed_headers)
        # Sorted by name, partNumber and uploadId come after every X-Amz- parameter, so all before is shared.
        shared = sha256(
            "\n".join(
                (
                    "PUT",
                    self.address.base_path + encoded_key(key),
                    f"{_encode_query(dict(sorted(auth_query.items())))}&partNumber=",
                )
            ).encode()
        )
        upload_query = _encode_query({"uploadId": s3_upload_id})
        after_number = f"&{upload_query}\ncontent-length:"
        after_length = f"\nhost:{self.address.host}\n\n{signed_headers}\n{_PAYLOAD}"
        before_scope = self._string_to_sign("").encode()
        signing_key = self._signing_key()
        url_start = f"{self.address.base_url}{encoded_key(key)}?{upload_query}&partNumber="
        url_end = f"&{_encode_query(auth_query)}&X-Amz-Signature="
        for part_number in part_numbers:
            request = shared.copy()
            request.update(f"{part_number}{after_number}{plan.length(part_number)}{after_length}".encode())
            signature = hmac.digest(signing_key, before_scope + request.hexdigest().encode(), "sha256").hex()
            yield part_number, f"{url_start}{part_number}{url_end}{signature}"

    @property
    def _timestamp(self) -> str:
        return self.signed_at.strftime("%Y%m%dT%H%M%SZ")

    @property
    def _scope(self) -> str:
        return f"{self._timestamp[:8]}/{self.region}/s3/aws4_request"

    def _auth_query(self, signed_headers: str) -> dict[str, str]:
        """The parameters that say how the URL is signed, in botocore's order."""
        query = {
            "X-Amz-Algorithm": _ALGORITHM,
            "X-Amz-Credential": f"{self.credentials.access_key}/{self._scope}",
            "X-Amz-Date": self._timestamp,
            "X-Amz-Expires": str(self.expires_s),
            "X-Amz-SignedHeaders": signed_headers,
        }
        if self.credentials.token:
            query["X-Amz-Security-Token"] = self.credentials.token
        return query

    def _signing_key(self) -> bytes:
        signing_key = f"AWS4{self.credentials.secret_key}".encode()
        for scope in self._scope.split("/"):
            signing_key = hmac.digest(signing_key, scope.encode(), "sha256")
        return signing_key

    def _string_to_sign(self, request_digest: str) -> str:
        return f"{_ALGORITHM}\n{self._timestamp}\n{self._scope}\n{request_digest}"

    def _signature(self, request_digest: str) -> str:
        return hmac.digest(self._signing_key(), self._string_to_sign(request_digest).encode(), "sha256").hex()


def encoded_key(key: str) -> str:
    """The key as it stands in a URL."""
    # S3 signs the path as it is sent, neither normalised nor encoded a second time.
    return quote(key, safe="/~")


def _encode_query(query: Mapping[str, str]) -> str:
    return "&".join(
        f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in query.items()
    )
