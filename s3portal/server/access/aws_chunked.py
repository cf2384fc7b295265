"""The aws-chunked coding: a body in pieces, each with its signature, checksums behind the last one.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html and sigv4-streaming-trailers.html
"""

from __future__ import annotations

import hashlib
import hmac
import io
import re
from collections.abc import Collection
from dataclasses import dataclass

from s3portal.server.access.sigv4 import EMPTY_SHA256, hmac_hex
from s3portal.server.wire.errors import S3Error

BUFFER_BYTES = 64 * 1024
# Of every chunk but the last: "the minimum size is 8 KB".
LEAST_CHUNK_BYTES = 8 * 1024
LINE_LIMIT_BYTES = 4096
TRAILERS_LIMIT = 16
_CHUNK_HEAD = re.compile(rb"([0-9A-Fa-f]{1,15})(?:;chunk-signature=([0-9a-f]{64}))?\r\n")
_TRAILER = re.compile(rb"([A-Za-z0-9-]+)[ \t]*:[ \t]*([\x20-\x7e]*?)[ \t]*\r?\n")
_TRAILER_SIGNATURE = "x-amz-trailer-signature"


@dataclass(frozen=True)
class ChunkSigning:
    """What chunk signatures are chained with: the signature in the Authorization header seeds the chain."""

    key: bytes
    timestamp: str
    scope: str
    seed_signature: str


class AwsChunkedBody:
    """Decodes an aws-chunked body while it is read.

    ``signing`` is None for STREAMING-UNSIGNED-PAYLOAD-TRAILER. ``trailer_names`` are the headers announced
    by ``x-amz-trailer``; they are in ``trailers`` once the end was read. The content must have exactly
    ``size_bytes`` (x-amz-decoded-content-length).
    """

    def __init__(
        self,
        raw: io.RawIOBase,
        size_bytes: int,
        signing: ChunkSigning | None,
        trailer_names: Collection[str],
        least_chunk_bytes: int = LEAST_CHUNK_BYTES,
    ) -> None:
        self._stream = io.BufferedReader(raw, BUFFER_BYTES)
        self._left_bytes = size_bytes
        self._chunk_left_bytes = 0
        self._signing = signing
        self._trailer_names = trailer_names
        self._previous_signature = signing.seed_signature if signing else ""
        self._chunk_signature = ""
        self._chunk_digest = hashlib.sha256()
        self._finished = False
        self._least_chunk_bytes = least_chunk_bytes
        self._chunk_count = 0
        # Number and size of a chunk that may only be the last one.
        self._short_chunk: tuple[int, int] | None = None
        self.trailers: dict[str, str] = {}

    def readinto(self, buffer: memoryview) -> int:
        """Fills ``buffer`` with decoded content and returns the bytes read; 0 at the end.

        At the end, every signature and the announced trailers were there and right.
        Raises SignatureDoesNotMatch, IncompleteBody, InvalidChunkSizeError, or InvalidRequest for what is not
        aws-chunked.
        """
        filled = 0
        while filled < len(buffer) and not self._finished:
            if not self._chunk_left_bytes:
                self._next_chunk()
                continue
            piece = buffer[filled : filled + self._chunk_left_bytes]
            count = self._stream.readinto(piece)
            if not count:
                raise S3Error("IncompleteBody")
            if self._signing:
                self._chunk_digest.update(piece[:count])
            filled += count
            self._chunk_left_bytes -= count
            if not self._chunk_left_bytes:
                self._finish_chunk()
        return filled

    def _next_chunk(self) -> None:
        match = _CHUNK_HEAD.fullmatch(self._stream.readline(LINE_LIMIT_BYTES))
        if match is None or (match[2] is None) != (self._signing is None):
            raise _malformed()
        size_bytes = int(match[1], 16)
        self._chunk_signature = (match[2] or b"").decode()
        self._chunk_digest = hashlib.sha256()
        if size_bytes > self._left_bytes:
            raise _wrong_length()
        if size_bytes and self._short_chunk is not None:
            chunk, short_bytes = self._short_chunk
            facts = {"Chunk": str(chunk), "BadChunkSize": str(short_bytes)}
            raise S3Error("InvalidChunkSizeError", facts=facts)
        self._chunk_count += 1
        if size_bytes < self._least_chunk_bytes:
            self._short_chunk = (self._chunk_count, size_bytes)
        self._left_bytes -= size_bytes
        self._chunk_left_bytes = size_bytes
        if not size_bytes:
            self._check_chunk_signature()
            self._finish()

    def _finish_chunk(self) -> None:
        if self._stream.read(2) != b"\r\n":
            raise _malformed()
        self._check_chunk_signature()

    def _check_chunk_signature(self) -> None:
        if self._signing:
            self._check_signature(
                "AWS4-HMAC-SHA256-PAYLOAD",
                f"{EMPTY_SHA256}\n{self._chunk_digest.hexdigest()}",
                self._chunk_signature,
            )

    def _check_signature(self, kind: str, hashes: str, given: str) -> None:
        signing = self._signing
        assert signing is not None
        text = f"{kind}\n{signing.timestamp}\n{signing.scope}\n{self._previous_signature}\n{hashes}"
        if not hmac.compare_digest(hmac_hex(signing.key, text), given):
            raise S3Error("SignatureDoesNotMatch")
        self._previous_signature = given

    def _finish(self) -> None:
        """Reads what follows the last chunk: trailers, their signature, and nothing else."""
        if self._left_bytes:
            raise _wrong_length()
        found = self._read_trailers()
        given_signature = found.pop(_TRAILER_SIGNATURE, "")
        if set(found) != set(self._trailer_names):
            raise S3Error("InvalidRequest", "The trailers of the request are not those in x-amz-trailer.")
        if self._signing and found:
            text = "".join(f"{name}:{value}\n" for name, value in found.items())
            digest = hashlib.sha256(text.encode()).hexdigest()
            self._check_signature("AWS4-HMAC-SHA256-TRAILER", digest, given_signature)
        if self._stream.read(1):
            raise _malformed()
        self.trailers = found
        self._finished = True

    def _read_trailers(self) -> dict[str, str]:
        """Reads trailer lines up to the empty line that ends the body.

        In signed bodies some callers put an empty line before the trailer signature too, as the
        documentation shows it; the end is then the next one.
        """
        signature_expected = self._signing is not None and bool(self._trailer_names)
        found: dict[str, str] = {}
        for _ in range(TRAILERS_LIMIT):
            line = self._stream.readline(LINE_LIMIT_BYTES)
            if line == b"\r\n":
                if not signature_expected or _TRAILER_SIGNATURE in found:
                    return found
                continue
            if not line and (not signature_expected or _TRAILER_SIGNATURE in found):
                return found  # an end without the last empty line hides nothing
            match = _TRAILER.fullmatch(line)
            if match is None or match[1].decode().lower() in found:
                raise _malformed()
            found[match[1].decode().lower()] = match[2].decode()
        raise _malformed()


def _malformed() -> S3Error:
    return S3Error("InvalidRequest", "The aws-chunked body of the request is malformed.")


def _wrong_length() -> S3Error:
    return S3Error("IncompleteBody", "The request body does not have x-amz-decoded-content-length bytes.")
