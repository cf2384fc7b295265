"""Requests that hide another one in themselves: what each of two readers in a row could take for the next
request is answered once, with an error, or taken for the body that it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from http_readers import ours
from s3_callers import BUCKET, raw_exchange

HIDDEN = b"GET /test-bucket/hidden HTTP/1.1\r\nHost: x\r\n\r\n"
PUT = b"PUT /test-bucket/k HTTP/1.1\r\nHost: x\r\n"


@dataclass(frozen=True)
class Case:
    """``status`` is the answer's, and the only one; the connection then ends."""

    sent: bytes
    status: int = 400
    code: bytes = b"InvalidRequest"


CASES = {
    # RFC 9112, 6.1 and 6.3: both together ought to be handled as an error.
    "CL + TE": Case(PUT + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN),
    "TE + CL": Case(PUT + b"Transfer-Encoding: chunked\r\nContent-Length: 60\r\n\r\n0\r\n\r\n" + HIDDEN),
    # 6.3, 5: differing lengths are an unrecoverable error, equal ones may be.
    "two CL": Case(PUT + b"Content-Length: 0\r\nContent-Length: 44\r\n\r\n" + HIDDEN),
    "two CL in one": Case(PUT + b"Content-Length: 0, 44\r\n\r\n" + HIDDEN),
    "two equal CL": Case(PUT + b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n" + HIDDEN),
    "CL with a sign": Case(PUT + b"Content-Length: +0\r\n\r\n" + HIDDEN),
    "CL in hexadecimal": Case(PUT + b"Content-Length: 0x2c\r\n\r\n" + HIDDEN),
    "CL with a blank in it": Case(PUT + b"Content-Length: 4 4\r\n\r\n" + HIDDEN),
    "CL beyond every number": Case(PUT + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n" + HIDDEN),
    # 6.1: the final coding is chunked, and this server knows no other.
    "TE of two codings": Case(PUT + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + HIDDEN),
    "two TE": Case(
        PUT + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + HIDDEN
    ),
    "TE that is not quite chunked": Case(PUT + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + HIDDEN),
    "TE behind a vertical tab": Case(PUT + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n" + HIDDEN),
    "TE in HTTP/1.0": Case(
        PUT.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN
    ),
    # 5.1: no white space between a field's name and the colon.
    "blank before the colon": Case(PUT + b"Content-Length : 44\r\n\r\n" + HIDDEN),
    "tab before the colon": Case(PUT + b"Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n" + HIDDEN),
    # 5.2: obs-fold.
    "obs-fold": Case(PUT + b"A: 1\r\n Content-Length: 44\r\n\r\n" + HIDDEN),
    "obs-fold of TE": Case(PUT + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" + HIDDEN),
    "blank before the first header": Case(b"PUT /test-bucket/k HTTP/1.1\r\n Host: x\r\n\r\n" + HIDDEN),
    # 2.2: line ends.
    "bare LF between headers": Case(PUT + b"A: 1\nContent-Length: 44\r\n\r\n" + HIDDEN),
    "bare LF at the end of the head": Case(PUT + b"\n" + HIDDEN),
    "bare CR in a header": Case(PUT + b"A: 1\rContent-Length: 44\r\n\r\n" + HIDDEN),
    # RFC 9110, 5.5: NUL.
    "NUL in a value": Case(PUT + b"Content-Length: 0\x00\r\n\r\n" + HIDDEN),
    "NUL in a name": Case(PUT + b"Content\x00-Length: 44\r\n\r\n" + HIDDEN),
    # 3.2: one Host.
    "two Host": Case(PUT + b"Host: y\r\n\r\n" + HIDDEN),
    "a header cut off": Case(PUT + b"Content-Length: 4", 400, b"RequestHeaderSectionTooLarge"),
    # The coding of a body that nobody reads: its sender has shown no signature, the connection ends.
    "a body for the next request": Case(PUT + b"Content-Length: 44\r\n\r\n" + HIDDEN, 403, b"AccessDenied"),
    "chunks for the next request": Case(
        PUT + b"Transfer-Encoding: chunked\r\n\r\n2c\r\n" + HIDDEN, 403, b"AccessDenied"
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_hides_a_request_is_answered_once_and_ends_the_connection(shared_server, name):
    case = CASES[name]
    answer = raw_exchange(shared_server, case.sent, half_close=True)
    assert answer.count(b"HTTP/1.1 ") == 1, answer
    assert answer.startswith(b"HTTP/1.1 %d " % case.status), answer
    assert b"<Code>" + case.code + b"</Code>" in answer
    assert b"Connection: close" in answer
    assert all(record.key != "hidden" for record in shared_server.requests)


CHUNKED = PUT + b"Transfer-Encoding: chunked\r\n\r\n"
# RFC 9112, 7.1: what comes out of a coding, None where it is refused.
CODINGS = {
    "whole": (b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
    "size in capitals": (b"A\r\nhellohello\r\n0\r\n\r\n", b"hellohello"),
    "size with zeros before it": (b"0005\r\nhello\r\n0\r\n\r\n", b"hello"),
    "extension": (b"5;name=value\r\nhello\r\n0\r\n\r\n", b"hello"),
    "extension with a size in it": (b"5;2c\r\nhello\r\n0\r\n\r\n", b"hello"),
    "extension in quotes": (b'5;a="0;1"\r\nhello\r\n0\r\n\r\n', b"hello"),
    "extension of the last chunk": (b"0;a\r\n\r\n", b""),
    "extension of a megabyte": (b"5;" + b"a" * 1024**2 + b"\r\nhello\r\n0\r\n\r\n", None),
    "extension with a bare LF": (b"5;a\n2c\r\nhello\r\n0\r\n\r\n", None),
    "extension with a bare CR": (b"5;a\r2c\r\nhello\r\n0\r\n\r\n", None),
    "size beyond 64 bits": (b"ffffffffffffffff5\r\nhello\r\n0\r\n\r\n", None),
    "size of 2**64 + 5": (b"10000000000000005\r\nhello\r\n0\r\n\r\n", None),
    "size with a sign": (b"+5\r\nhello\r\n0\r\n\r\n", None),
    "negative size": (b"-5\r\nhello\r\n0\r\n\r\n", None),
    "size with 0x": (b"0x5\r\nhello\r\n0\r\n\r\n", None),
    "size with an underscore": (b"0_5\r\nhello\r\n0\r\n\r\n", None),
    "no size": (b"\r\nhello\r\n0\r\n\r\n", None),
    "blank before the size": (b" 5\r\nhello\r\n0\r\n\r\n", None),
    "bare LF after the size": (b"5\nhello\r\n0\r\n\r\n", None),
    "bare LF after the chunk": (b"5\r\nhello\n0\r\n\r\n", None),
    "chunk longer than its size": (b"4\r\nhello\r\n0\r\n\r\n", None),
    "chunk shorter than its size": (b"6\r\nhello\r\n0\r\n\r\n", None),
    "NUL after the size": (b"5\x00\r\nhello\r\n0\r\n\r\n", None),
    "trailer": (b"0\r\nA: b\r\n\r\n", b""),
    "trailer that would be a header": (b"0\r\nContent-Length: 44\r\n\r\n", b""),
    "trailer that is none": (b"0\r\nGET / HTTP/1.1\r\n\r\n", None),
    "trailer with a blank before the colon": (b"0\r\nA : b\r\n\r\n", None),
    "trailer folded": (b"0\r\nA: b\r\n c\r\n\r\n", None),
    "trailer with a bare LF": (b"0\r\nA: b\n\r\n", None),
    "trailers without end": (b"0\r\n" + b"A: b\r\n" * 100 + b"\r\n", None),
    "no end": (b"5\r\nhello\r\n0\r\n", None),
}


@pytest.mark.parametrize("name", CODINGS)
def test_a_transfer_coding_means_one_thing_or_nothing(name):
    coded, content = CODINGS[name]
    understood = ours(CHUNKED + coded)
    assert (understood.body if understood else None) == content
    if understood:
        # A trailer never becomes a header, so that it cannot change what was decided by the head.
        assert {name for name, _ in understood.headers} == {"host", "transfer-encoding"}


def test_the_bucket_of_the_cases_is_the_servers():
    assert f"/{BUCKET}/".encode() in PUT
