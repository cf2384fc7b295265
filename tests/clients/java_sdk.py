"""Requests as the AWS SDK for Java puts them on the wire below Hadoop's S3A, without Java.

Headers, their order and spelling, signed chunks and the wait for 100 Continue are those of recorded requests
(aws-sdk-java/2.29 and 2.35, Apache HTTP client); what S3A asks for is in test_s3a.py.
"""

from __future__ import annotations

import hashlib
import hmac
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from http.client import HTTPResponse
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree

EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
STREAMING = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
# Of the SDK's signed chunks.
CHUNK_BYTES = 128 * 1024
USER_AGENT = (
    "Hadoop 3.4.3, aws-sdk-java/2.35.4 md/io#sync md/http#Apache ua/2.1 os/Linux#6.8.0 lang/java#17.0.12 "
    "md/OpenJDK_64-Bit_Server_VM#17.0.12+7 md/vendor#Eclipse_Adoptium md/en hll/cross-region m/F,N"
)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes
    #: Whether the server said 100 Continue before the body was sent.
    was_continued: bool = False

    def texts(self, name: str) -> list[str]:
        """The texts of all elements of the answer's document with this name."""
        tree = ElementTree.fromstring(self.body)
        return [element.text or "" for element in tree.iter() if element.tag.rpartition("}")[2] == name]


class JavaSDK:
    """One bucket, as a client of the SDK sees it. ``span`` is what S3A's auditor says of the operation."""

    def __init__(self, endpoint: str, bucket: str, access_key_id: str, secret_access_key: str) -> None:
        self._host = urlsplit(endpoint).netloc
        self._bucket = bucket
        self._keys = (access_key_id, secret_access_key)
        self.span = "op_create"

    def call(
        self,
        method: str,
        key: str = "",
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        """Sends a request and returns its answer. A document as the body is signed as a whole, the content of
        PUT by its chunks."""
        path = "/" + "/".join(quote(part, safe="") for part in (self._bucket, *key.split("/")) if part or key)
        query_text = "&".join(
            f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sorted((query or {}).items())
        )
        given = self._headers(method, key, headers or {}, body)
        now = datetime.now(timezone.utc)
        given["X-Amz-Date"] = f"{now:%Y%m%dT%H%M%SZ}"
        signature = self._sign(method, path, query_text, given, now)
        chunked = given["x-amz-content-sha256"] == STREAMING
        content = self._chunks(body or b"", signature, now) if chunked else body or b""
        target = f"{path}?{query_text}" if query_text else path
        return self._send(method, target, given, content)

    def _headers(
        self, method: str, key: str, headers: Mapping[str, str], body: bytes | None
    ) -> dict[str, str]:
        given = {
            "Host": self._host,
            "amz-sdk-invocation-id": "5f7e707e-4ac5-bef5-ba62-00d71034ffdc",
            "amz-sdk-request": "attempt=1; max=6",
            "Referer": f"https://audit.example.org/hadoop/1/{self.span}/e8ede3c7-8506-4a43-8268-fe8fcbb510a4"
            f"-00000021/?op={self.span}&p1=s3a://{self._bucket}/{quote(key)}&pr=alice"
            "&ps=2eac5a04-2153-48db-896a-09bc9a2fd132&cm=FsShell&id=e8ede3c7-00000021&t0=1&fs=e8ede3c7&t1=1"
            "&ts=1764165600000",
            "User-Agent": USER_AGENT,
            "Connection": "Keep-Alive",
            **headers,
        }
        if body is None:
            return {**given, "x-amz-content-sha256": EMPTY_SHA256}
        if method == "POST":
            return {
                **given,
                "x-amz-content-sha256": hashlib.sha256(body).hexdigest(),
                "Content-Length": str(len(body)),
                "Content-Type": "application/xml",
            }
        chunks = [*([CHUNK_BYTES] * (len(body) // CHUNK_BYTES)), *filter(None, [len(body) % CHUNK_BYTES]), 0]
        return {
            **given,
            "Content-Type": given.get("Content-Type", "application/octet-stream"),
            "Expect": "100-continue",
            "x-amz-content-sha256": STREAMING,
            "x-amz-decoded-content-length": str(len(body)),
            "Content-Length": str(sum(len(f"{size:x};chunk-signature=") + 64 + 4 + size for size in chunks)),
            "Content-Encoding": "aws-chunked",
        }

    def _sign(
        self, method: str, path: str, query: str, headers: dict[str, str], now: datetime
    ) -> tuple[bytes, str, str]:
        """Adds the Authorization header; returns the signing key, the scope, and the signature."""
        access_key_id, secret = self._keys
        unsigned = {"connection", "expect", "user-agent"}
        signed = {name.lower(): value for name, value in headers.items() if name.lower() not in unsigned}
        names = ";".join(sorted(signed))
        lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
        canonical = "\n".join((method, path, query, lines, names, headers["x-amz-content-sha256"]))
        scope = f"{now:%Y%m%d}/us-east-1/s3/aws4_request"
        key = f"AWS4{secret}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        text = f"AWS4-HMAC-SHA256\n{headers['X-Amz-Date']}\n{scope}\n{digest}"
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        credential = f"Credential={access_key_id}/{scope}"
        headers["Authorization"] = (
            f"AWS4-HMAC-SHA256 {credential}, SignedHeaders={names}, Signature={signature}"
        )
        return key, scope, signature

    @staticmethod
    def _chunks(body: bytes, signature: tuple[bytes, str, str], now: datetime) -> bytes:
        key, scope, last = signature
        framed = []
        for start in (*range(0, len(body), CHUNK_BYTES), len(body)):
            chunk = body[start : start + CHUNK_BYTES]
            digests = f"{EMPTY_SHA256}\n{hashlib.sha256(chunk).hexdigest()}"
            text = f"AWS4-HMAC-SHA256-PAYLOAD\n{now:%Y%m%dT%H%M%SZ}\n{scope}\n{last}\n{digests}"
            last = hmac.digest(key, text.encode(), "sha256").hex()
            framed.append(b"%x;chunk-signature=%b\r\n%b\r\n" % (len(chunk), last.encode(), chunk))
        return b"".join(framed)

    def _send(self, method: str, target: str, headers: Mapping[str, str], content: bytes) -> Answer:
        host, _, port = self._host.partition(":")
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        with socket.create_connection((host, int(port)), timeout=60) as sock:
            sock.sendall(f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode())
            was_continued = False
            if "Expect" in headers:
                first = sock.recv(65536, socket.MSG_PEEK)
                was_continued = first.startswith(b"HTTP/1.1 100 ")
            if was_continued or "Expect" not in headers:
                sock.sendall(content)
            response = HTTPResponse(sock, method=method)
            response.begin()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, found, response.read(), was_continued)
