"""The objects of one bucket: reading, writing, listing, with errors that say what happened to which one."""

import base64
import contextlib
import hashlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from s3portal.dtool.errors import NotPermitted, ObjectMissing, StoreFailed
from s3portal.dtool.public_store import is_anonymous
from s3portal.dtool.s3_errors import retrying_damage, s3_errors, status
from s3portal.transfer import FRUITLESS_TRIES, Store, broken_off, error_code


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
class ObjectStart:
    """The first bytes of an object."""

    body: bytes
    etag: str


@dataclass(frozen=True, slots=True)
class BucketObjects:
    """The objects of the store's bucket. Safe in threads; every method raises DtoolS3Error where S3 fails."""

    store: Store

    @property
    def bucket(self) -> str:
        return self.store.bucket

    @property
    def anonymous(self) -> bool:
        """Whether the bucket is read as anyone may read it, without a key."""
        return is_anonymous(self.store)

    def require_key(self) -> None:
        """Raises NotPermitted where the bucket is read without a key: nothing is written so."""
        if self.anonymous:
            raise NotPermitted(
                f"s3://{self.bucket} is read without a key, so it cannot be written to:"
                f" DTOOL_S3_ANONYMOUS_{self.bucket} is set. Remove that setting, and set a key."
            )

    def _errors(self, key: str) -> AbstractContextManager[None]:
        return s3_errors(self.bucket, key, anonymous=self.anonymous)

    def put(self, key: str, body: bytes, metadata: dict[str, str] | None = None) -> str:
        """Stores an object and returns its ETag. S3 compares the content with its MD5 before it says so."""
        with self._errors(key):
            return self._put(key, body, Metadata=metadata or {})

    def put_over(self, key: str, body: bytes, etag: str) -> bool:
        """Stores an object in the place of the one with this ETag, or of none where it is "".

        Returns False where another is there by now. A store that knows no conditions stores it anyway.
        """
        condition = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
        with self._errors(key):
            try:
                self._put(key, body, **condition)
            except ClientError as error:
                if status(error) in (409, 412):
                    return False
                if status(error) != 501 and error_code(error) != "NotImplemented":
                    raise
                self._put(key, body)
        return True

    def _put(self, key: str, body: bytes, **arguments: Any) -> str:
        self.require_key()
        md5 = content_md5(body)
        client = self.store.client()
        stored: Any = retrying_damage(
            lambda: client.put_object(Bucket=self.bucket, Key=key, Body=body, ContentMD5=md5, **arguments)
        )
        return str(stored["ETag"])

    def get(self, key: str) -> tuple[bytes, dict[str, str]]:
        """The content and metadata of an object, whole in memory. Raises ObjectMissing."""
        problem: Exception | None = None
        for _ in range(FRUITLESS_TRIES):
            with self._errors(key):
                answer = self.store.client().get_object(Bucket=self.bucket, Key=key)
                try:
                    return answer["Body"].read(), answer["Metadata"]
                except broken_off() as error:
                    problem = error
        raise StoreFailed(f"s3://{self.bucket}/{key}: the answer broke off: {problem}") from problem

    def get_if_there(self, key: str) -> tuple[bytes, dict[str, str]] | None:
        """The same, or None where there is no such object. A 403 is not taken for that."""
        try:
            return self.get(key)
        except ObjectMissing:
            return None

    def start_if_there(self, key: str, most_bytes: int) -> ObjectStart | None:
        """The first bytes of an object, whatever its size; None where there is none."""
        try:
            with self._errors(key):
                answer = self.store.client().get_object(Bucket=self.bucket, Key=key)
                with contextlib.closing(answer["Body"]) as body:
                    return ObjectStart(body.read(most_bytes), answer["ETag"])
        except ObjectMissing:
            return None

    def is_there(self, key: str) -> bool:
        """Whether there is such an object. A 403 is not taken for a no."""
        try:
            self.head(key)
        except ObjectMissing:
            return False
        return True

    def head(self, key: str) -> ObjectHead:
        """What S3 says of an object without sending it. Raises ObjectMissing."""
        with self._errors(key):
            return _object_head(self.store.client().head_object(Bucket=self.bucket, Key=key))

    def list(self, prefix: str) -> Iterator[ListedObject]:
        """The objects whose keys begin with ``prefix``, in the order of the keys: 1,000 a request."""
        pages = self.store.client().get_paginator("list_objects_v2")
        with self._errors(prefix):
            for page in pages.paginate(Bucket=self.bucket, Prefix=prefix):
                for found in page.get("Contents", ()):
                    yield ListedObject(found["Key"], found["Size"], found["ETag"], found["LastModified"])

    def names(self, folder: str) -> Iterator[str]:
        """What follows ``folder`` in the keys that begin with it."""
        return (listed.key.removeprefix(folder) for listed in self.list(folder) if listed.key != folder)

    def delete(self, key: str) -> None:
        """Removes an object; one that does not exist counts as removed."""
        self.require_key()
        with self._errors(key):
            self.store.client().delete_object(Bucket=self.bucket, Key=key)


def content_md5(body: bytes) -> str:
    """The MD5 as the header Content-MD5 says it (RFC 1864)."""
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()


def _object_head(answer: Any) -> ObjectHead:
    return ObjectHead(answer["ContentLength"], answer["ETag"], answer["LastModified"], answer["Metadata"])
