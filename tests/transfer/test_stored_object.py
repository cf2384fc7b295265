"""Whether an object is still the file that was verified."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from scripted_store import ScriptedStore

from s3portal.transfer import Store, Upload, complete_upload
from s3portal.transfer.errors import ContentDiffers, ObjectGone
from s3portal.transfer.store_failures import StoreFailed, StoreUnavailable
from s3portal.transfer.stored_object import look_at, require_stored, require_unchanged

Begin = Callable[..., Upload]


@pytest.fixture
def completed(store: Store, begin: Begin) -> Upload:
    upload = begin(3)
    store.client().upload_part(
        Bucket=store.bucket, Key=upload.key, UploadId=upload.s3_upload_id, PartNumber=1, Body=b"1,2"
    )
    return complete_upload(store, upload)


def test_what_was_completed_is_there(store: Store, completed: Upload) -> None:
    require_stored(store, completed)

    found = look_at(store, completed.key)
    assert (found.size_bytes, found.etag, found.version_id) == (3, completed.etag, None)
    assert found.metadata["upload"] == completed.id


def test_what_is_gone_is_said_to_be_gone(store: Store, completed: Upload) -> None:
    store.client().delete_object(Bucket=store.bucket, Key=completed.key)

    with pytest.raises(ObjectGone):
        require_stored(store, completed)


@pytest.mark.parametrize(("body", "what"), [(b"1,23", "size"), (b"3,4", "ETag")])
def test_what_was_written_again_is_another_file(
    store: Store, completed: Upload, body: bytes, what: str
) -> None:
    store.client().put_object(Bucket=store.bucket, Key=completed.key, Body=body)

    with pytest.raises(ContentDiffers) as differs:
        require_stored(store, completed)
    assert differs.value.what == what


def test_another_version_is_another_file(store: Store, completed: Upload) -> None:
    pinned = replace(completed, version_id="3HL4kqtJlcpXroDTDmJ")

    with pytest.raises(ContentDiffers, match="version"):
        require_unchanged(pinned, look_at(store, completed.key))


@pytest.mark.parametrize("code", ["404", "405"])
def test_a_version_that_is_not_there_is_gone(
    scripted: ScriptedStore, scripted_store: Store, code: str
) -> None:
    scripted.answer(status=int(code))

    with pytest.raises(ObjectGone):
        look_at(scripted_store, "key", "3HL4kqtJlcpXroDTDmJ")
    assert "versionId=3HL4kqtJlcpXroDTDmJ" in scripted.requests[0][1]


@pytest.mark.parametrize(("status", "error"), [(403, StoreFailed), (503, StoreUnavailable)])
def test_a_store_that_fails_says_nothing_of_the_file(
    scripted: ScriptedStore, scripted_store: Store, status: int, error: type[Exception]
) -> None:
    scripted.answer(status=status)

    with pytest.raises(error):
        look_at(scripted_store, "key")
