"""Writing one object: in one request, or in parts with bounded memory; every byte checked by the store.

S3 takes metadata only when a write begins, and the MD5 belongs into the metadata (``md5chksum``, which
rclone and the tools of existing sites read), so a file is hashed before it is sent. Then a few parts are
under way at a time, each with its own Content-MD5, which the store compares with what arrived.
"""

import base64
import hashlib
import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO, Any

from botocore.exceptions import BotoCoreError, ClientError
from flask import has_request_context

from indico_plugin.asking import asking_for_a_person, sending_for_a_person
from s3portal.transfer import (
    MD5,
    FileSource,
    Part,
    PartPlan,
    Store,
    encryption_arguments,
    error_code,
    plan_parts,
    send_parts,
)

logger = logging.getLogger("indico.plugin.storage_s3")

#: Parts under way at a time: with 8 MiB parts 24 MiB of buffers, and enough to keep a link busy.
PARTS_AT_A_TIME = 3
_CHUNK_BYTES = 1024 * 1024

#: S3's codes for an object that is not there; HEAD has no body, so only a status.
NOT_THERE = ("404", "NoSuchKey", "NotFound")
# Stores that know no conditional writes say so, or call the header wrong.
_KNOWS_NO_CONDITION = ("NotImplemented", "InvalidArgument", "InvalidRequest", "MethodNotAllowed")


class ContentNotExpected(Exception):
    """The file does not have its recorded MD5; nothing was sent."""


class KeyExists(Exception):
    """There is an object under this key already; it was left as it is."""

    def __init__(self, bucket: str, key: str) -> None:
        super().__init__(f"there is already a file under this key: {key} in {bucket}")


@dataclass(frozen=True)
class WrittenObject:
    """A stored file: its MD5 in hex, as Indico records it, and its size."""

    md5: str
    size_bytes: int


def write_object(
    store: Store,
    key: str,
    content_type: str,
    fileobj: IO[bytes],
    make_bucket: Callable[[], object] | None = None,
    expected_md5: str = "",
) -> WrittenObject:
    """Stores all of ``fileobj``, from its present position, under a key that has no object yet.

    Memory: ``PARTS_AT_A_TIME`` parts. ``make_bucket`` is called where the bucket is not there yet;
    ``expected_md5`` (hex) is what the file must have. Raises KeyExists, ContentNotExpected, ClientError, and
    whatever reading raises; an upload in parts is then aborted.
    """
    with _seekable(fileobj) as source:
        start = source.tell()
        digest, size_bytes = _hash(source)
        source.seek(start)
        if expected_md5 and digest.hex() != expected_md5.lower():
            raise ContentNotExpected(f"its MD5 is {digest.hex()} but should be {expected_md5}")
        md5chksum = _base64(digest)
        _refuse_existing(store, key)
        arguments = {
            "Bucket": store.bucket,
            "Key": key,
            "ContentType": content_type,
            "Metadata": {"md5chksum": md5chksum},
            **encryption_arguments(store.settings.s3_sse),
        }
        plan = plan_parts(
            size_bytes,
            part_size_bytes=store.settings.part_size,
            max_object_size_bytes=store.settings.max_object_size_bytes,
        )
        write = _Write(store, arguments, make_bucket)
        if plan.part_count == 1:
            write.in_one_request(source.read(size_bytes))
        else:
            write.in_parts(plan, source)
    return WrittenObject(digest.hex(), size_bytes)


class _Write:
    """One write, whose arguments are those of PutObject and of CreateMultipartUpload."""

    def __init__(
        self, store: Store, arguments: dict[str, Any], make_bucket: Callable[[], object] | None
    ) -> None:
        self._client = store.client()
        self._arguments = arguments
        self._target = {"Bucket": arguments["Bucket"], "Key": arguments["Key"]}
        self._md5chksum = arguments["Metadata"]["md5chksum"]
        self._make_bucket = make_bucket
        self._in_request = has_request_context()

    def in_one_request(self, body: bytes) -> None:
        arguments = {**self._arguments, "Body": body, "ContentMD5": self._md5chksum}
        with sending_for_a_person(self._in_request, len(body)):
            self._in_bucket(lambda: self._when_absent(self._client.put_object, arguments))

    def in_parts(self, plan: PartPlan, source: IO[bytes]) -> None:
        with sending_for_a_person(self._in_request):
            created = self._in_bucket(lambda: self._client.create_multipart_upload(**self._arguments))
        upload = {**self._target, "UploadId": created["UploadId"]}
        try:
            sent = send_parts(
                FileSource(source, plan),
                lambda part: self._send_part(upload, part),
                algorithm=MD5,
                at_a_time=PARTS_AT_A_TIME,
            )
            parts = [{"PartNumber": number, "ETag": etag} for number, etag in sent.answers.items()]
            with sending_for_a_person(self._in_request):
                self._when_absent(
                    self._client.complete_multipart_upload, {**upload, "MultipartUpload": {"Parts": parts}}
                )
        except BaseException:
            # The parts of an upload that is never finished cost money, and no listing of files shows them.
            self._abort(upload)
            raise

    def _send_part(self, upload: dict[str, Any], part: Part) -> str:
        """Sends a part, which the store compares with its MD5; returns its ETag."""
        body = part.read()
        with sending_for_a_person(self._in_request, part.length_bytes):
            answer = self._client.upload_part(
                **upload,
                PartNumber=part.number,
                Body=body,
                ContentMD5=part.digest.headers["Content-MD5"],
            )
        return answer["ETag"]

    def _in_bucket(self, operation: Callable[[], Any]) -> Any:
        try:
            return operation()
        except ClientError as error:
            if self._make_bucket is None or error_code(error) != "NoSuchBucket":
                raise
        self._make_bucket()
        return operation()

    def _when_absent(self, operation: Callable[..., Any], arguments: dict[str, Any]) -> Any:
        """The write on the condition that nothing is under the key: of two writers at once only one wins."""
        try:
            return operation(**arguments, IfNoneMatch="*")
        except ClientError as error:
            code = error_code(error)
            # After a lost answer boto3 repeats the call, and then finds what it wrote itself.
            if code in ("PreconditionFailed", "412", "NoSuchUpload") and self._is_there():
                return {}
            if code in ("PreconditionFailed", "412"):
                raise KeyExists(*self._target.values()) from error
            if code not in _KNOWS_NO_CONDITION:
                raise
        return operation(**arguments)

    def _is_there(self) -> bool:
        head = self._client.head_object(**self._target)
        return head["Metadata"].get("md5chksum") == self._md5chksum

    def _abort(self, upload: dict[str, Any]) -> None:
        try:
            with sending_for_a_person(self._in_request):
                self._client.abort_multipart_upload(**upload)
        except (ClientError, BotoCoreError) as error:
            logger.warning(
                "Unfinished upload of %(Key)s in %(Bucket)s stays: %(error)s", {**upload, "error": error}
            )


def _refuse_existing(store: Store, key: str) -> None:
    try:
        # Of what a save asks, the first: a store that hangs is noticed here, and within seconds.
        with asking_for_a_person(store):
            store.client().head_object(Bucket=store.bucket, Key=key)
    except ClientError as error:
        # Without the right to list the bucket, S3 answers 403 for what is not there; the condition of the
        # write itself is then the only guard.
        if error_code(error) in (*NOT_THERE, "403"):
            return
        raise
    raise KeyExists(store.bucket, key)


@contextmanager
def _seekable(fileobj: IO[bytes]) -> Iterator[IO[bytes]]:
    """The file itself, or a copy of it on disk where it can be read only once."""
    if getattr(fileobj, "seekable", lambda: hasattr(fileobj, "seek"))():
        yield fileobj
        return
    with TemporaryFile() as copy:
        shutil.copyfileobj(fileobj, copy, _CHUNK_BYTES)
        copy.seek(0)
        yield copy


def _hash(source: IO[bytes]) -> tuple[bytes, int]:
    md5 = hashlib.md5(usedforsecurity=False)
    size_bytes = 0
    while chunk := source.read(_CHUNK_BYTES):
        md5.update(chunk)
        size_bytes += len(chunk)
    return md5.digest(), size_bytes


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()
