"""A store that only counts: it answers what bucket commands ask as fast as Python can, in a process of its
own, and keeps names and sizes alone. Nothing is authenticated."""

from __future__ import annotations

import asyncio
import hashlib
import json
import multiprocessing
import re
import urllib.request
from bisect import bisect_right
from datetime import datetime, timezone
from types import TracebackType
from urllib.parse import parse_qs, quote, unquote, urlsplit

#: Later than the files that are sent, as a store has it.
_TIME = f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%S}.000Z"
_PAGE = 1000
_EMPTY = hashlib.md5(b"").hexdigest()


class BareStore:
    """Runs as a context. ``fill`` makes keys that nobody has to send; ``requests`` has one entry for each
    request that was answered."""

    def __init__(self) -> None:
        receiving, sending = multiprocessing.Pipe(duplex=False)
        self._process = multiprocessing.Process(target=_serve, args=(sending,), daemon=True)
        self._process.start()
        self.endpoint = f"http://127.0.0.1:{receiving.recv()}"
        self.with_acls = _AclBuckets(self)

    def fill(self, bucket: str, count: int, versions: int = 1) -> None:
        self.tell("fill", bucket=bucket, count=count, versions=versions)

    @property
    def requests(self) -> range:
        return range(int(self.tell("count")))

    def tell(self, what: str, **facts: object) -> str:
        url = f"{self.endpoint}/-control-/{what}"
        with urllib.request.urlopen(url, data=json.dumps(facts).encode()) as answer:
            return str(answer.read().decode())

    def __enter__(self) -> BareStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.join()


class _AclBuckets:
    def __init__(self, store: BareStore) -> None:
        self._store = store

    def add(self, bucket: str) -> None:
        self._store.tell("acls", bucket=bucket)


class _Bucket:
    def __init__(self) -> None:
        self.objects: dict[str, tuple[int, str]] = {}
        self.versions = 1
        self.with_acls = False
        self._sorted: list[str] = []

    def page(self, prefix: str, after: str) -> tuple[list[str], bool]:
        if len(self._sorted) != len(self.objects):
            self._sorted = sorted(self.objects)
        begin = bisect_right(self._sorted, after) if after else 0
        found = [key for key in self._sorted[begin : begin + _PAGE + 1] if key.startswith(prefix)]
        return found[:_PAGE], len(found) > _PAGE


class _Connection(asyncio.Protocol):
    buckets: dict[str, _Bucket] = {}
    count = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._received = bytearray()
        self._continued = False

    def data_received(self, received: bytes) -> None:
        self._received += received
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._received[:end]).decode("latin-1")
            length = re.search(r"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
            size = int(length[1]) if length else 0
            if len(self._received) < end + 4 + size:
                if "100-continue" in head and not self._continued:
                    self._continued = True
                    self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                return
            body = bytes(self._received[end + 4 : end + 4 + size])
            del self._received[: end + 4 + size]
            self._continued = False
            self._answer(head, body)

    def _answer(self, head: str, body: bytes) -> None:
        method, target, _ = head.split(" ", 2)
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        _, name, *rest = parts.path.split("/", 2)
        if name == "-control-":
            self._reply("200 OK", self._control(rest[0], json.loads(body)))
            return
        type(self).count += 1
        bucket = self.buckets.setdefault(name, _Bucket())
        key = unquote(rest[0]) if rest else ""
        status, headers, text = _operation(self.buckets, bucket, name, method, key, query, head, body)
        self._reply(status, text, headers, is_head=method == "HEAD")

    def _control(self, what: str, facts: dict) -> str:
        if what == "count":
            return str(self.count)
        bucket = self.buckets.setdefault(facts["bucket"], _Bucket())
        if what == "acls":
            bucket.with_acls = True
        else:
            bucket.versions = facts["versions"]
            bucket.objects.update((f"{number:08}", (1, _EMPTY)) for number in range(facts["count"]))
        return ""

    def _reply(self, status: str, text: str, headers: str = "", *, is_head: bool = False) -> None:
        body = b"" if is_head else text.encode()
        length = "" if is_head else f"Content-Length: {len(body)}\r\n"
        self._transport.write(f"HTTP/1.1 {status}\r\n{length}{headers}\r\n".encode() + body)


def _operation(buckets, bucket, name, method, key, query, head, body):
    """Status line, headers and body of the answer."""
    if "acl" in query:
        return "200 OK", "", _acl() if method == "GET" else ""
    if key and method == "PUT":
        return _put(buckets, bucket, key, head, body)
    if method == "POST" and "delete" in query:
        for each in set(re.findall(rb"<Key>([^<]*)</Key>", body)):
            bucket.objects.pop(each.decode(), None)
        return "200 OK", "", "<DeleteResult></DeleteResult>"
    if method == "DELETE":
        bucket.objects.pop(key, None)
        return "204 No Content", "", ""
    if key:
        if key not in bucket.objects:
            return "404 Not Found", "", "<Error><Code>NoSuchKey</Code></Error>"
        size, etag = bucket.objects[key]
        modified = "Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT"
        return "200 OK", f'ETag: "{etag}"\r\n{modified}\r\nContent-Length: {size}\r\n', ""
    if "ownershipControls" in query:
        kind = "ObjectWriter" if bucket.with_acls else "BucketOwnerEnforced"
        rule = f"<Rule><ObjectOwnership>{kind}</ObjectOwnership></Rule>"
        return "200 OK", "", f"<OwnershipControls>{rule}</OwnershipControls>"
    for asked, root in _NOTHING_SET.items():
        if asked in query:
            return "200 OK", "", f"<{root}></{root}>"
    return "200 OK", "", "" if method == "HEAD" else _listing(bucket, name, query)


_NOTHING_SET = {
    "location": "LocationConstraint",
    "versioning": "VersioningConfiguration",
    "uploads": "ListMultipartUploadsResult",
}


def _put(buckets, bucket, key, head, body):
    copied = re.search(r"\r\nx-amz-copy-source: */?([^\r]+)", head, re.IGNORECASE)
    if copied:
        source, _, source_key = unquote(copied[1]).partition("/")
        bucket.objects[key] = buckets[source].objects[source_key]
        result = f'<ETag>"{bucket.objects[key][1]}"</ETag><LastModified>{_TIME}</LastModified>'
        return "200 OK", "", f"<CopyObjectResult>{result}</CopyObjectResult>"
    etag = hashlib.md5(body).hexdigest()
    bucket.objects[key] = (len(body), etag)
    return "200 OK", f'ETag: "{etag}"\r\n', ""


def _acl():
    everyone = (
        '<Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="Group">'
        "<URI>http://acs.amazonaws.com/groups/global/AllUsers</URI></Grantee>"
        "<Permission>READ</Permission></Grant>"
    )
    within = f"<Owner><ID>o</ID></Owner><AccessControlList>{everyone}</AccessControlList>"
    return f"<AccessControlPolicy>{within}</AccessControlPolicy>"


def _listing(bucket, name, query):
    prefix = query.get("prefix", "")
    versions = "versions" in query
    markers = ("continuation-token", "start-after", "marker", "key-marker")
    after = next((query[each] for each in markers if query.get(each)), "")
    keys, more = bucket.page(prefix, after)
    if versions and len(keys) > _PAGE // bucket.versions:
        keys, more = keys[: _PAGE // bucket.versions], True
    encoded = query.get("encoding-type") == "url"
    items = []
    for key in keys:
        size, etag = bucket.objects[key]
        common = (
            f"<Key>{quote(key) if encoded else key}</Key><LastModified>{_TIME}</LastModified>"
            f'<ETag>"{etag}"</ETag><Size>{size}</Size><StorageClass>STANDARD</StorageClass>'
        )
        if not versions:
            items.append(f"<Contents>{common}</Contents>")
            continue
        for number in range(bucket.versions):
            latest = f"<IsLatest>{str(number == 0).lower()}</IsLatest>"
            items.append(f"<Version><VersionId>v{number}</VersionId>{latest}{common}</Version>")
    last = keys[-1] if keys else ""
    following = (
        f"<NextContinuationToken>{last}</NextContinuationToken><NextMarker>{last}</NextMarker>"
        f"<NextKeyMarker>{last}</NextKeyMarker><NextVersionIdMarker>v9</NextVersionIdMarker>"
    )
    root = "ListVersionsResult" if versions else "ListBucketResult"
    namespace = "http://s3.amazonaws.com/doc/2006-03-01/"
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><{root} xmlns="{namespace}"><Name>{name}</Name>'
        f"<Prefix>{prefix}</Prefix><KeyCount>{len(keys)}</KeyCount><MaxKeys>{_PAGE}</MaxKeys>"
        f"{'<EncodingType>url</EncodingType>' if encoded else ''}"
        f"<IsTruncated>{str(more).lower()}</IsTruncated>{following if more else ''}{''.join(items)}</{root}>"
    )


def _serve(port_to) -> None:
    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(_Connection, "127.0.0.1", 0)
        port_to.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())
