"""A store with versions that encrypts with keys of KMS: none that runs on one machine does.

It does what the S3 API Reference says of versions and conditions for the few operations that the portal uses,
keeps everything in memory, and lets everybody in.
"""

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from xml.sax.saxutils import escape

_KEPT_HEADERS = ("content-type", "content-disposition", "x-amz-server-side-encryption", "x-amz-storage-class")
_KMS_KEY = "x-amz-server-side-encryption-aws-kms-key-id"


@dataclass
class Version:
    """One version of an object; ``content`` is None for a delete marker."""

    version_id: str
    content: bytes | None
    headers: dict[str, str]
    etag: str
    modified_at: datetime


@dataclass
class VersionedStore:
    """What the store has: versions of each key, the newest last, and unfinished uploads."""

    endpoint: str = ""
    versions: dict[str, list[Version]] = field(default_factory=dict)
    uploads: dict[str, tuple[str, dict[str, str], dict[int, bytes]]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def content(self, key: str, version_id: str | None = None) -> bytes | None:
        """The bytes of a version, or of the newest; None where there is none, or a marker."""
        found = self.find(key, version_id)
        return found.content if found else None

    def find(self, key: str, version_id: str | None) -> Version | None:
        versions = self.versions.get(key, [])
        if version_id:
            return next((each for each in versions if each.version_id == version_id), None)
        return versions[-1] if versions else None

    def write(self, key: str, content: bytes, headers: dict[str, str], etag: str = "") -> Version:
        version = Version(
            uuid.uuid4().hex,
            content,
            headers,
            etag or md5(content, usedforsecurity=False).hexdigest(),
            datetime.now(timezone.utc).replace(microsecond=0),
        )
        self.versions.setdefault(key, []).append(version)
        return version


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    store: VersionedStore

    def log_message(self, *_: Any) -> None:
        """Says nothing."""

    def handle_one(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "aws-chunked" in self.headers.get("Content-Encoding", ""):
            self.body = _unchunked(self.body)
        address = urlsplit(self.path)
        self.query = dict(parse_qsl(address.query, keep_blank_values=True))
        _, _, key = unquote(address.path).lstrip("/").partition("/")
        with self.store.lock:
            if self.command == "POST" and not key and b"AssumeRole" in self.body:
                self.assume_role()
            elif not key:
                self.list_bucket()
            elif "uploads" in self.query or "uploadId" in self.query:
                self.multipart(key)
            else:
                getattr(self, f"on_{self.command.lower()}")(key)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_one

    def answer(self, status: int, body: str | bytes = b"", **headers: str) -> None:
        content = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        for name, value in {"Content-Length": str(len(content)), **named}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def error(self, status: int, code: str) -> None:
        self.answer(status, f"<Error><Code>{code}</Code><Message>{code}</Message></Error>")

    def kept_headers(self) -> dict[str, str]:
        sent = {name.lower(): value for name, value in self.headers.items()}
        kept = {name: sent[name] for name in (*_KEPT_HEADERS, _KMS_KEY) if name in sent}
        return {**kept, **{name: value for name, value in sent.items() if name.startswith("x-amz-meta-")}}

    def on_put(self, key: str) -> None:
        copied = self.headers.get("x-amz-copy-source")
        if copied is None:
            version = self.store.write(key, self.body, self.kept_headers())
            return self.answer(200, ETag=f'"{version.etag}"', x_amz_version_id=version.version_id)
        path, _, version_id = copied.partition("?versionId=")
        source = self.store.find(unquote(path).lstrip("/").partition("/")[2], version_id or None)
        if source is None or source.content is None:
            return self.error(404, "NoSuchKey")
        if self.headers.get("x-amz-copy-source-if-match", source.etag).strip('"') != source.etag:
            return self.error(412, "PreconditionFailed")
        version = self.store.write(key, source.content, self.kept_headers())
        return self.answer(
            200,
            f"<CopyObjectResult><ETag>{version.etag}</ETag></CopyObjectResult>",
            x_amz_version_id=version.version_id,
        )

    def on_head(self, key: str) -> None:
        found = self.store.find(key, self.query.get("versionId"))
        if found is None or found.content is None:
            return self.error(404, "NoSuchKey")
        headers = {name.replace("-", "_"): value for name, value in found.headers.items()}
        return self.answer(
            200,
            found.content,
            ETag=f'"{found.etag}"',
            Last_Modified=format_datetime(found.modified_at, usegmt=True),
            x_amz_version_id=found.version_id,
            **headers,
        )

    on_get = on_head

    def on_delete(self, key: str) -> None:
        versions = self.store.versions.setdefault(key, [])
        version_id = self.query.get("versionId")
        if version_id:
            versions[:] = [each for each in versions if each.version_id != version_id]
        else:
            marker = self.store.write(key, b"", {})
            marker.content = None
        self.answer(204)

    def multipart(self, key: str) -> None:
        upload_id = self.query.get("uploadId", "")
        if self.command == "POST" and not upload_id:
            upload_id = uuid.uuid4().hex
            self.store.uploads[upload_id] = (key, self.kept_headers(), {})
            return self.answer(200, f"<R><UploadId>{upload_id}</UploadId></R>")
        if upload_id not in self.store.uploads:
            return self.error(404, "NoSuchUpload")
        _, headers, parts = self.store.uploads[upload_id]
        etags = {number: md5(part, usedforsecurity=False) for number, part in sorted(parts.items())}
        if self.command == "PUT":
            parts[int(self.query["partNumber"])] = self.body
            return self.answer(200, ETag=f'"{md5(self.body, usedforsecurity=False).hexdigest()}"')
        if self.command == "GET":
            listed = "".join(
                f"<Part><PartNumber>{number}</PartNumber><Size>{len(parts[number])}</Size>"
                f"<ETag>{etag.hexdigest()}</ETag></Part>"
                for number, etag in etags.items()
            )
            return self.answer(200, f"<R>{listed}<IsTruncated>false</IsTruncated></R>")
        del self.store.uploads[upload_id]
        if self.command == "DELETE":
            return self.answer(204)
        of_parts = md5(b"".join(etag.digest() for etag in etags.values()), usedforsecurity=False)
        etag = f"{of_parts.hexdigest()}-{len(etags)}"
        version = self.store.write(key, b"".join(part for _, part in sorted(parts.items())), headers, etag)
        return self.answer(
            200, f"<R><Key>{escape(key)}</Key><ETag>{etag}</ETag></R>", x_amz_version_id=version.version_id
        )

    def list_bucket(self) -> None:
        if "uploads" in self.query:
            return self.answer(200, "<R><IsTruncated>false</IsTruncated></R>")
        prefix, after = self.query.get("prefix", ""), self.query.get("start-after", "")
        found = []
        for key, versions in sorted(self.store.versions.items()):
            if not key.startswith(prefix) or key <= after:
                continue
            shown = versions[::-1] if "versions" in self.query else versions[-1:]
            found += [
                self._listed(key, each)
                for each in shown
                if "versions" in self.query or each.content is not None
            ]
        return self.answer(200, f"<R><IsTruncated>false</IsTruncated>{''.join(found)}</R>")

    def _listed(self, key: str, version: Version) -> str:
        name = "Contents" if "versions" not in self.query else "Version"
        if version.content is None:
            name = "DeleteMarker"
        shown_key = quote(key) if "encoding-type" in self.query else escape(key)
        return (
            f"<{name}><Key>{shown_key}</Key><ETag>{version.etag}</ETag>"
            f"<Size>{len(version.content or b'')}</Size><VersionId>{version.version_id}</VersionId>"
            f"<LastModified>{version.modified_at.strftime('%Y-%m-%dT%H:%M:%S.000Z')}</LastModified></{name}>"
        )

    def assume_role(self) -> None:
        expires = (datetime.now(timezone.utc) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.answer(
            200,
            "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIAEXAMPLE</AccessKeyId>"
            "<SecretAccessKey>secret</SecretAccessKey><SessionToken>token</SessionToken>"
            f"<Expiration>{expires}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>",
        )


def _unchunked(body: bytes) -> bytes:
    """The content of an aws-chunked body."""
    content = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size.split(b";")[0], 16)
        if not length:
            break
        content, body = content + rest[:length], rest[length + 2 :]
    return content


@contextmanager
def versioned_store() -> Iterator[VersionedStore]:
    """The store, running on a free port of this machine."""
    store = VersionedStore()
    handler = type("Handler", (_Handler,), {"store": store})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    store.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield store
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
