"""Any request at all to a real server: it is answered, and never by an internal error.

The long form, by hand: S3PORTAL_EXAMPLES=20000, so many for each topic; see tests/shared/examples.py.
"""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from s3_callers import BUCKET, client_of, content_md5, signed_headers
from test_policy_as_documented import policies

from s3portal.server.pytest_plugin import server_config
from s3portal.server.testing import RunningServer

KEY = "k"
CONTENT = bytes(range(256)) * 4
BOUNDARY = "a-boundary"
TIMEOUT_S = 120
# Letters that mean something somewhere, and some that mean nothing anywhere.
odd_texts = st.text(st.sampled_from("a0-=,;:/*%&<>'\" \t.$\u00e9\u4e2d\U0001f600\u200b\x7f"), max_size=12)
odd_words = odd_texts | st.sampled_from(
    [
        "-1",
        "0",
        "1",
        "9" * 30,
        "1e9",
        "true",
        "null",
        "Enabled",
        "GOVERNANCE",
        "STANDARD",
        "2026-01-01T00:00:00Z",
    ]
)
latin_texts = st.text(st.characters(min_codepoint=33, max_codepoint=255), max_size=12)


class Talker:
    """One connection at a time; it looks at every answer."""

    def __init__(self, server: RunningServer) -> None:
        self.server = server
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT_S)

    def send(self, method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> int:
        """Returns the status; fails for an answer that no client could make anything of, and for none."""
        try:
            answer = self._exchange(method, target, headers, body)
        except (ConnectionError, http.client.HTTPException):
            # The one before may have ended the connection.
            self._connection.close()
            answer = self._exchange(method, target, headers, body)
        text = answer.read()
        if answer.headers.get("Connection", "").lower() == "close":
            self._connection.close()
        assert answer.status in range(200, 500) or answer.status == 501, (answer.status, text)
        if answer.status >= 400 and text:
            assert ElementTree.fromstring(text).findtext("Code"), text
        return answer.status

    def _exchange(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> http.client.HTTPResponse:
        self._connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in {"Host": "127.0.0.1", "Content-Length": str(len(body)), **headers}.items():
            self._connection.putheader(name, value.encode("latin-1", "replace"))
        self._connection.endheaders(body)
        return self._connection.getresponse()

    def send_signed(
        self, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> int:
        url = self.server.endpoint + target
        return self.send(
            method, target, signed_headers(self.server, method, url, headers, body, "root"), body
        )

    def close(self) -> None:
        self._connection.close()


@pytest.fixture(scope="module")
def talker(tmp_path_factory):
    config = server_config()
    # Whom no policy of a bucket keeps from removing it.
    policy = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    keys = {"access_key_id": "root-key", "secret_access_key": "root-secret"}
    config["users"].append({"name": "root", "policy": policy, **keys})
    with RunningServer(tmp_path_factory.mktemp("any") / "s3", config) as server:
        s3 = client_of(server, "root")
        s3.put_object(Bucket=BUCKET, Key=KEY, Body=CONTENT)
        s3.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True, ObjectOwnership="ObjectWriter")
        s3.put_object(Bucket="locked", Key=KEY, Body=CONTENT)
        talker = Talker(server)
        yield talker
        # It is alive, and has what it had.
        assert s3.get_object(Bucket=BUCKET, Key=KEY)["Body"].read() == CONTENT
        talker.close()


# A valid document for each operation that takes one, as method, target and XML.
DOCUMENTS = [
    line.split(" ", 2)
    for line in Path(__file__).with_name("fixtures").joinpath("documents.txt").read_text().splitlines()
]
_TOKENS = re.compile(r"<[^>]*>|[^<]+")
changes = st.lists(
    st.tuples(st.sampled_from(["drop", "repeat", "text", "rename", "swap"]), st.integers(0, 60), odd_words),
    max_size=4,
)


def altered(document: str, asked: list[tuple[str, int, str]]) -> str:
    """A document with some of its tags and texts dropped, repeated, replaced, or put elsewhere."""
    tokens = _TOKENS.findall(document)
    for kind, place, text in asked:
        place %= len(tokens)
        if kind == "drop" and len(tokens) > 1:
            del tokens[place]
        elif kind == "repeat":
            tokens[place:place] = tokens[place : place + 3]
        elif kind == "text" and not tokens[place].startswith("<"):
            tokens[place] = text.replace("<", "&lt;").replace("&", "&amp;")
        elif kind == "rename":
            tokens[place] = tokens[place].replace("a", "e", 1)
        else:
            other = (place * 7 + len(text)) % len(tokens)
            tokens[place], tokens[other] = tokens[other], tokens[place]
    return "".join(tokens)


@settings(max_examples=examples(60))
@given(st.sampled_from(DOCUMENTS), changes, st.binary(max_size=3))
def test_documents(talker, call, asked, noise):
    method, target, document = call
    body = altered(document, asked).encode() + (noise if len(asked) == 4 else b"")
    talker.send_signed(method, target, content_md5(body), body)


@settings(max_examples=examples(60))
@given(
    st.sampled_from(["GET", "HEAD"]),
    st.text(st.sampled_from("bytes=-0123456789, \t;x"), max_size=24).map("bytes=".__add__) | latin_texts,
    st.none() | odd_words,
    st.none() | odd_words,
)
def test_ranges(talker, method, header, part_number, condition):
    query = "" if part_number is None else f"?partNumber={percent_encoded(part_number)}"
    headers = {"Range": header.strip()}
    if condition is not None:
        headers["If-Range"] = condition.strip()
    talker.send_signed(method, f"/{BUCKET}/{KEY}{query}", headers)


def percent_encoded(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


FIELDS = [
    "key",
    "policy",
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-signature",
    "acl",
    "tagging",
    "success_action_status",
    "success_action_redirect",
    "x-amz-meta-a",
    "Content-Type",
    "file",
    "bucket",
    "x-amz-checksum-crc32",
    "x-amz-storage-class",
    "x-ignore-a",
    "AWSAccessKeyId",
    "signature",
]


@pytest.fixture(scope="module")
def form_fields(talker):
    conditions = [["starts-with", f"${name}", ""] for name in FIELDS if not name.startswith("x-amz-check")]
    s3 = client_of(talker.server, "root")
    return s3.generate_presigned_post(BUCKET, "form", Conditions=conditions, ExpiresIn=7200)["fields"]


@settings(max_examples=examples(60))
@given(
    st.dictionaries(
        st.sampled_from(FIELDS), odd_words | st.sampled_from(["${filename}", "201", "200"]), max_size=3
    ),
    st.lists(st.sampled_from(FIELDS), max_size=2),
    st.lists(st.tuples(st.integers(0, 5000), st.binary(max_size=4)), max_size=2),
    odd_texts,
)
def test_forms(talker, form_fields, given_fields, dropped, cuts, filename):
    fields = {name: value for name, value in {**form_fields, **given_fields}.items() if name not in dropped}
    body = b"".join(
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    )
    body += (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n\r\n'.encode()
    )
    body += b"content" + f"\r\n--{BOUNDARY}--\r\n".encode()
    for place, noise in cuts:
        place %= len(body) + 1
        body = body[:place] + noise + body[place + 2 :]
    talker.send("POST", f"/{BUCKET}", {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}, body)


@settings(max_examples=examples(60))
@given(
    st.lists(st.integers(0, 300), max_size=4),
    st.integers(-2, 2),
    st.lists(st.tuples(st.integers(0, 2000), st.binary(max_size=3)), max_size=2),
    st.sampled_from(
        ["STREAMING-UNSIGNED-PAYLOAD-TRAILER", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
         "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"]
    ),
    st.none() | st.sampled_from(["x-amz-checksum-crc32", "x-amz-checksum-sha256", "x-amz-meta-a", ""]),
)  # fmt: skip
def test_chunked_bodies(talker, sizes, lie, cuts, kind, trailer):
    signature = "" if "UNSIGNED" in kind else f";chunk-signature={'0' * 64}"
    body = b"".join(f"{size:x}{signature}\r\n".encode() + b"x" * size + b"\r\n" for size in [*sizes, 0])
    if trailer:
        body = body[:-2] + f"{trailer}:AAAAAA==\r\n\r\n".encode()
    for place, noise in cuts:
        place %= len(body) + 1
        body = body[:place] + noise + body[place + 1 :]
    headers = {
        "x-amz-content-sha256": kind,
        "x-amz-decoded-content-length": str(max(sum(sizes) + lie, 0)),
        "Content-Encoding": "aws-chunked",
    }
    if trailer is not None:
        headers["x-amz-trailer"] = trailer
    talker.send_signed("PUT", f"/{BUCKET}/chunked", headers, body)


@settings(max_examples=examples(60))
@given(
    st.dictionaries(
        st.sampled_from(
            ["Authorization", "x-amz-date", "x-amz-content-sha256", "x-amz-security-token", "Date", "Host"]
        ),
        latin_texts | st.sampled_from(["AWS4-HMAC-SHA256 Credential=a/b/c/s3/aws4_request", "AWS a:b"]),
        max_size=2,
    ),
    st.dictionaries(
        st.sampled_from(
            ["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders",
             "X-Amz-Signature", "X-Amz-Security-Token", "versionId", "prefix", "max-keys"]
        ),
        odd_words | st.just("AWS4-HMAC-SHA256"),
        max_size=7,
    ),
    st.lists(st.tuples(st.integers(0, 400), latin_texts), max_size=2),
)  # fmt: skip
def test_signatures(talker, headers, query, cuts):
    target = f"/{BUCKET}/{KEY}?" + "&".join(
        f"{name}={percent_encoded(value)}" for name, value in query.items()
    )
    url = talker.server.endpoint + target
    signed = signed_headers(talker.server, "GET", url, user="root") | headers
    authorization = signed.get("Authorization", "")
    for place, noise in cuts:
        place %= len(authorization) + 1
        authorization = authorization[:place] + noise + authorization[place + 1 :]
    signed["Authorization"] = authorization.strip()
    talker.send("GET", target, {name: value.strip() for name, value in signed.items()})


@settings(max_examples=examples(60))
@given(
    policies,
    st.sampled_from(
        ["*", {"AWS": "*"}, {"AWS": ["000000000000"]}, {"CanonicalUser": "a"}, {"Service": "s3"}, [], None]
    ),
    st.none() | odd_words,
)
def test_bucket_policies(talker, document, principal, text):
    for statement in document["Statement"]:
        statement["Principal"] = principal
    body = json.dumps(document).encode()
    if text is not None:
        body = body.replace(b"Allow", text.encode(), 1)
    target = f"/{BUCKET}?policy"
    if talker.send_signed("PUT", target, content_md5(body), body) == 204:
        talker.send("GET", f"/{BUCKET}/{KEY}", {})
        talker.send_signed("GET", f"/{BUCKET}?policyStatus")
        talker.send_signed("DELETE", target)
