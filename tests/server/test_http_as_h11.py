"""Our HTTP and h11's are given the same bytes, and understand the same: accepted or refused, method, target,
headers, body. Where they differ on purpose, a rule says so, with the section that permits it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from examples import examples
from http_readers import Understood, ours, theirs
from hypothesis import event, example, given, settings
from hypothesis import strategies as st


@dataclass(frozen=True)
class Difference:
    """``stricter`` is who refuses. ``applies`` looks at the bytes alone; ``sample`` shows the difference."""

    stricter: str
    section: str
    applies: Callable[[bytes], bool]
    sample: bytes


def head_of(sent: bytes) -> bytes:
    """The head with its end, by whichever line ends."""
    end = re.search(rb"\n\r?\n", sent)
    return sent[: end.end()] if end else sent


def fields_of(sent: bytes, name: bytes) -> list[bytes]:
    return re.findall(rb"(?im)^" + re.escape(name) + rb":[ \t]*([^\n]*?)[ \t]*\r?$", head_of(sent))


def is_chunked(sent: bytes) -> bool:
    return bool(fields_of(sent, b"transfer-encoding"))


def in_head_or_coding(pattern: bytes) -> Callable[[bytes], bool]:
    def applies(sent: bytes) -> bool:
        return bool(re.search(pattern, sent if is_chunked(sent) else head_of(sent)))

    return applies


def in_coding(pattern: bytes) -> Callable[[bytes], bool]:
    def applies(sent: bytes) -> bool:
        return is_chunked(sent) and bool(re.search(pattern, sent[len(head_of(sent)) :]))

    return applies


ONCE = (b"authorization", b"content-type")
START = b"GET / HTTP/1.1\r\nHost: x\r\n"
CHUNKED = b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"

DIFFERENCES = {
    "a line ends with LF alone": Difference(
        "ours",
        "RFC 9112, 2.2: a recipient MAY recognize a single LF; it need not",
        in_head_or_coding(rb"(?<!\r)\n"),
        b"GET / HTTP/1.1\nHost: x\n\n",
    ),
    "a header goes on in the next line": Difference(
        "ours",
        "RFC 9112, 5.2: a server MUST reject obs-fold, or replace it",
        in_head_or_coding(rb"\n[ \t]"),
        START + b"A: 1\r\n 2\r\n\r\n",
    ),
    "a method that is not of capital letters, or of more than 20": Difference(
        "ours",
        "RFC 9110, 9.1: methods are case-sensitive, by convention of capitals; an unknown one may be refused",
        lambda sent: not re.match(rb"(\r\n)?[A-Z]{1,20} ", sent),
        b"get / HTTP/1.1\r\nHost: x\r\n\r\n",
    ),
    "the length is told twice, in agreement": Difference(
        "ours",
        "RFC 9112, 6.3, 5: a list of equal lengths MAY be taken for one",
        lambda sent: (
            len(fields_of(sent, b"content-length")) > 1
            or any(b"," in value for value in fields_of(sent, b"content-length"))
        ),
        START + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\nx",
    ),
    "length and transfer coding": Difference(
        "ours",
        "RFC 9112, 6.3, 3: such a message ought to be handled as an error; 6.1: a server MAY reject it",
        lambda sent: is_chunked(sent) and bool(fields_of(sent, b"content-length")),
        CHUNKED[:-2] + b"Content-Length: 3\r\n\r\n0\r\n\r\n",
    ),
    "a transfer coding in HTTP/1.0": Difference(
        "ours",
        "RFC 9112, 6.1: a server MUST treat the framing of such a message as faulty",
        lambda sent: is_chunked(sent) and bool(re.search(rb" HTTP/1\.0\r?\n", head_of(sent))),
        CHUNKED.replace(b"1.1", b"1.0") + b"0\r\n\r\n",
    ),
    "another version than HTTP/1.0 and 1.1": Difference(
        "ours",
        "RFC 9110, 15.6.6 and 2.5: a server may refuse a version that it does not speak",
        lambda sent: not re.search(rb" HTTP/1\.[01]\r?\n", head_of(sent)),
        b"GET / HTTP/2.0\r\nHost: x\r\n\r\n",
    ),
    "a header twice that has one value": Difference(
        "ours",
        "RFC 9110, 5.3: only a field whose value is a list may come several times",
        lambda sent: any(len(fields_of(sent, name)) > 1 for name in ONCE),
        START + b"Content-Type: a/b\r\nContent-Type: c/d\r\n\r\n",
    ),
    "a chunk's size has more than 15 digits": Difference(
        "ours",
        "RFC 9112, 7.1: recipients MUST anticipate large numbers and prevent overflow",
        in_coding(rb"[0-9A-Fa-f]{16}"),
        CHUNKED + b"0000000000000001\r\nx\r\n0\r\n\r\n",
    ),
    "a carriage return in a chunk's extension": Difference(
        "ours",
        "RFC 9112, 2.2: a recipient of a bare CR MUST consider the element invalid",
        in_coding(rb"\r(?!\n)"),
        CHUNKED + b"1;a\rb\r\nx\r\n0\r\n\r\n",
    ),
    "an empty line before the request": Difference(
        "h11",
        "RFC 9112, 2.2: a server SHOULD ignore at least one empty line before the request line",
        lambda sent: sent.startswith(b"\r\n"),
        b"\r\n" + START + b"\r\n",
    ),
    "a vertical tab or a form feed in a header": Difference(
        "h11",
        "RFC 9110, 5.5: control characters other than CR, LF and NUL MAY be retained",
        in_head_or_coding(rb"[\x0b\x0c]"),
        START + b"A: 1\x0b2\r\n\r\n",
    ),
    "blanks before a chunk's extension": Difference(
        "h11",
        'RFC 9112, 7.1.1: chunk-ext = *( BWS ";" BWS chunk-ext-name ... ); recipients MUST parse BWS',
        in_coding(rb"[0-9A-Fa-f][ \t]+;"),
        CHUNKED + b"1 ;a\r\nx\r\n0\r\n\r\n",
    ),
}


def rule_for(sent: bytes, us: Understood | None, them: Understood | None) -> str | None:
    """Returns the rule that explains why the two differ, if they do so by one refusing."""
    stricter = "ours" if us is None else "h11" if them is None else None
    return next(
        (name for name, rule in DIFFERENCES.items() if rule.stricter == stricter and rule.applies(sent)), None
    )


@pytest.mark.parametrize("name", DIFFERENCES)
def test_each_difference_is_really_one(name):
    rule = DIFFERENCES[name]
    us, them = ours(rule.sample), theirs(rule.sample)
    assert (us is None, them is None) == (rule.stricter == "ours", rule.stricter == "h11")
    assert rule.applies(rule.sample)


# Mostly right, and wrong in the ways that matter.
line_ends = st.sampled_from([b"\r\n"] * 12 + [b"\n", b"\r", b"\r\r\n", b"\r\n\r\n"])
tokens = st.sampled_from([b"a", b"x-amz-meta-a_b", b"A!#$%&'*+-.^_`|~9", b"Connection", b"X-Amz-Date"])
values = st.one_of(
    st.sampled_from(
        [b"", b"1", b"a b", b"a\tb", b" a ", b"a,b", b"\xc3\xa9", b"\x85", b"\xa0", b"a:b", b'"q"']
    ),
    st.binary(max_size=4),
)
framing_lines = st.sampled_from(
    [
        b"Content-Length: 5",
        b"Content-Length: 0",
        b"content-length:5",
        b"Content-Length: +5",
        b"Content-Length: -5",
        b"Content-Length: 5, 5",
        b"Content-Length: 0x5",
        b"Content-Length: 5 5",
        b"Content-Length:",
        b"Content-Length : 5",
        b"Content-Length: 00005",
        b"Content-Length: 99999999999999999999999",
        b"Transfer-Encoding: chunked",
        b"Transfer-Encoding: Chunked",
        b"Transfer-Encoding:chunked ",
        b"Transfer-Encoding: gzip, chunked",
        b"Transfer-Encoding: chunked, chunked",
        b"Transfer-Encoding: identity",
        b"Transfer-Encoding: xchunked",
        b"Transfer-Encoding: chunked;q=1",
        b"Transfer-Encoding\t: chunked",
        b"Transfer_Encoding: chunked",
        b"Transfer-Encoding:\x0bchunked",
        b"Transfer-Encoding: chunked\x00",
    ]
)
header_lines = st.one_of(
    st.builds(lambda name, value: name + b": " + value, tokens, values),
    framing_lines,
    st.sampled_from(
        [b"Host: y", b" folded", b"\tfolded", b"no colon", b": no name", b"a : b", b"Content-Type: a/b"]
    ),
    st.binary(max_size=6),
)
targets = [b"/", b"/b/k?uploads", b"/%2F//..", b"*", b"http://x/b", b"x:443", b"/a b", b"/\xc3\xa9", b""]
versions = [b"HTTP/1.1"] * 8 + [b"HTTP/1.0", b"HTTP/1.2", b"HTTP/0.9", b"http/1.1", b"HTTP/1.1 ", b""]
request_lines = st.builds(
    lambda *parts: b"".join(parts),
    st.sampled_from([b"GET", b"PUT", b"POST", b"HEAD", b"OPTIONS", b"get", b"M-SEARCH", b"", b"A" * 21]),
    st.sampled_from([b" "] * 8 + [b"  ", b"\t", b""]),
    st.sampled_from(
        [b"/", b"/b/k?uploads", b"/%2F//..", b"*", b"http://x/b", b"x:443", b"/a b", b"/\xc3\xa9", b""]
    ),
    st.sampled_from([b" "] * 8 + [b"  ", b""]),
    st.sampled_from(
        [b"HTTP/1.1"] * 8 + [b"HTTP/1.0", b"HTTP/1.2", b"HTTP/0.9", b"http/1.1", b"HTTP/1.1 ", b""]
    ),
)
chunk_lines = st.sampled_from(
    [b"5\r\nhello\r\n"] * 4
    + [
        b"5;ext=1\r\nhello\r\n",
        b'5;ext="a;b"\r\nhello\r\n',
        b"5 \r\nhello\r\n",
        b"5 ;ext\r\nhello\r\n",
        b"5;a\rb\r\nhello\r\n",
        b"005\r\nhello\r\n",
        b"00000000000000000005\r\nhello\r\n",
        b"ffffffffffffffff5\r\nhello\r\n",
        b"5\nhello\n",
        b"5\r\nhelloX\r\n",
        b"5\r\nhell\r\n",
        b"+5\r\nhello\r\n",
        b"0x5\r\nhello\r\n",
        b"-5\r\nhello\r\n",
        b"\r\n",
        b" 5\r\nhello\r\n",
        b"A\r\nhellohello\r\n",
        b"a\r\nhellohello\r\n",
    ]
)
endings = st.sampled_from(
    [b"0\r\n\r\n"] * 4
    + [
        b"0\r\na: b\r\n\r\n",
        b"0\r\na : b\r\n\r\n",
        b"0\r\nno colon\r\n\r\n",
        b"0\r\na: b\n\r\n",
        b"0\r\n b\r\n\r\n",
        b"0\r\na: b\r\n c\r\n\r\n",
        b"0;e\r\n\r\n",
        b"0\r\n",
        b"000\r\n\r\n",
        b"0\n\n",
        b"",
    ]
)
bodies = st.one_of(
    st.sampled_from([b"", b"hello", b"hellohello", b"hel"]),
    st.builds(lambda chunks, end: b"".join(chunks) + end, st.lists(chunk_lines, max_size=3), endings),
)


@st.composite
def requests(draw):
    """A request put together of parts; then perhaps a byte of it is changed, added or lost."""
    lines = [draw(request_lines), *draw(st.sampled_from([[b"Host: x"]] * 8 + [[]]))]
    lines += draw(st.lists(header_lines, max_size=4))
    sent = b"".join(line + draw(line_ends) for line in lines) + draw(line_ends)
    sent = draw(st.sampled_from([b""] * 12 + [b"\r\n", b"\n", b"\r\n\r\n"])) + sent + draw(bodies)
    if draw(st.booleans()):
        position = draw(st.integers(0, len(sent)))
        byte = draw(st.sampled_from([b"", b"\x00", b"\r", b"\n", b" ", b"\t", b":", b"\x0b", b"\xff", b"0"]))
        sent = sent[:position] + byte + sent[position + draw(st.integers(0, 1)) :]
    return sent


def compare(sent: bytes) -> None:
    us, them = ours(sent), theirs(sent)
    if us == them:
        event("refused by both" if us is None else "understood alike")
        return
    rule = rule_for(sent, us, them)
    event(f"differs: {rule}")
    assert rule is not None, (sent, us, them)


@settings(max_examples=examples(1500), deadline=None)
@given(requests())
@example(CHUNKED + b"5\r\nhello\r\n0\r\n\r\n")
@example(START + b"Content-Length: 5\r\n\r\nhello")
def test_whole_requests_are_understood_as_h11_does(sent):
    compare(sent)


@settings(max_examples=examples(500), deadline=None)
@given(st.binary(max_size=60))
def test_headers_of_any_bytes(noise):
    compare(START + noise + b"\r\n\r\n")


@settings(max_examples=examples(500), deadline=None)
@given(st.binary(max_size=60))
def test_a_transfer_coding_of_any_bytes(noise):
    compare(CHUNKED + noise)


@settings(max_examples=examples(200), deadline=None)
@given(st.binary(max_size=200), st.lists(st.integers(1, 40), max_size=10))
def test_a_body_comes_out_as_it_went_in_however_it_is_cut(body, sizes):
    coded, rest = b"", body
    for size in sizes:
        piece, rest = rest[:size], rest[size:]
        coded += b"%x\r\n%b\r\n" % (len(piece), piece) if piece else b""
    coded += b"%x\r\n%b\r\n" % (len(rest), rest) if rest else b""
    counted = ours(START + b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
    chunked = ours(CHUNKED + coded + b"0\r\n\r\n")
    assert counted is not None
    assert chunked is not None
    assert counted.body == chunked.body == body
    assert theirs(CHUNKED + coded + b"0\r\n\r\n") == chunked


def test_blanks_in_a_value_stay_and_those_around_it_go():
    """As many as a head holds: what looks for the end of each run of them would take its square in steps."""
    inner = b" " * 60_000
    found = ours(START + b"A: \t x" + inner + b"y \t\r\nB:\t \t\r\nContent-Length: 0\r\n\r\n")
    assert found is not None
    assert dict(found.headers)["a"] == "x" + inner.decode() + "y"
    assert dict(found.headers)["b"] == ""
