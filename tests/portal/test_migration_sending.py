"""Files that a migration sends to a bucket in parts: resumed, compared, and never taken for one another."""

import base64
import hashlib
import io
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import IO, Any

import pytest
from doctor_cases import MakeCase

from s3portal.portal.migration import (
    AlreadyThere,
    NotVerified,
    compare_object,
    send_object,
    verify_content,
)
from s3portal.portal.migration.sent_object import OpenSource
from s3portal.transfer import (
    FileShrank,
    NewUpload,
    ObjectGone,
    Store,
    StoreError,
    Upload,
    list_uploads,
    look_at,
    open_store,
    plan_upload,
)

#: Three parts.
CONTENT = os.urandom(11 * 1024 * 1024)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def store(make_case: MakeCase) -> Store:
    case = make_case()
    return replace(case.store, settings=replace(case.store.settings, max_upload_size=0))


def planned(store: Store, size_bytes: int = len(CONTENT)) -> Upload:
    new = NewUpload(
        key="a/b/c/rivers.nc", owner_type="dataset", owner_id="d", user="u", filename="rivers.nc",
        size_bytes=size_bytes, id="3f0f7c6e-0b2c-4e3a-9c53-7b1f2a0d9e11",
    )  # fmt: skip
    return plan_upload(store, new)


def of(content: bytes) -> OpenSource:
    @contextmanager
    def opened() -> Iterator[IO[bytes]]:
        yield io.BytesIO(content)

    return opened


def body(store: Store) -> bytes:
    return bytes(store.client().get_object(Bucket=store.bucket, Key="a/b/c/rivers.nc")["Body"].read())


def requests_of(store: Store, operation: str) -> list[Any]:
    """What is asked from now on."""
    asked: list[Any] = []
    store.client().meta.events.register_first(
        f"before-send.s3.{operation}", lambda **sent: asked.append(sent)
    )
    return asked


@pytest.mark.parametrize("checksum", ["auto", "crc32c", "md5", "off"])
@pytest.mark.parametrize("content", [CONTENT, b"1,2", b""])
def test_a_file_arrives_whole_whatever_parts_are_compared_by(
    store: Store, checksum: str, content: bytes
) -> None:
    store = open_store(replace(store.settings, checksum=checksum))  # type: ignore[arg-type]
    sent = send_object(store, planned(store, len(content)), {"portal": "p"}, of(content))

    assert body(store) == content
    assert sent.sha256 == hashlib.sha256(content).hexdigest()
    found = look_at(store, sent.upload.key)
    assert (sent.upload.etag, sent.upload.size_bytes) == (found.etag, len(content))
    assert (found.metadata["portal"], found.metadata["upload"]) == ("p", sent.upload.id)
    assert compare_object(store, planned(store, len(content)), of(content)).upload.etag == found.etag


def test_what_is_there_is_not_written_again(store: Store) -> None:
    send_object(store, planned(store), {}, of(CONTENT))
    with pytest.raises(AlreadyThere):
        send_object(store, planned(store), {}, of(CONTENT))


def test_parts_that_an_earlier_run_stored_are_not_sent_again(store: Store) -> None:
    one_is_stored = threading.Event()
    store.client().meta.events.register("after-call.s3.UploadPart", lambda **_: one_is_stored.set())

    def read_two_parts(_size: int) -> bytes:
        assert one_is_stored.wait(60)
        raise OSError("the machine lost its power")

    class Breaking(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(size) if self.tell() < 10 * 1024 * 1024 else read_two_parts(0)

    @contextmanager
    def breaking() -> Iterator[IO[bytes]]:
        yield Breaking(CONTENT)

    with pytest.raises(OSError, match="lost its power"):
        send_object(store, planned(store), {}, breaking)
    asked = requests_of(store, "UploadPart")

    sent = send_object(store, planned(store), {}, of(CONTENT))

    assert len(asked) < 3
    assert (sent.sha256, body(store)) == (SHA256, CONTENT)
    assert list(list_uploads(store, "a/b/c/")) == []


def test_parts_of_a_file_that_has_changed_since_make_no_object(store: Store) -> None:
    client, upload = store.client(), planned(store)
    begun = client.create_multipart_upload(Bucket=store.bucket, Key=upload.key, ChecksumAlgorithm="CRC64NVME")
    client.upload_part(
        Bucket=store.bucket,
        Key=upload.key,
        UploadId=begun["UploadId"],
        PartNumber=1,
        Body=bytes(5 * 1024 * 1024),
    )

    with pytest.raises(NotVerified):
        send_object(store, upload, {}, of(CONTENT))

    with pytest.raises(ObjectGone):
        look_at(store, upload.key)
    assert send_object(store, upload, {}, of(CONTENT)).sha256 == SHA256


@pytest.mark.parametrize(("content", "error"), [(CONTENT[:-1], FileShrank), (CONTENT + b"x", NotVerified)])
def test_a_file_of_another_size_makes_no_object(store: Store, content: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        send_object(store, planned(store), {}, of(content))
    with pytest.raises(ObjectGone):
        look_at(store, "a/b/c/rivers.nc")


def test_another_file_under_the_key_is_told_from_it(store: Store) -> None:
    other = bytes(reversed(CONTENT))
    send_object(store, planned(store), {}, of(other))

    with pytest.raises(NotVerified, match="another file"):
        compare_object(store, planned(store), of(CONTENT))
    with pytest.raises(NotVerified, match="bytes and should have"):
        compare_object(store, planned(store, 3), of(b"1,2"))
    with pytest.raises(NotVerified, match="by something else"):
        compare_object(store, replace(planned(store), id="another"), of(other))


def test_where_nothing_is_there_is_nothing_to_compare(store: Store) -> None:
    with pytest.raises(NotVerified, match="there is no object"):
        compare_object(store, planned(store), of(CONTENT))


def test_an_object_whose_etag_tells_nothing_is_read(store: Store) -> None:
    """It came in one part, so its ETag is not that of the plan's parts."""
    upload = planned(store)
    store.client().put_object(
        Bucket=store.bucket, Key=upload.key, Body=CONTENT, Metadata={"upload": upload.id},
        ContentMD5=base64.b64encode(hashlib.md5(CONTENT, usedforsecurity=False).digest()).decode(),
    )  # fmt: skip

    assert compare_object(store, upload, of(CONTENT)).sha256 == SHA256


class TestVerifyContent:
    def test_by_the_sha256_or_else_by_the_stores_checksum(self, store: Store) -> None:
        upload = send_object(store, planned(store), {}, of(CONTENT)).upload
        other = bytes(reversed(CONTENT))

        assert verify_content(upload, SHA256, of(CONTENT)) == SHA256
        assert verify_content(upload, "", of(CONTENT)) == SHA256
        for sha256 in (SHA256, ""):
            with pytest.raises(NotVerified):
                verify_content(upload, sha256, of(other))

    @pytest.mark.parametrize("content", [CONTENT[:-1], CONTENT + b"x"])
    def test_the_size_tells_first(self, store: Store, content: bytes) -> None:
        with pytest.raises(NotVerified, match="bytes"):
            verify_content(planned(store), "", of(content))


def test_somebody_without_keys_reads_nothing_that_is_private(store: Store) -> None:
    send_object(store, planned(store), {}, of(CONTENT))
    assert look_at(store, "a/b/c/rivers.nc").size_bytes == len(CONTENT)
    with pytest.raises(StoreError):
        look_at(store.as_anybody(), "a/b/c/rivers.nc")
