"""Completing compares the object with what was sent: by its size, its ETag, its checksum and its parts."""

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from completing_store import ALL_PARTS, COMPLETE, ETAG, UPLOAD, head, md5

from s3portal.transfer import (
    Checksum,
    ContentDiffers,
    State,
    Store,
    StoreFailed,
    complete_upload,
)
from s3portal.transfer.completion import expected_etag

if TYPE_CHECKING:
    from scripted_store import ScriptedStore


OTHER_OBJECTS = [
    ({"Content_Length": "10485766"}, "size"),
    ({"ETag": f'"{ETAG[:-2]}-4"'}, "ETag"),
    ({"x_amz_meta_upload": "another-upload"}, "upload id"),
    ({"x_amz_meta_upload": ""}, "upload id"),
]


@pytest.mark.parametrize(("changes", "what"), [*OTHER_OBJECTS, ({"ETag": f'"{"0" * 32}-3"'}, "ETag")])
def test_an_object_that_is_not_what_was_sent_is_not_completed(
    changes: dict[str, str], what: str, scripted: "ScriptedStore", scripted_store: Store
) -> None:
    scripted.answer(ALL_PARTS)
    scripted.answer(COMPLETE)
    head(scripted, **changes)

    with pytest.raises(ContentDiffers) as refusal:
        complete_upload(scripted_store, UPLOAD)

    assert refusal.value.what == what


@pytest.mark.parametrize(("changes", "what"), OTHER_OBJECTS)
def test_nor_where_an_earlier_answer_was_lost(
    changes: dict[str, str], what: str, scripted: "ScriptedStore", scripted_store: Store
) -> None:
    scripted.error(404, "NoSuchUpload")
    head(scripted, **changes)

    with pytest.raises(ContentDiffers) as refusal:
        complete_upload(scripted_store, UPLOAD)

    assert refusal.value.what == what


@pytest.mark.parametrize(
    "changes",
    [
        {"ETag": f'"{"0" * 32}-3"', "x_amz_server_side_encryption": "aws:kms"},
        {"ETag": f'"{"0" * 32}-3"', "x_amz_server_side_encryption": "aws:kms:dsse"},
        {"ETag": f'"{"0" * 32}-3"', "x_amz_server_side_encryption_customer_algorithm": "AES256"},
        {"ETag": '"made-up-by-the-store"'},
    ],
)
def test_an_etag_that_is_no_md5_is_taken_as_it_is(
    changes: dict[str, str], scripted: "ScriptedStore", scripted_store: Store
) -> None:
    scripted.answer(ALL_PARTS)
    scripted.answer(COMPLETE)
    head(scripted, **changes)

    assert complete_upload(scripted_store, UPLOAD).etag == changes["ETag"].strip('"')


def test_the_version_of_a_bucket_without_versions_is_none(
    scripted: "ScriptedStore", scripted_store: Store
) -> None:
    scripted.answer(ALL_PARTS)
    scripted.answer(COMPLETE, x_amz_version_id="null")
    head(scripted, x_amz_version_id="null")

    assert complete_upload(scripted_store, UPLOAD).version_id is None
    assert "versionId" not in scripted.requests[-1][1]


def test_the_checksum_of_the_whole_object_is_recorded_as_the_store_has_it(
    scripted: "ScriptedStore", scripted_store: Store
) -> None:
    scripted.answer(ALL_PARTS)
    scripted.answer(COMPLETE)
    head(scripted, x_amz_checksum_crc64nvme="AAAAAAAAAAA=", x_amz_checksum_type="FULL_OBJECT")

    completed = complete_upload(scripted_store, UPLOAD, Checksum("CRC64NVME", "AAAAAAAAAAA="))

    assert (completed.checksum_algorithm, completed.checksum_value) == ("CRC64NVME", "AAAAAAAAAAA=")


def test_a_checksum_that_differs_from_the_clients_is_refused(
    scripted: "ScriptedStore", scripted_store: Store
) -> None:
    scripted.answer(ALL_PARTS)
    scripted.answer(COMPLETE)
    head(scripted, x_amz_checksum_crc32c="AAAAAA==", x_amz_checksum_type="FULL_OBJECT")

    with pytest.raises(ContentDiffers, match="its checksum is AAAAAA== but should be BBBBBB=="):
        complete_upload(scripted_store, UPLOAD, Checksum("CRC32C", "BBBBBB=="))


def test_a_checksum_of_checksums_is_not_taken_for_one_of_the_object(
    scripted: "ScriptedStore", scripted_store: Store
) -> None:
    scripted.answer(ALL_PARTS)
    scripted.answer(COMPLETE)
    head(scripted, x_amz_checksum_crc32="AAAAAA==-3", x_amz_checksum_type="COMPOSITE")

    assert complete_upload(scripted_store, UPLOAD, Checksum("CRC32", "BBBBBB==")).checksum_value is None


def test_the_parts_own_md5s_are_compared_where_the_client_has_those(
    scripted: "ScriptedStore", scripted_store: Store
) -> None:
    scripted.answer(ALL_PARTS)
    scripted.answer(COMPLETE)
    head(scripted)

    completed = complete_upload(scripted_store, UPLOAD, Checksum("MD5", ETAG))

    assert completed.checksum_value is None, "an ETag is no checksum of the file"


@pytest.mark.parametrize("algorithm", [None, "CRC64NVME"])
def test_where_md5s_are_not_compared_an_etag_that_looks_like_one_means_nothing(
    algorithm: str | None, scripted: "ScriptedStore", scripted_store: Store
) -> None:
    scripted.answer(ALL_PARTS)
    scripted.answer(COMPLETE)
    head(scripted, ETag=f'"{"0" * 32}-77"')

    completed = complete_upload(scripted_store, replace(UPLOAD, checksum_algorithm=algorithm))

    assert (completed.state, completed.etag) == (State.COMPLETED, f"{'0' * 32}-77")


def test_parts_that_are_not_the_clients_are_refused(scripted: "ScriptedStore", scripted_store: Store) -> None:
    scripted.answer(ALL_PARTS)
    scripted.answer(COMPLETE)
    head(scripted)

    with pytest.raises(ContentDiffers) as refusal:
        complete_upload(scripted_store, UPLOAD, Checksum("MD5", f"{'0' * 32}-3"))

    assert refusal.value.facts == {"what": "ETag", "expected": f"{'0' * 32}-3", "found": ETAG}


def test_md5s_are_not_compared_with_an_etag_that_is_none(
    scripted: "ScriptedStore", scripted_store: Store
) -> None:
    scripted.answer(ALL_PARTS)
    scripted.answer(COMPLETE)
    head(scripted, ETag=f'"{"0" * 32}-3"', x_amz_server_side_encryption="aws:kms")

    assert complete_upload(scripted_store, UPLOAD, Checksum("MD5", ETAG)).state == State.COMPLETED


def test_a_part_that_was_replaced_in_the_meantime_fails_the_call_and_nothing_else(
    scripted: "ScriptedStore", scripted_store: Store
) -> None:
    scripted.answer(ALL_PARTS)
    scripted.error(400, "InvalidPart")

    with pytest.raises(StoreFailed):
        complete_upload(scripted_store, UPLOAD)


def test_a_store_that_refuses_the_look_has_not_stored(
    scripted: "ScriptedStore", scripted_store: Store
) -> None:
    scripted.answer(ALL_PARTS)
    scripted.answer(COMPLETE)
    scripted.answer(status=403)

    with pytest.raises(StoreFailed):
        complete_upload(scripted_store, UPLOAD)


def test_the_expected_etag_is_the_md5_of_the_parts_md5s() -> None:
    # From the worked example that S3 users know: one part of an empty file.
    empty = hashlib.md5(b"", usedforsecurity=False)

    once_more = hashlib.md5(empty.digest(), usedforsecurity=False).hexdigest()
    assert expected_etag([empty.hexdigest()]) == f"{once_more}-1"


def test_no_etag_is_expected_of_parts_without_md5s() -> None:
    assert expected_etag(["opaque", md5(1)]) is None
