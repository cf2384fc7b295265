"""Multipart uploads by the lean requests of a sync: begin, parts, what is there, complete, abort.

Sources: S3 API Reference, CreateMultipartUpload, UploadPart, UploadPartCopy, ListParts,
CompleteMultipartUpload, AbortMultipartUpload.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape, unescape
from typing import Any

from botocore.exceptions import ClientError

from s3portal.buckets.sync.requests import RequestFailed, Requests, copying_from
from s3portal.transfer import error_code

_UPLOAD_ID = re.compile(rb"<UploadId>([^<]+)</UploadId>")
_GONE = frozenset({"NoSuchUpload", "404"})


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A part that the store has; ``etag`` is without quotes."""

    size_bytes: int
    etag: str


@dataclass(frozen=True)
class Multipart:
    """The multipart uploads of one key. Raises RequestFailed."""

    requests: Requests
    key: str

    def begin(self, headers: Mapping[str, str]) -> str:
        """The upload id of a new one, whose object will have what the headers say."""
        answer = self.requests.send("POST", self.key, b"", headers, {"uploads": ""})
        found = _UPLOAD_ID.search(answer.body)
        if found is None:
            raise OSError(f"{self.key}: the store began an upload without saying its id")
        return unescape(found[1].decode())

    def put(self, upload_id: str, number: int, body: memoryview, md5: bytes) -> str:
        """UploadPart; the part's ETag."""
        headers = {"content-md5": base64.b64encode(md5).decode()}
        return self.requests.etag("PUT", self.key, body, headers, _part(upload_id, number))

    def copy(self, upload_id: str, number: int, source: "CopySource", first: int, last: int) -> str:
        """UploadPartCopy of bytes ``first`` to ``last``; the part's ETag."""
        headers = {
            **copying_from(source.bucket, source.key, source.etag),
            "x-amz-copy-source-range": f"bytes={first}-{last}",
        }
        return self.requests.etag("PUT", self.key, b"", headers, _part(upload_id, number))

    def stored(self, upload_id: str) -> dict[int, StoredPart] | None:
        """The parts that are there, by number; None where there is no such upload any more. Raises boto3's
        ClientError."""
        store = self.requests.store
        client: Any = store.client()
        pages = client.get_paginator("list_parts").paginate(
            Bucket=store.bucket, Key=self.key, UploadId=upload_id
        )
        try:
            return {
                part["PartNumber"]: StoredPart(part["Size"], part["ETag"].strip('"'))
                for page in pages
                for part in page.get("Parts", ())
            }
        except ClientError as error:
            if error_code(error) in _GONE:
                return None
            raise

    def complete(self, upload_id: str, etags: Mapping[int, str], condition: Mapping[str, str]) -> str:
        """Makes the object, if the condition (``if-match``, ``if-none-match``) holds; its ETag."""
        parts = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>&quot;{escape(etag)}&quot;</ETag></Part>"
            for number, etag in sorted(etags.items())
        )
        body = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
        headers = {**condition, "content-type": "application/xml"}
        try:
            return self.requests.etag("POST", self.key, body, headers, {"uploadId": upload_id})
        except RequestFailed as error:
            # A completion whose answer was lost is tried again, and finds its upload gone.
            if error.failure.code != "NoSuchUpload" or not self._is_made_of(etags):
                raise
            return _etag_of(etags)

    def abort(self, upload_id: str) -> None:
        """Gives the parts up; one that is gone already is no failure."""
        try:
            self.requests.send("DELETE", self.key, b"", {}, {"uploadId": upload_id})
        except RequestFailed as error:
            if error.failure.status != 404:
                raise

    def _is_made_of(self, etags: Mapping[int, str]) -> bool:
        try:
            return self.requests.head(self.key, "").get("etag", "").strip('"') == _etag_of(etags)
        except RequestFailed:
            return False


@dataclass(frozen=True)
class CopySource:
    """Exactly the object with this ETag."""

    bucket: str
    key: str
    etag: str


def _etag_of(etags: Mapping[int, str]) -> str:
    """The ETag of an object of parts with these ETags; "" where they are no MD5s, as under SSE-KMS."""
    try:
        digests = b"".join(bytes.fromhex(etag) for _, etag in sorted(etags.items()))
    except ValueError:
        return ""
    return f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(etags)}"


def _part(upload_id: str, number: int) -> dict[str, str]:
    return {"partNumber": str(number), "uploadId": upload_id}
