"""The aws-chunked coding: decoded, checked chunk by chunk, refused when anything is off."""

from __future__ import annotations

import hashlib
import hmac
import io
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from s3_callers import BUCKET, client_of, code_of, send, signed_headers

from s3portal.server.access.aws_chunked import AwsChunkedBody, ChunkSigning
from s3portal.server.wire.checksums import ALGORITHMS, encode
from s3portal.server.wire.errors import S3Error

EMPTY = hashlib.sha256(b"").hexdigest()
TRAILER = "x-amz-checksum-crc32"


def crc32(content):
    return encode(zlib.crc32(content).to_bytes(4, "big"))


def read(raw, size_bytes, signing=None, trailers=(), step=7):
    body = AwsChunkedBody(io.BytesIO(raw), size_bytes, signing, trailers, least_chunk_bytes=1)
    decoded, buffer = bytearray(), memoryview(bytearray(step))
    while count := body.readinto(buffer):
        decoded += buffer[:count]
    return bytes(decoded), body.trailers


def chunks_of(content, size_bytes):
    return [content[i : i + size_bytes] for i in range(0, len(content), size_bytes)] + [b""]


def encode_unsigned(content, chunk_bytes, trailers=()):
    coded = b"".join(
        b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunk else b"0\r\n"
        for chunk in chunks_of(content, chunk_bytes)
    )
    return coded + b"".join(f"{name}:{value}\r\n".encode() for name, value in trailers) + b"\r\n"


def encode_signed(content, chunk_bytes, signing, trailers=()):
    """Written from the documentation, apart from the decoder."""
    signature, coded = signing.seed_signature, b""

    def sign(kind, *hashes):
        text = "\n".join((kind, signing.timestamp, signing.scope, signature, *hashes))
        return hmac.new(signing.key, text.encode(), hashlib.sha256).hexdigest()

    for chunk in chunks_of(content, chunk_bytes):
        signature = sign("AWS4-HMAC-SHA256-PAYLOAD", EMPTY, hashlib.sha256(chunk).hexdigest())
        coded += (
            f"{len(chunk):x};chunk-signature={signature}\r\n".encode() + chunk + (b"\r\n" if chunk else b"")
        )
    if trailers:
        lines = "".join(f"{name}:{value}\n" for name, value in trailers)
        signature = sign("AWS4-HMAC-SHA256-TRAILER", hashlib.sha256(lines.encode()).hexdigest())
        coded += lines.replace("\n", "\r\n").encode() + f"x-amz-trailer-signature:{signature}\r\n".encode()
    return coded + b"\r\n"


SIGNING = ChunkSigning(b"key", "20260101T000000Z", "20260101/us-east-1/s3/aws4_request", "0" * 64)
contents = st.binary(max_size=300)
sizes = st.integers(1, 100)


@given(contents, sizes, sizes)
def test_unsigned_chunks_are_decoded_in_steps_of_any_size(content, chunk_bytes, step):
    raw = encode_unsigned(content, chunk_bytes, [(TRAILER, crc32(content))])
    assert read(raw, len(content), trailers=[TRAILER], step=step) == (content, {TRAILER: crc32(content)})


@given(contents, sizes, st.booleans())
def test_signed_chunks_are_decoded(content, chunk_bytes, with_trailer):
    trailers = [(TRAILER, crc32(content))] if with_trailer else []
    raw = encode_signed(content, chunk_bytes, SIGNING, trailers)
    assert read(raw, len(content), SIGNING, [name for name, _ in trailers]) == (content, dict(trailers))


@given(contents.filter(bool), sizes, st.data())
def test_no_byte_of_a_signed_body_can_be_changed(content, chunk_bytes, data):
    raw = bytearray(encode_signed(content, chunk_bytes, SIGNING, [(TRAILER, crc32(content))]))
    position = data.draw(st.integers(0, len(raw) - 1))
    raw[position] ^= data.draw(st.integers(1, 255))
    try:
        decoded, trailers = read(bytes(raw), len(content), SIGNING, [TRAILER])
    except S3Error as refused:
        assert refused.status in (400, 403)
    else:
        # Only the spelling may differ: a hexadecimal digit's or a header name's case.
        assert (decoded, trailers) == (content, {TRAILER: crc32(content)})


@given(st.binary(max_size=200), st.integers(0, 50), st.booleans())
def test_nonsense_is_refused_and_never_a_crash(raw, size_bytes, signed):
    try:
        decoded, _ = read(raw, size_bytes, SIGNING if signed else None)
    except S3Error:
        return
    assert len(decoded) == size_bytes


def test_the_documentations_signed_example():
    """https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html: 65 KiB of 'a' in two chunks."""
    from s3portal.server.access.sigv4 import _signing_key

    signing = ChunkSigning(
        _signing_key("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "20130524", "us-east-1", "s3"),
        "20130524T000000Z",
        "20130524/us-east-1/s3/aws4_request",
        "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
    )
    raw = (
        b"10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n"
        + b"a" * 65536
        + b"\r\n400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n"
        + b"a" * 1024
        + b"\r\n0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n"
    )
    assert read(raw, 66560, signing, step=5000)[0] == b"a" * 66560


def test_a_trailer_signature_may_stand_behind_an_empty_line():
    raw = encode_signed(b"content", 100, SIGNING, [(TRAILER, crc32(b"content"))])
    raw = raw.replace(b"x-amz-trailer-signature", b"\r\nx-amz-trailer-signature")
    assert read(raw, 7, SIGNING, [TRAILER])[0] == b"content"


@pytest.mark.parametrize(
    "raw",
    [
        b"7\r\ncontent\r\n",
        b"7\r\ncontent\r\n0\r\n",
        b"7\r\nconte",
        b"8\r\ncontent\r\n0\r\n\r\n",
        b"6\r\nconten\r\n0\r\n\r\n",
        b"7\r\ncontentXX0\r\n\r\n",
        b"7\r\ncontent\r\n0\r\n\r\nmore",
        b"7\r\ncontent\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n",
        b"7;chunk-signature=" + b"0" * 64 + b"\r\ncontent\r\n0\r\n\r\n",
        b"-7\r\ncontent\r\n0\r\n\r\n",
        b"7 \r\ncontent\r\n0\r\n\r\n",
    ],
)
def test_a_body_that_is_cut_stretched_or_misspelt_is_refused(raw):
    if raw.endswith(b"0\r\n"):
        # A missing last empty line hides nothing, and some clients forget it.
        assert read(raw, 7)[0] == b"content"
    else:
        with pytest.raises(S3Error):
            read(raw, 7)


def put_streaming(server, kind, raw, decoded_length, trailer=None):
    headers = {"x-amz-content-sha256": kind, "x-amz-decoded-content-length": str(decoded_length)}
    if trailer:
        headers["x-amz-trailer"] = trailer
    headers["content-encoding"] = "aws-chunked"
    path = f"/{BUCKET}/streamed"
    signed = signed_headers(server, "PUT", server.endpoint + path, headers)
    body = raw(signed) if callable(raw) else raw
    return send(server, "PUT", path, signed | {"Content-Length": str(len(body))}, body)


def signed_body(server, content, trailers=()):
    """Returns a function that makes the body once the headers are signed: their signature seeds the chain."""
    from s3portal.server.access.sigv4 import _signing_key

    def make(headers):
        authorization = headers["Authorization"]
        date = headers["X-Amz-Date"]
        signing = ChunkSigning(
            _signing_key(server.users["portal"].secret_access_key, date[:8], "us-east-1", "s3"),
            date,
            f"{date[:8]}/us-east-1/s3/aws4_request",
            authorization.rpartition("Signature=")[2],
        )
        return encode_signed(content, 8192, signing, trailers)

    return make


class TestThroughTheServer:
    content = b"content" * 5000

    def test_signed_chunks_are_stored_and_the_coding_forgotten(self, s3_server, s3):
        raw = signed_body(s3_server, self.content)
        answer = put_streaming(s3_server, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", raw, len(self.content))
        assert answer[0] == 200
        stored = s3.get_object(Bucket=BUCKET, Key="streamed")
        assert stored["Body"].read() == self.content
        assert "ContentEncoding" not in stored

    def test_signed_chunks_with_a_signed_trailer(self, s3_server):
        raw = signed_body(s3_server, self.content, [(TRAILER, crc32(self.content))])
        kind = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
        status, headers, _ = put_streaming(s3_server, kind, raw, len(self.content), TRAILER)
        assert (status, headers[TRAILER]) == (200, crc32(self.content))

    def test_a_forged_chunk_is_refused_and_nothing_is_stored(self, s3_server, s3):
        def forged(headers):
            return signed_body(s3_server, self.content)(headers).replace(b"content", b"CONTENT", 1)

        status, _, body = put_streaming(
            s3_server, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", forged, len(self.content)
        )
        assert (status, b"<Code>SignatureDoesNotMatch</Code>" in body) == (403, True)
        assert code_of(s3.head_object, Bucket=BUCKET, Key="streamed") == "404"

    @pytest.mark.parametrize(
        ("trailer", "code"), [("AAAAAA==", b"BadDigest"), ("nonsense", b"InvalidRequest")]
    )
    def test_a_wrong_checksum_in_the_trailer_is_refused(self, s3_server, s3, trailer, code):
        raw = encode_unsigned(self.content, 8192, [(TRAILER, trailer)])
        status, _, body = put_streaming(
            s3_server, "STREAMING-UNSIGNED-PAYLOAD-TRAILER", raw, len(self.content), TRAILER
        )
        assert (status, b"<Code>" + code in body) == (400, True)
        assert code_of(s3.head_object, Bucket=BUCKET, Key="streamed") == "404"

    def test_the_decoded_length_must_be_right(self, s3_server):
        for length in (len(self.content) - 1, len(self.content) + 1):
            raw = encode_unsigned(self.content, 8192, [(TRAILER, crc32(self.content))])
            kind = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
            status, _, body = put_streaming(s3_server, kind, raw, length, TRAILER)
            assert (status, b"<Code>IncompleteBody</Code>" in body) == (400, True)

    def test_boto3_sends_trailers_by_default_and_they_are_kept(self, s3_server):
        s3 = client_of(s3_server)
        stored = s3.put_object(Bucket=BUCKET, Key="k", Body=io.BytesIO(self.content))
        assert stored["ChecksumCRC32"] == crc32(self.content)

    # The SDK computes no MD5 of this kind.
    @pytest.mark.parametrize("algorithm", sorted(set(ALGORITHMS) - {"MD5"}))
    def test_every_algorithm_in_a_trailer(self, s3_server, algorithm):
        s3 = client_of(s3_server)
        stored = s3.put_object(
            Bucket=BUCKET, Key="k", Body=io.BytesIO(self.content), ChecksumAlgorithm=algorithm
        )
        head = s3.head_object(Bucket=BUCKET, Key="k", ChecksumMode="ENABLED")
        assert stored[f"Checksum{algorithm}"] == head[f"Checksum{algorithm}"]
        assert head["ChecksumType"] == "FULL_OBJECT"


@given(st.lists(st.integers(1, 20), max_size=6), st.booleans())
def test_a_small_chunk_is_the_last_one(sizes, signed):
    """With a least size of 10, in both kinds of bodies."""
    content, parts = b"x" * sum(sizes), [b"x" * size for size in sizes]
    raw = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    if signed:
        raw = encode_signed(content, 10, SIGNING)
        sizes = [len(chunk) for chunk in chunks_of(content, 10)[:-1]]
    body = AwsChunkedBody(
        io.BytesIO(raw), len(content), SIGNING if signed else None, [], least_chunk_bytes=10
    )
    buffer = memoryview(bytearray(1000))
    if all(size >= 10 for size in sizes[:-1]):
        assert body.readinto(buffer) == len(content)
    else:
        with pytest.raises(S3Error, match="InvalidChunkSizeError"):
            while body.readinto(buffer):
                pass
