"""The requests of a sync, as lean as they can be: signed URLs and plain HTTP, retried until they are through.

boto3 spends some milliseconds of CPU on each request; a sync of small files is nothing but requests. All that
is rare goes by boto3. Signing: presign.py of the transfers.
"""

import random
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote

import urllib3
from urllib3.exceptions import HTTPError

from s3portal.buckets.parallel import CALLS_AT_A_TIME, Throttle
from s3portal.transfer import Failure, RetryPolicy, Store, UrlSigner, decide, parse_retry_after

_POLICY = RetryPolicy(tries=8, tries_without_answer=8)
_TIMEOUT = urllib3.Timeout(connect=30, read=120)
_EXPIRES_S = 3600
#: URLs are signed for an hour, by a signer that is renewed long before that.
_SIGNER_LIVES = timedelta(minutes=10)
_BLOCK_BYTES = 1024 * 1024
_NONE: Mapping[str, str] = {}


class RequestFailed(Exception):
    """The store refused, or did not answer in several tries. ``failure`` has its status and code."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(str(failure))
        self.failure = failure

    @property
    def changed_meanwhile(self) -> bool:
        """Whether a condition failed: something else is there than was listed."""
        return self.failure.status in (409, 412)


class BrokenAnswer(Exception):
    """An answer that ended early: the request is worth another try."""


@dataclass
class Requests:
    """Sends requests about one bucket's objects, from many threads. Raises RequestFailed."""

    store: Store
    throttle: Throttle = field(default_factory=Throttle)
    sleep: Callable[[float], None] = time.sleep
    _signer: UrlSigner | None = None

    def __post_init__(self) -> None:
        self._pool = urllib3.PoolManager(maxsize=2 * CALLS_AT_A_TIME, cert_reqs="CERT_REQUIRED")

    def put(self, key: str, body: bytes, headers: Mapping[str, str]) -> str:
        """PutObject; returns the ETag without quotes. ``headers`` in small letters; those of Amazon's and
        conditions are signed."""
        return self.etag("PUT", key, body, headers)

    def copy(
        self, key: str, source_bucket: str, source_key: str, source_etag: str, headers: Mapping[str, str]
    ) -> str:
        """CopyObject of exactly the object with this ETag; returns the copy's ETag."""
        return self.etag("PUT", key, b"", {**headers, **copying_from(source_bucket, source_key, source_etag)})

    def head(self, key: str, etag: str) -> dict[str, str]:
        """HeadObject of exactly this ETag: its headers, their names in small letters."""
        response = self.send("HEAD", key, None, {"if-match": f'"{etag}"'} if etag else {})
        return {name.lower(): value for name, value in response.headers.items()}

    @contextmanager
    def get(self, key: str, etag: str, first: int | None = None, last: int | None = None) -> Iterator[Any]:
        """GetObject of exactly this ETag, or bytes ``first`` to ``last`` of it: an open urllib3 response."""
        headers = {"if-match": f'"{etag}"'} if etag else {}
        if first is not None:
            headers["range"] = f"bytes={first}-{last}"
        response = self.send("GET", key, None, headers, stream=True)
        try:
            yield response
        finally:
            response.drain_conn()
            response.release_conn()

    def blocks(self, response: Any) -> Iterator[bytes]:
        """The content of an answer. Raises BrokenAnswer where it ends early."""
        try:
            # As it is stored: an object may say of itself that it is gzip.
            yield from response.stream(_BLOCK_BYTES, decode_content=False)
        except (HTTPError, OSError) as error:
            raise BrokenAnswer(str(error)) from error

    def etag(
        self, method: str, key: str, body: bytes, headers: Mapping[str, str], query: Mapping[str, str] = _NONE
    ) -> str:
        """Sends what is answered with an ETag, and returns it without quotes."""
        failure: Failure | None = None
        for _ in range(_POLICY.tries):
            response = self.send(method, key, body, headers, query)
            # CopyObject may fail after it has begun to answer 200 (S3 API Reference, CopyObject).
            failure = _failure(response) if b"<Error>" in response.data[:500] else None
            if failure is None:
                named = re.search(rb"<ETag>(?:&quot;|\")?([^<&\"]*)", response.data)
                found = response.headers.get("ETag") or (named[1].decode() if named else "")
                return str(found).strip('"')
            self.throttle.slow_down()
        raise RequestFailed(failure or Failure(500, "", "no answer"))

    def send(
        self,
        method: str,
        key: str,
        body: bytes | None,
        headers: Mapping[str, str],
        query: Mapping[str, str] = _NONE,
        *,
        stream: bool = False,
    ) -> Any:
        """Any request about a key, tried again as long as that may help: an urllib3 response."""
        tries = signings = 0
        while True:
            self.throttle.wait()
            try:
                origin, target = _origin_and_target(self._url(method, key, headers, query))
                response = self._pool.connection_from_url(origin).urlopen(
                    method,
                    target,
                    body=body,
                    headers=dict(headers),
                    retries=False,
                    redirect=False,
                    assert_same_host=False,
                    timeout=_TIMEOUT,
                    preload_content=not stream,
                )
                if 200 <= response.status < 300:
                    self.throttle.went_well()
                    return response
                failure = _failure(response)
            except (HTTPError, OSError) as error:
                failure = Failure(0, type(error).__name__, str(error))
            tries += 1
            if failure.status in (429, 503):
                self.throttle.slow_down()
            decision = decide(failure, tries=tries, signings=signings, policy=_POLICY, random=random.random)
            if decision.action == "stop":
                raise RequestFailed(failure)
            if decision.action == "sign":
                tries, signings = tries - 1, signings + 1
                self._signer = None
            self.sleep(decision.delay_s)

    def _url(self, method: str, key: str, headers: Mapping[str, str], query: Mapping[str, str]) -> str:
        signer = self._signer
        if signer is None or datetime.now(timezone.utc) - signer.signed_at > _SIGNER_LIVES:
            signer = self._signer = UrlSigner(
                address=self.store.address,
                region=self.store.region,
                credentials=self.store.credentials(),
                signed_at=datetime.now(timezone.utc),
                expires_s=_EXPIRES_S,
            )
        pinned = {name: value for name, value in headers.items() if name.startswith("x-amz-")}
        return signer.url(method, key, query, pinned)


def copying_from(bucket: str, key: str, etag: str) -> dict[str, str]:
    """The headers that name what is copied: exactly the object with this ETag."""
    return {
        "x-amz-copy-source": quote(f"{bucket}/{key}", safe="/~"),
        "x-amz-copy-source-if-match": f'"{etag}"',
    }


def _origin_and_target(url: str) -> tuple[str, str]:
    """The server, and the path with its query as it was signed: urllib3 takes ``.`` and ``..`` out of whole
    URLs, and keys may have such parts."""
    scheme, _, host, target = url.split("/", 3)
    return f"{scheme}//{host}", f"/{target}"


def _failure(response: Any) -> Failure:
    text = response.data[:10_000].decode("utf-8", "replace")
    return Failure(
        status=response.status if response.status >= 300 else 500,
        code=_element(text, "Code"),
        message=_element(text, "Message") or response.reason or "",
        retry_after_s=parse_retry_after(response.headers.get("Retry-After")),
    )


def _element(xml: str, name: str) -> str:
    match = re.search(f"<{name}>([^<]*)</{name}>", xml)
    return match[1] if match else ""
