"""The objects of one bucket: reading, writing, listing, with errors that say what happened to which one."""

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import HTTPClientError, IncompleteReadError
from urllib3.exceptions import HTTPError

from s3portal.dtool.errors import ObjectMissing, StoreFailed
from s3portal.dtool.s3_errors import s3_errors
from s3portal.transfer import Store

# botocore repeats requests, but not the reading of an answer's body that breaks off.
_READ_ATTEMPTS = 4


@dataclass(frozen=True, slots=True)
class ListedObject:
    """An object as a listing shows it."""

    key: str
    size_bytes: int
    etag: str
    stored_at: datetime


@dataclass(frozen=True, slots=True)
class ObjectHead:
    """An object without its content. ``metadata`` are the ``x-amz-meta-`` headers."""

    size_bytes: int
    etag: str
    stored_at: datetime
    metadata: dict[str, str]


@dataclass(frozen=True, slots=True)
class BucketObjects:
    """The objects of the store's bucket. Safe in threads; every method raises DtoolS3Error where S3 fails."""

    store: Store

    @property
    def bucket(self) -> str:
        return self.store.bucket

    def put(self, key: str, body: bytes, metadata: dict[str, str] | None = None) -> str:
        """Stores an object and returns its ETag. S3 compares the content with its MD5 before it says so."""
        md5 = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
        with s3_errors(self.bucket, key):
            stored = self.store.client().put_object(
                Bucket=self.bucket, Key=key, Body=body, Metadata=metadata or {}, ContentMD5=md5
            )
        return str(stored["ETag"])

    def get(self, key: str) -> tuple[bytes, dict[str, str]]:
        """The content and metadata of an object, whole in memory. Raises ObjectMissing."""
        problem: Exception | None = None
        for _ in range(_READ_ATTEMPTS):
            with s3_errors(self.bucket, key):
                answer = self.store.client().get_object(Bucket=self.bucket, Key=key)
                try:
                    return answer["Body"].read(), answer["Metadata"]
                except (IncompleteReadError, HTTPClientError, HTTPError, OSError) as error:
                    problem = error
        raise StoreFailed(f"s3://{self.bucket}/{key}: the answer broke off: {problem}") from problem

    def get_if_there(self, key: str) -> tuple[bytes, dict[str, str]] | None:
        """The same, or None where there is no such object. A 403 is not taken for that."""
        try:
            return self.get(key)
        except ObjectMissing:
            return None

    def head(self, key: str) -> ObjectHead:
        """What S3 says of an object without sending it. Raises ObjectMissing."""
        with s3_errors(self.bucket, key):
            return _object_head(self.store.client().head_object(Bucket=self.bucket, Key=key))

    def list(self, prefix: str) -> Iterator[ListedObject]:
        """The objects whose keys begin with ``prefix``, in the order of the keys: 1,000 a request."""
        pages = self.store.client().get_paginator("list_objects_v2")
        with s3_errors(self.bucket, prefix):
            for page in pages.paginate(Bucket=self.bucket, Prefix=prefix):
                for found in page.get("Contents", ()):
                    yield ListedObject(found["Key"], found["Size"], found["ETag"], found["LastModified"])

    def names(self, folder: str) -> Iterator[str]:
        """What follows ``folder`` in the keys that begin with it."""
        return (listed.key.removeprefix(folder) for listed in self.list(folder) if listed.key != folder)

    def delete(self, key: str) -> None:
        """Removes an object; one that is not there counts as removed."""
        with s3_errors(self.bucket, key):
            self.store.client().delete_object(Bucket=self.bucket, Key=key)


def _object_head(answer: Any) -> ObjectHead:
    return ObjectHead(answer["ContentLength"], answer["ETag"], answer["LastModified"], answer["Metadata"])
