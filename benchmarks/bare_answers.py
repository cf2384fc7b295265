"""What the store that only counts answers: names, sizes and metadata, and zeros for contents."""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode
from bisect import bisect_left, bisect_right
from datetime import datetime, timezone
from email.utils import format_datetime
from functools import cache
from urllib.parse import quote, unquote
from uuid import uuid4

_PAGE = 1000
_EMPTY = hashlib.md5(b"").hexdigest()


class Bucket:
    """Sizes, ETags and metadata of objects, by their names."""

    def __init__(self) -> None:
        #: Size, ETag, and the lines of the metadata.
        self.objects: dict[str, tuple[int, str, str]] = {}
        self.parts: dict[str, dict[int, int]] = {}
        #: Of uploads that are under way: the metadata that their object gets.
        self.begun: dict[str, str] = {}
        self.versions = 1
        self.with_acls = False
        self._sorted: list[str] = []

    def page(self, prefix: str, after: str, delimiter: str) -> tuple[list[str], bool]:
        """Keys, and with a delimiter the common prefixes among them, which end with it."""
        if len(self._sorted) != len(self.objects):
            self._sorted = sorted(self.objects)
        begin = max(bisect_right(self._sorted, after), bisect_left(self._sorted, prefix))
        found: list[str] = []
        while begin < len(self._sorted) and len(found) <= _PAGE:
            key = self._sorted[begin]
            if not key.startswith(prefix):
                break
            end = key.find(delimiter, len(prefix)) if delimiter else -1
            if end >= 0:
                key = key[: end + 1]
                begin = bisect_left(self._sorted, key + chr(0x10FFFF))
            else:
                begin += 1
            if key != after:
                found.append(key)
        return found[:_PAGE], len(found) > _PAGE


def operation(buckets, bucket, name, method, key, query, head, body):
    """Status line, headers and body of the answer; ``body`` is what was sent. Where a body is large, its size
    stands in its place."""
    if "uploadId" in query or ("uploads" in query and method == "POST"):
        return _part(bucket, name, method, key, query, head, body)
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
        size, etag, metadata = bucket.objects[key]
        modified = f"Last-Modified: {_http_date()}"
        headers = f'ETag: "{etag}"\r\n{modified}\r\nAccept-Ranges: bytes\r\n{metadata}'
        if method == "HEAD":
            return "200 OK", f"{headers}Content-Length: {size}\r\n", ""
        return _content(headers, size, head)
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
        result = f'<ETag>"{bucket.objects[key][1]}"</ETag><LastModified>{_time()}</LastModified>'
        return "200 OK", "", f"<CopyObjectResult>{result}</CopyObjectResult>"
    if isinstance(body, int):
        bucket.objects[key] = (body, _told_etag(head), _metadata(head))
    else:
        bucket.objects[key] = (len(body), hashlib.md5(body).hexdigest(), _metadata(head))
    etag = bucket.objects[key][1]
    return "200 OK", f'ETag: "{etag}"\r\n', ""


def _part(bucket, name, method, key, query, head, body):
    if method == "POST" and "uploads" in query:
        upload_id = uuid4().hex
        bucket.begun[upload_id] = _metadata(head)
        named = f"<Bucket>{name}</Bucket><Key>{quote(key)}</Key><UploadId>{upload_id}</UploadId>"
        return "200 OK", "", f"<InitiateMultipartUploadResult>{named}</InitiateMultipartUploadResult>"
    parts = bucket.parts.setdefault(query["uploadId"], {})
    if method == "PUT":
        decoded = re.search(r"\r\nx-amz-decoded-content-length: *(\d+)", head, re.IGNORECASE)
        size = int(decoded[1]) if decoded else body if isinstance(body, int) else len(body)
        parts[int(query["partNumber"])] = size
        return "200 OK", f'ETag: "{_told_etag(head)}"\r\n', ""
    if method == "POST":
        etag = f"{_EMPTY}-{len(parts)}"
        bucket.objects[key] = (sum(parts.values()), etag, bucket.begun.pop(query["uploadId"], ""))
        made = f"<Key>{quote(key)}</Key><ETag>&quot;{etag}&quot;</ETag>"
        return "200 OK", "", f"<CompleteMultipartUploadResult>{made}</CompleteMultipartUploadResult>"
    return ("204 No Content", "", "") if method == "DELETE" else ("200 OK", "", "<ListPartsResult/>")


def _told_etag(head):
    """Of what was not kept: as the sender says."""
    md5 = re.search(r"\r\ncontent-md5: *([^\r]+)", head, re.IGNORECASE)
    return b64decode(md5[1]).hex() if md5 else _EMPTY


def _metadata(head):
    """The lines of it, as they came."""
    return "".join(f"{line}\r\n" for line in re.findall(r"\r\n(x-amz-meta-[^\r]+)", head, re.IGNORECASE))


@cache
def _now():
    """Later than the files that are sent, as a store has it."""
    return datetime.now(timezone.utc)


def _time():
    return f"{_now():%Y-%m-%dT%H:%M:%S}.000Z"


def _http_date():
    return format_datetime(_now(), usegmt=True)


def _content(headers, size, head):
    """Zeros, as many as are asked for: their number stands in place of the body."""
    asked = re.search(r"\r\nrange: *bytes=(\d+)-(\d*)", head, re.IGNORECASE)
    if not asked:
        return "200 OK", headers, size
    first, last = int(asked[1]), min(int(asked[2] or size), size - 1)
    return "206 Partial Content", f"{headers}Content-Range: bytes {first}-{last}/{size}\r\n", last + 1 - first


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
    delimiter = query.get("delimiter", "")
    keys, more = bucket.page(prefix, after, delimiter)
    if versions and len(keys) > _PAGE // bucket.versions:
        keys, more = keys[: _PAGE // bucket.versions], True
    encoded = query.get("encoding-type") == "url"
    items = []
    for key in keys:
        if delimiter and key.endswith(delimiter):
            items.append(f"<CommonPrefixes><Prefix>{key}</Prefix></CommonPrefixes>")
            continue
        size, etag, _ = bucket.objects[key]
        common = (
            f"<Key>{quote(key) if encoded else key}</Key><LastModified>{_time()}</LastModified>"
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
