"""Moves the bytes of one file: up, down, or from object to object. Every target is written whole or not at
all, and only over what was listed there."""

import base64
import hashlib
import mimetypes
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from s3portal.buckets.parallel import side_by_side
from s3portal.buckets.sync.entries import Entry
from s3portal.buckets.sync.fetching import fetch_range, fetched, range_of
from s3portal.buckets.sync.local_files import target_path, written_beside
from s3portal.buckets.sync.places import Folder, Prefix
from s3portal.buckets.sync.requests import Requests
from s3portal.transfer import MIB, Part, PathSource, Store, plan_parts, send_parts

#: Sent in one request, from memory.
WHOLE_BYTES = 16 * MIB
PART_BYTES = 16 * MIB
#: CopyObject takes up to 5 GiB (S3 API Reference); a request should not take minutes.
COPY_WHOLE_BYTES = 1024 * MIB
COPY_PART_BYTES = 512 * MIB
#: Parts of one large file that are on their way, beside other files.
PARTS_AT_A_TIME = 4
#: rclone and s3fs keep the time of a file under this name, in seconds.
MTIME = "mtime"
_KEPT_HEADERS = frozenset(
    {
        "content-type",
        "cache-control",
        "content-disposition",
        "content-encoding",
        "content-language",
        "expires",
    }
)


class Changed(Exception):
    """A file changed while it was read, or an object since it was listed."""


@dataclass
class Carrier:
    """Moves files from one place to another. Safe in threads. Raises RequestFailed, Changed, UnsafePath,
    OSError, and boto3's errors for large files."""

    source: Folder | Prefix
    target: Folder | Prefix
    storage_class: str = ""
    #: Conditions that see to it that nothing is overwritten that was not listed.
    guarded: bool = True
    _requests: dict[tuple[str, str, str], Requests] = field(default_factory=dict)

    def carry(self, entry: Entry, there: Entry | None) -> None:
        """Makes the target's file be the source's. ``there`` is what the target has now."""
        if isinstance(self.target, Folder):
            self._fetch(entry, self.target)
        elif isinstance(self.source, Folder):
            self._send(self.source.path / entry.path, entry, self.target, there)
        elif _account(self.source.store) == _account(self.target.store):
            self._copy(self.source, entry, self.target, there)
        else:
            self._relay(self.source, entry, self.target, there)

    @property
    def permissions(self) -> str:
        """What the keys have to be allowed."""
        reading = f"s3:GetObject on {self.source.arn}" if isinstance(self.source, Prefix) else ""
        writing = f"s3:PutObject on {self.target.arn}" if isinstance(self.target, Prefix) else ""
        return " and ".join(filter(None, (reading, writing)))

    def requests(self, store: Store) -> Requests:
        """Of the place's bucket."""
        place = (*_account(store), store.bucket)
        if place not in self._requests:
            self._requests[place] = Requests(store)
        return self._requests[place]

    def _condition(self, there: Entry | None) -> dict[str, str]:
        if not self.guarded:
            return {}
        return {"if-match": f'"{there.etag}"'} if there is not None else {"if-none-match": "*"}

    def _send(self, path: Path, entry: Entry, target: Prefix, there: Entry | None) -> None:
        key = target.key(entry.path)
        if entry.size_bytes > WHOLE_BYTES:
            self._send_in_parts(path, entry, target.store, key, there)
            return
        with path.open("rb") as file:
            before = os.fstat(file.fileno())
            body = file.read(entry.size_bytes + 1)
        if len(body) != before.st_size:
            raise Changed("changed while it was read")
        md5 = hashlib.md5(body, usedforsecurity=False).digest()
        headers = {
            **_description(entry),
            **({"x-amz-storage-class": self.storage_class} if self.storage_class else {}),
            "content-md5": base64.b64encode(md5).decode(),
            "content-length": str(len(body)),
            **self._condition(there),
        }
        self.requests(target.store).put(key, body, headers)

    def _send_in_parts(self, path: Path, entry: Entry, store: Store, key: str, there: Entry | None) -> None:
        client: Any = store.client()
        described = _description(entry)
        created = client.create_multipart_upload(
            Bucket=store.bucket,
            Key=key,
            ContentType=described["content-type"],
            Metadata={MTIME: described[f"x-amz-meta-{MTIME}"]},
            **({"StorageClass": self.storage_class} if self.storage_class else {}),
        )
        upload = {"Bucket": store.bucket, "Key": key, "UploadId": created["UploadId"]}
        plan = plan_parts(entry.size_bytes, part_size_bytes=PART_BYTES)
        try:
            before = path.stat()

            def send(part: Part) -> str:
                body = part.read()
                md5 = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
                sent = client.upload_part(**upload, PartNumber=part.number, Body=body, ContentMD5=md5)
                return str(sent["ETag"])

            sent = send_parts(PathSource(path, plan), send, at_a_time=PARTS_AT_A_TIME)
            after = path.stat()
            if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
                raise Changed("changed while it was read")
            self._complete(client, upload, sent.answers, there)
        except BaseException:
            client.abort_multipart_upload(**upload)
            raise

    def _complete(
        self, client: Any, upload: Mapping[str, str], etags: Mapping[int, str], there: Entry | None
    ) -> None:
        parts = [{"PartNumber": number, "ETag": etag} for number, etag in sorted(etags.items())]
        condition: dict[str, str] = {}
        if self.guarded:
            condition = {"IfMatch": f'"{there.etag}"'} if there is not None else {"IfNoneMatch": "*"}
        client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}, **condition)

    def _fetch(self, entry: Entry, target: Folder) -> None:
        source = self.source
        if not isinstance(source, Prefix):
            raise TypeError("a folder is not fetched from")
        if entry.path.endswith("/") and entry.size_bytes == 0:
            # What consoles make as a folder.
            target_path(target.path, entry.path + "x").parent.mkdir(parents=True, exist_ok=True)
            return
        path = target_path(target.path, entry.path)
        requests, key = self.requests(source.store), source.key(entry.path)
        with written_beside(path, entry.modified_s) as file:
            if entry.size_bytes <= WHOLE_BYTES:
                file.write(fetched(requests, key, entry)[0])
                return
            file.truncate(entry.size_bytes)
            fd = file.fileno()

            def fetch(first: int) -> None:
                last = min(first + PART_BYTES, entry.size_bytes) - 1
                fetch_range(
                    requests, key, entry.etag, first, last, lambda block, at: os.pwrite(fd, block, at)
                )

            starts = range(0, entry.size_bytes, PART_BYTES)
            for _ in side_by_side(fetch, starts, PARTS_AT_A_TIME):
                pass

    def _copy(self, source: Prefix, entry: Entry, target: Prefix, there: Entry | None) -> None:
        from_key, key = source.key(entry.path), target.key(entry.path)
        if entry.size_bytes > COPY_WHOLE_BYTES:
            self._copy_in_parts(source, entry, target, there)
            return
        headers = {
            **({"x-amz-storage-class": self.storage_class} if self.storage_class else {}),
            "content-length": "0",
            **self._condition(there),
        }
        self.requests(target.store).copy(key, source.store.bucket, from_key, entry.etag, headers)

    def _relay(self, source: Prefix, entry: Entry, target: Prefix, there: Entry | None) -> None:
        """From one store to another, through this machine's memory; metadata and type come along."""
        from_key, key = source.key(entry.path), target.key(entry.path)
        if entry.size_bytes > WHOLE_BYTES:
            self._relay_in_parts(source, entry, target, there)
            return
        content, headers = fetched(self.requests(source.store), from_key, entry)
        md5 = hashlib.md5(content, usedforsecurity=False).digest()
        kept = {
            name.lower(): value
            for name, value in headers.items()
            if name.lower() in _KEPT_HEADERS or name.lower().startswith("x-amz-meta-")
        }
        wanted = {
            **kept,
            **({"x-amz-storage-class": self.storage_class} if self.storage_class else {}),
            "content-md5": base64.b64encode(md5).decode(),
            "content-length": str(len(content)),
            **self._condition(there),
        }
        self.requests(target.store).put(key, content, wanted)

    def _relay_in_parts(self, source: Prefix, entry: Entry, target: Prefix, there: Entry | None) -> None:
        client: Any = target.store.client()
        from_key = source.key(entry.path)
        upload = self._begun_like(source, entry, target)
        plan = plan_parts(entry.size_bytes, part_size_bytes=PART_BYTES)
        requests = self.requests(source.store)

        def relay(number: int) -> tuple[int, str]:
            first = plan.offset(number)
            part = range_of(requests, from_key, entry.etag, first, first + plan.length(number) - 1)
            md5 = base64.b64encode(hashlib.md5(part, usedforsecurity=False).digest()).decode()
            sent = client.upload_part(**upload, PartNumber=number, Body=part, ContentMD5=md5)
            return number, str(sent["ETag"])

        self._finish(client, upload, relay, plan.part_count, there)

    def _copy_in_parts(self, source: Prefix, entry: Entry, target: Prefix, there: Entry | None) -> None:
        client: Any = target.store.client()
        from_key = source.key(entry.path)
        upload = self._begun_like(source, entry, target)
        plan = plan_parts(entry.size_bytes, part_size_bytes=COPY_PART_BYTES)

        def copy(number: int) -> tuple[int, str]:
            first = plan.offset(number)
            last = first + plan.length(number) - 1
            copied = client.upload_part_copy(
                **upload,
                PartNumber=number,
                CopySource={"Bucket": source.store.bucket, "Key": from_key},
                CopySourceIfMatch=f'"{entry.etag}"',
                CopySourceRange=f"bytes={first}-{last}",
            )
            return number, str(copied["CopyPartResult"]["ETag"])

        self._finish(client, upload, copy, plan.part_count, there)

    def _begun_like(self, source: Prefix, entry: Entry, target: Prefix) -> dict[str, str]:
        """A multipart upload with the metadata and type of the source's object."""
        from_client: Any = source.store.client()
        head = from_client.head_object(
            Bucket=source.store.bucket, Key=source.key(entry.path), IfMatch=f'"{entry.etag}"'
        )
        kept = ("ContentType", "CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage")
        client: Any = target.store.client()
        place = {"Bucket": target.store.bucket, "Key": target.key(entry.path)}
        created = client.create_multipart_upload(
            **place,
            Metadata=head["Metadata"],
            **{name: head[name] for name in kept if head.get(name)},
            **({"StorageClass": self.storage_class} if self.storage_class else {}),
        )
        return {**place, "UploadId": created["UploadId"]}

    def _finish(
        self,
        client: Any,
        upload: Mapping[str, str],
        part: Callable[[int], tuple[int, str]],
        part_count: int,
        there: Entry | None,
    ) -> None:
        try:
            etags = dict(side_by_side(part, range(1, part_count + 1), PARTS_AT_A_TIME))
            self._complete(client, upload, etags, there)
        except BaseException:
            client.abort_multipart_upload(**upload)
            raise


def _description(entry: Entry) -> dict[str, str]:
    content_type, encoding = mimetypes.guess_type(entry.path, strict=False)
    # A .gz is stored as what it is; as an encoding, browsers would unpack it.
    if encoding:
        content_type = {"gzip": "application/gzip", "bzip2": "application/x-bzip2"}.get(encoding)
    return {
        "content-type": content_type or "application/octet-stream",
        f"x-amz-meta-{MTIME}": f"{entry.modified_s:.9f}",
    }


def _account(store: Store) -> tuple[str, str]:
    """What tells stores apart between which nothing is copied on the server."""
    settings = store.settings
    return settings.s3_endpoint, settings.s3_profile or settings.s3_access_key_id
