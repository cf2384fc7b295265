"""Signatures hold for every byte that a header or a query can carry, canonicalised as S3 does."""

from __future__ import annotations

import hashlib
import hmac
import re
import socket
from datetime import datetime, timezone
from urllib.parse import quote, quote_from_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st
from s3_callers import BUCKET, client_of, send

from s3portal.server.access import sigv4
from s3portal.server.access.claims import read_claim
from s3portal.server.wire.errors import S3Error

EMPTY = hashlib.sha256(b"").hexdigest()
SECRET = b"portal-secret"
# RFC 9110, 5.5: no header can carry these.
IMPOSSIBLE = {0x00, 0x0A, 0x0D}


def canonical_value(value: bytes) -> bytes:
    """As the documentation has it, on bytes: spaces at the ends go, several in a row are one."""
    return re.sub(rb"[ \t]+", b" ", value.strip(b" \t"))


def sign(
    method: bytes, path: bytes, query: bytes, headers: dict[bytes, bytes], body_hash: str, now: datetime
):
    """The signature of a request, written from the documentation on bytes alone."""
    names = sorted(headers)
    canonical = b"\n".join(
        [
            method,
            path,
            query,
            *(name + b":" + canonical_value(headers[name]) for name in names),
            b"",
            b";".join(names),
            body_hash.encode(),
        ]
    )
    scope = f"{now:%Y%m%d}/us-east-1/s3/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{now:%Y%m%dT%H%M%SZ}\n{scope}\n{hashlib.sha256(canonical).hexdigest()}"
    key = b"AWS4" + SECRET
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    signed = b";".join(names).decode()
    return f"AWS4-HMAC-SHA256 Credential=portal-key/{scope}, SignedHeaders={signed}, Signature={signature}"


class Caller:
    """A connection on which requests are sent as bytes."""

    def __init__(self, server):
        self.host = f"127.0.0.1:{server.port}".encode()
        self.sock = socket.create_connection(("127.0.0.1", server.port), timeout=120)
        self.file = self.sock.makefile("rb")

    def call(self, method=b"GET", path=b"/", query=b"", body=b"", **more):
        """Sends one signed request; returns its status and the lines of its head."""
        now = datetime.now(timezone.utc)
        body_hash = hashlib.sha256(body).hexdigest()
        headers = {
            b"host": self.host,
            b"x-amz-date": f"{now:%Y%m%dT%H%M%SZ}".encode(),
            b"x-amz-content-sha256": body_hash.encode(),
            **{name.replace("_", "-").encode(): value for name, value in more.items()},
        }
        authorization = sign(method, path, query, headers, body_hash, now).encode()
        target = path + (b"?" + query if query else b"")
        lines = [name + b": " + value for name, value in headers.items()]
        head = [method + b" " + target + b" HTTP/1.1", *lines, b"authorization: " + authorization]
        self.sock.sendall(b"\r\n".join([*head, b"content-length: %d" % len(body), b"", body]))
        return self._answer()

    def _answer(self):
        status = int(self.file.readline().split()[1])
        lines = list(iter(self.file.readline, b"\r\n"))
        length = next(int(line[15:]) for line in lines if line.lower().startswith(b"content-length:"))
        self.body = self.file.read(length)
        return status, lines

    def close(self):
        self.sock.close()


@pytest.fixture
def caller(shared_server):
    caller = Caller(shared_server)
    yield caller
    caller.close()


PLACES = {
    "alone": b"%s",
    "in front": b"%sx",
    "behind": b"x%s",
    "between": b"a%sb",
    "doubled": b"a%s%sb",
    "among spaces": b"a %s b",
    "after an A0": b"\xa0%s\x85",
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", ["x_amz_meta_note", "content_disposition", "content_type"])
def test_a_signed_header_may_hold_every_byte(shared_server, caller, place, name):
    for byte in sorted(set(range(256)) - IMPOSSIBLE):
        value = PLACES[place].replace(b"%s", bytes([byte]))
        status, _ = caller.call(b"PUT", f"/{BUCKET}/k".encode(), body=b"x", **{name: value})
        assert status == 200, (byte, caller.body)


def test_what_was_stored_with_any_bytes_comes_back_with_them(caller):
    value = bytes(byte for byte in range(256) if byte not in IMPOSSIBLE)
    assert (
        caller.call(b"PUT", f"/{BUCKET}/k".encode(), body=b"x", x_amz_meta_note=b"<" + value + b">")[0] == 200
    )
    status, lines = caller.call(path=f"/{BUCKET}/k".encode())
    note = next(line for line in lines if line.lower().startswith(b"x-amz-meta-note:"))
    assert (status, note[17:-2]) == (200, b"<" + value + b">")


@pytest.mark.parametrize("byte", sorted(IMPOSSIBLE))
def test_what_no_header_can_carry_is_a_bad_request(shared_server, byte):
    with socket.create_connection(("127.0.0.1", shared_server.port), timeout=120) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nx-amz-meta-a: a" + bytes([byte]) + b"b\r\n\r\n")
        assert sock.recv(100).startswith(b"HTTP/1.1 400 ")


def test_a_query_value_may_hold_every_byte_of_text(caller):
    """Every byte that UTF-8 has, alone in ASCII and in its characters above."""
    texts = [chr(code) for code in range(256)] + ["\u0085\u00a0", "\u2028\u3000", "à" * 3, "\U0001f600"]
    for text in texts:
        for value in (text, f"a{text}b", f" {text} "):
            query = b"list-type=2&prefix=" + quote(value, safe="-_.~").encode()
            status, _ = caller.call(path=f"/{BUCKET}".encode(), query=query)
            assert status == 200, (value, caller.body)


def test_bytes_that_are_no_text_are_a_bad_request_in_query_and_path(caller):
    for byte in range(0x80, 0x100):
        coded = quote_from_bytes(bytes([byte])).encode()
        assert caller.call(path=f"/{BUCKET}".encode(), query=b"prefix=" + coded)[0] == 400
        assert caller.call(path=f"/{BUCKET}/".encode() + coded)[0] == 400


def test_a_key_may_hold_every_character(caller):
    for code in range(256):
        path = f"/{BUCKET}/a{quote(chr(code), safe='')}b".encode()
        assert caller.call(b"PUT", path, body=b"x")[0] == 200, (code, caller.body)


def test_what_botocore_sends_of_letters_that_hold_white_space_in_utf_8(shared_server):
    """à is C3 A0, Å is C3 85: Python takes A0 and 85 for white space."""
    s3 = client_of(shared_server)
    for text in ("voilà.txt", "Ångström", "àÅ é", "naïve façade"):
        disposition = f'attachment; filename="{text}"'
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"x", ContentDisposition=disposition)
        answer = s3.get_object(Bucket=BUCKET, Key="k")
        assert answer["ContentDisposition"].encode("latin-1").decode() == disposition
        url = s3.generate_presigned_url(
            "put_object", {"Bucket": BUCKET, "Key": "k", "ContentDisposition": disposition}
        )
        headers = {"Content-Disposition": disposition.encode()}
        assert send(shared_server, "PUT", url, headers, b"x")[0] == 200


@given(st.binary(max_size=30).filter(lambda value: not IMPOSSIBLE & set(value)))
def test_canonical_values_fold_spaces_and_tabs_alone(value):
    text = value.decode("latin-1")
    assert sigv4._canonical_value(text).encode("latin-1") == canonical_value(value)


@given(st.dictionaries(st.text(max_size=30), st.text(max_size=60)), st.text(max_size=300))
def test_no_claim_is_a_crash(query, authorization):
    for headers in ({}, {"authorization": authorization, "date": authorization}):
        try:
            read_claim(query, headers)
        except S3Error as refused:
            assert refused.status in (400, 403)
