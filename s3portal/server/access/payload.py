"""The content of a request: decoded, counted, digested, and compared with everything the caller promised.

Who reads a Payload to its end without an exception holds exactly what was meant to be sent.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from s3portal.server.access.authenticator import (
    STREAMING_SIGNED,
    STREAMING_SIGNED_TRAILER,
    STREAMING_UNSIGNED_TRAILER,
    Proof,
)
from s3portal.server.access.aws_chunked import AwsChunkedBody
from s3portal.server.access.sigv4 import UNSIGNED_PAYLOAD
from s3portal.server.http.values import list_of, whole_number
from s3portal.server.wire import checksums
from s3portal.server.wire.checksums import ALGORITHMS, Algorithm, Digest
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.posted_form import PostedFile
from s3portal.server.wire.s3_request import S3Request

GIB = 1024**3
# A single PUT and a part: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
SINGLE_PUT_LIMIT_BYTES = 5 * GIB
_SHA256 = re.compile(r"[0-9a-f]{64}")
_STREAMING = (STREAMING_SIGNED, STREAMING_SIGNED_TRAILER, STREAMING_UNSIGNED_TRAILER)


class Source(Protocol):
    """Where bytes come from, undigested."""

    def readinto(self, buffer: memoryview, /) -> int | None: ...


@dataclass(frozen=True)
class Promise:
    """What the headers say of the content. ``checksum_digest`` is None when it comes in a trailer."""

    md5: bytes | None
    sha256: str | None
    algorithm: Algorithm | None
    checksum_digest: bytes | None
    checksum_in_trailer: bool


NO_PROMISE = Promise(None, None, None, None, False)


class Payload:
    """The decoded content of one request, in order to be read once."""

    def __init__(
        self,
        source: Source,
        size_bytes: int,
        promise: Promise,
        algorithms: Collection[Algorithm],
        *,
        size_is_exact: bool = True,
    ) -> None:
        self._source = source
        self._promise = promise
        #: Where it is not exact, an upper bound until the content was read.
        self.size_bytes = size_bytes
        self.size_is_exact = size_is_exact
        self._left_bytes = size_bytes
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha256 = hashlib.sha256() if promise.sha256 else None
        self._digests = {algorithm: algorithm.start() for algorithm in algorithms}
        if promise.algorithm:
            self._digests.setdefault(promise.algorithm, promise.algorithm.start())
        self._all: list[Digest] = [self._md5, *self._digests.values()]
        if self._sha256:
            self._all.append(self._sha256)

    @property
    def given_algorithm(self) -> Algorithm | None:
        """The algorithm of the checksum that the caller sent along."""
        return self._promise.algorithm

    @property
    def algorithms(self) -> list[Algorithm]:
        """The algorithms that are computed, besides MD5."""
        return list(self._digests)

    @property
    def md5_hex(self) -> str:
        return self._md5.hexdigest()

    def digest(self, algorithm: Algorithm) -> bytes:
        return self._digests[algorithm].digest()

    def readinto(self, buffer: memoryview, /) -> int:
        """Fills ``buffer`` and returns the bytes read; 0 at the end, once everything was compared.

        Raises BadDigest, XAmzContentSHA256Mismatch, IncompleteBody, SignatureDoesNotMatch.
        """
        count = self._source.readinto(buffer) or 0
        if not count:
            self._compare()
            return 0
        self._left_bytes -= count
        piece = buffer[:count]
        for digest in self._all:
            digest.update(piece)
        return count

    def read_all(self) -> bytes:
        """Returns the whole of a small content."""
        content = bytearray(self.size_bytes)
        view, filled = memoryview(content), 0
        while filled < self.size_bytes and (count := self.readinto(view[filled:])):
            filled += count
        self.readinto(memoryview(bytearray(1)))
        return bytes(content[:filled])

    def _compare(self) -> None:
        promise = self._promise
        if self._left_bytes and not self.size_is_exact:
            self.size_bytes, self._left_bytes = self.size_bytes - self._left_bytes, 0
        if self._left_bytes:
            raise S3Error("IncompleteBody")
        if self._sha256 and self._sha256.hexdigest() != promise.sha256:
            facts = {
                "ClientComputedContentSHA256": promise.sha256 or "",
                "S3ComputedContentSHA256": self._sha256.hexdigest(),
            }
            raise S3Error("XAmzContentSHA256Mismatch", facts=facts)
        if promise.md5 and self._md5.digest() != promise.md5:
            facts = {
                "ExpectedDigest": checksums.encode(promise.md5),
                "CalculatedDigest": checksums.encode(self._md5.digest()),
            }
            raise S3Error("BadDigest", facts=facts)
        algorithm = promise.algorithm
        if algorithm is None:
            return
        expected = promise.checksum_digest
        if promise.checksum_in_trailer and isinstance(self._source, AwsChunkedBody):
            value = self._source.trailers[algorithm.header]
            expected = checksums.decode(value, algorithm.size_bytes)
            if expected is None:
                raise _invalid_checksum(algorithm)
        if self._digests[algorithm].digest() != expected:
            raise S3Error(
                "BadDigest",
                f"The {algorithm.name} you specified did not match the calculated checksum.",
            )


def open_payload(
    request: S3Request,
    body: io.RawIOBase,
    proof: Proof,
    *,
    algorithms: Collection[Algorithm] = (),
    limit_bytes: int = SINGLE_PUT_LIMIT_BYTES,
    checksum_headers: bool = True,
) -> Payload:
    """Returns the content of a request, computing ``algorithms`` beside the MD5 while it is read.

    ``checksum_headers`` is False where they speak of something else than this content: with
    CompleteMultipartUpload they are the finished object's.

    Raises, before a byte is read: EntityTooLarge, MissingContentLength, InvalidDigest, InvalidRequest.
    """
    kind = request.header("x-amz-content-sha256") or proof.payload_hash
    promise = _read_promise(request, proof.payload_hash, checksum_headers)
    streaming = kind in _STREAMING
    name = "x-amz-decoded-content-length" if streaming else "content-length"
    length = request.header(name)
    if length is None:
        raise S3Error("MissingContentLength")
    size_bytes = whole_number(length)
    if size_bytes is None:
        raise S3Error("InvalidArgument", f"{name} is not a number", facts={"ArgumentName": name})
    if size_bytes > limit_bytes:
        facts = {"ProposedSize": str(size_bytes), "MaxSizeAllowed": str(limit_bytes)}
        raise S3Error("EntityTooLarge", facts=facts)
    source: Source = body
    if streaming:
        if kind != STREAMING_UNSIGNED_TRAILER and proof.chunk_signing is None:
            raise S3Error("InvalidRequest", "A presigned request does not sign the chunks of its body.")
        signing = None if kind == STREAMING_UNSIGNED_TRAILER else proof.chunk_signing
        announced = trailer_names(request) if kind != STREAMING_SIGNED else []
        source = AwsChunkedBody(body, size_bytes, signing, announced)
    elif promise.checksum_in_trailer:
        raise S3Error("InvalidRequest", "x-amz-trailer needs an aws-chunked body.")
    return Payload(source, size_bytes, promise, algorithms)


def open_posted_payload(request: S3Request, file: PostedFile, algorithms: Collection[Algorithm]) -> Payload:
    """Returns the content of a posted form's file; ``request`` has the form's fields for headers.

    How large it is shows only when it was read. Raises InvalidDigest, InvalidRequest.
    """
    promise = _read_promise(request, UNSIGNED_PAYLOAD, checksum_headers=True)
    bound_bytes = min(file.limit_bytes, SINGLE_PUT_LIMIT_BYTES)
    return Payload(file, bound_bytes, promise, algorithms, size_is_exact=False)


def _read_promise(request: S3Request, payload_hash: str, checksum_headers: bool) -> Promise:
    md5: bytes | None = None
    content_md5 = request.header("content-md5")
    if content_md5 is not None:
        md5 = checksums.decode(content_md5, 16)
        if md5 is None:
            raise S3Error("InvalidDigest", facts={"Content-MD5": content_md5})
    known, announced = checksums.HEADERS, trailer_names(request)
    in_headers = [known[name] for name in known if checksum_headers and name in request.headers]
    in_trailers = [known[name] for name in announced if name in known]
    if len(in_trailers) < len(announced):
        raise S3Error("InvalidRequest", "The value specified in the x-amz-trailer header is not supported")
    if len(in_headers) + len(in_trailers) > 1:
        raise S3Error(
            "InvalidRequest",
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
        )
    algorithm = next(iter(in_headers + in_trailers), None)
    if checksum_headers:
        _check_named_algorithm(request, algorithm)
    digest = None
    if in_headers and algorithm:
        digest = checksums.decode(request.headers[algorithm.header], algorithm.size_bytes)
        if digest is None:
            raise _invalid_checksum(algorithm)
    sha256 = payload_hash if _SHA256.fullmatch(payload_hash) else None
    return Promise(md5, sha256, algorithm, digest, bool(in_trailers))


def _check_named_algorithm(request: S3Request, algorithm: Algorithm | None) -> None:
    """The SDK names the algorithm in a header of its own; it must be that of the checksum."""
    named = request.header("x-amz-sdk-checksum-algorithm")
    if not named:
        return
    if named.upper() not in ALGORITHMS or (algorithm and algorithm.name != named.upper()):
        raise S3Error("InvalidRequest", "Value for x-amz-sdk-checksum-algorithm header is invalid.")
    if algorithm is None:
        raise S3Error(
            "InvalidRequest",
            "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or "
            "x-amz-trailer headers were found.",
        )


def trailer_names(request: S3Request) -> list[str]:
    """Returns the headers that come behind the body, in lower case."""
    header = request.header("x-amz-trailer")
    return [name.lower() for name in list_of(header)] if header else []


def has_digest(request: S3Request) -> bool:
    """Whether a request brings a digest of its body: Content-MD5, or a checksum in front of it or behind."""
    given = {*request.headers, *trailer_names(request)}
    return bool(request.header("content-md5")) or bool(given & set(checksums.HEADERS))


def _invalid_checksum(algorithm: Algorithm) -> S3Error:
    return S3Error("InvalidRequest", f"Value for {algorithm.header} header is invalid.")
