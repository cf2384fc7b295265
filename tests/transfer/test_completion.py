"""Completing, with every way in which a store can answer: nothing is called stored that is not."""

import hashlib
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import pytest

from s3portal.transfer import (
    Checksum,
    ContentDiffers,
    PartsMissing,
    State,
    Store,
    StoreFailed,
    StoreUnavailable,
    Upload,
    UploadNotFound,
    UploadNotOpen,
    complete_upload,
    plan_parts,
)
from s3portal.transfer.completion import expected_etag
from s3portal.transfer.sizes import MIB

if TYPE_CHECKING:
    from scripted_store import ScriptedStore

NOW = datetime(2026, 11, 21, tzinfo=timezone.utc)
PLAN = plan_parts(10 * MIB + 7)
UPLOAD = Upload(
    id="0c9a2f64",
    state=State.UPLOADING,
    owner_type="dataset",
    owner_id="rivers",
    user="anna",
    filename="rivers.csv",
    size_bytes=PLAN.size_bytes,
    content_type="text/csv",
    part_size_bytes=PLAN.part_size_bytes,
    part_count=PLAN.part_count,
    key="lab/rivers/0c9a2f64/rivers.csv",
    s3_upload_id="s3-upload",
    checksum_algorithm="MD5",
    created_at=NOW,
    updated_at=NOW,
    expires_at=NOW,
)


def md5(part_number: int) -> str:
    return hashlib.md5(bytes([part_number % 256]), usedforsecurity=False).hexdigest()


PART_ETAGS = [md5(number) for number in (1, 2, 3)]
ETAG = expected_etag(PART_ETAGS) or ""


def parts_page(sizes: dict[int, int], next_marker: int | None = None) -> str:
    listed = "".join(
        f"<Part><PartNumber>{number}</PartNumber><Size>{size}</Size><ETag>&quot;{md5(number)}&quot;</ETag></Part>"
        for number, size in sizes.items()
    )
    truncated = "true" if next_marker else "false"
    more = f"<NextPartNumberMarker>{next_marker}</NextPartNumberMarker>" if next_marker else ""
    return f"<ListPartsResult><IsTruncated>{truncated}</IsTruncated>{more}{listed}</ListPartsResult>"


ALL_PARTS = parts_page({1: 5 * MIB, 2: 5 * MIB, 3: 7})
COMPLETE = f"<CompleteMultipartUploadResult><ETag>&quot;{ETAG}&quot;</ETag></CompleteMultipartUploadResult>"


def head(scripted: "ScriptedStore", **changes: str) -> None:
    """Scripts the HEAD of the object as it should be, but for the changes."""
    scripted.answer(
        **{
            "Content_Length": str(UPLOAD.size_bytes),
            "ETag": f'"{ETAG}"',
            "Content_Type": "text/csv",
            "x_amz_meta_upload": UPLOAD.id,
            **changes,
        }
    )


def operations(scripted: "ScriptedStore") -> list[str]:
    names = {"GET": "ListParts", "POST": "CompleteMultipartUpload", "HEAD": "HeadObject"}
    return [names[method] for method, _ in scripted.requests]


def test_the_object_is_looked_at_before_the_upload_is_completed(
    scripted: "ScriptedStore", scripted_store: Store
) -> None:
    scripted.answer(ALL_PARTS)
    scripted.answer(COMPLETE, x_amz_version_id="v1")
    head(scripted, x_amz_version_id="v1", Content_Type="text/csv; charset=utf-8")

    completed = complete_upload(scripted_store, UPLOAD)

    assert operations(scripted) == ["ListParts", "CompleteMultipartUpload", "HeadObject"]
    assert "versionId=v1" in scripted.requests[-1][1]
    assert completed == replace(
        UPLOAD,
        state=State.COMPLETED,
        etag=ETAG,
        version_id="v1",
        content_type="text/csv; charset=utf-8",
        checksum_algorithm=None,
        updated_at=completed.updated_at,
    )
    assert completed.updated_at > NOW


def test_the_store_is_told_the_etags_that_it_listed(scripted: "ScriptedStore", scripted_store: Store) -> None:
    scripted.answer(ALL_PARTS)
    scripted.answer(COMPLETE)
    head(scripted)

    complete_upload(scripted_store, UPLOAD)

    told = scripted.bodies[1].decode()
    positions = [told.index(etag) for etag in PART_ETAGS]
    assert positions == sorted(positions)
    assert told.count("<Part>") == 3


@pytest.mark.parametrize("state", [State.COMPLETED, State.ATTACHED])
def test_a_second_complete_answers_the_same_without_a_request(
    state: str, scripted: "ScriptedStore", scripted_store: Store
) -> None:
    upload = replace(UPLOAD, state=state, etag=ETAG)

    assert complete_upload(scripted_store, upload) == upload
    assert scripted.requests == []


def test_an_aborted_upload_is_not_completed(scripted: "ScriptedStore", scripted_store: Store) -> None:
    with pytest.raises(UploadNotOpen, match="already aborted"):
        complete_upload(scripted_store, replace(UPLOAD, state=State.ABORTED))


def test_missing_parts_and_parts_of_the_wrong_size_are_named_and_nothing_is_completed(
    scripted: "ScriptedStore", scripted_store: Store
) -> None:
    scripted.answer(parts_page({2: 5 * MIB - 1, 4: 5 * MIB}))

    with pytest.raises(PartsMissing) as refusal:
        complete_upload(scripted_store, UPLOAD)

    assert refusal.value.facts == {"missing": "1,3", "wrong_size": "2,4"}
    assert operations(scripted) == ["ListParts"]


def test_ten_thousand_parts_are_listed_page_by_page(scripted: "ScriptedStore", scripted_store: Store) -> None:
    plan = plan_parts(10_000 * 5 * MIB)
    upload = replace(UPLOAD, size_bytes=plan.size_bytes, part_count=10_000)
    for first in range(1, 10_000, 1000):
        last = first + 999
        page = {number: 5 * MIB for number in range(first, last + 1) if number != 7777}
        scripted.answer(parts_page(page, last if last < 10_000 else None))

    with pytest.raises(PartsMissing) as refusal:
        complete_upload(scripted_store, upload)

    assert refusal.value.missing == "7777"
    assert len(scripted.requests) == 10
    assert "part-number-marker=9000" in scripted.requests[-1][1]


def test_a_200_with_an_error_inside_is_an_error_and_is_retried(
    scripted: "ScriptedStore", scripted_store: Store
) -> None:
    scripted.answer(ALL_PARTS)
    scripted.error(200, "InternalError")
    scripted.error(200, "InternalError")
    scripted.answer(COMPLETE)
    head(scripted)

    completed = complete_upload(scripted_store, UPLOAD)

    assert completed.state == State.COMPLETED
    assert operations(scripted).count("CompleteMultipartUpload") == 3


def test_a_200_that_stays_an_error_is_never_a_success(
    scripted: "ScriptedStore", scripted_store: Store
) -> None:
    scripted.answer(ALL_PARTS)
    scripted.error(200, "InternalError")

    with pytest.raises(StoreUnavailable) as failure:
        complete_upload(scripted_store, UPLOAD)

    assert failure.value.operation == "CompleteMultipartUpload"
    assert (failure.value.store_code, failure.value.request_id) == ("InternalError", "4442587FB7D0A2F9")
    assert "HeadObject" not in operations(scripted)


def test_a_200_that_breaks_off_is_retried_too(scripted: "ScriptedStore", scripted_store: Store) -> None:
    scripted.answer(ALL_PARTS)
    scripted.answer("<?xml version='1.0'?><CompleteMultipartUpl")
    scripted.answer(COMPLETE)
    head(scripted)

    assert complete_upload(scripted_store, UPLOAD).state == State.COMPLETED


def test_when_the_answer_was_lost_the_retry_finds_the_object(
    scripted: "ScriptedStore", scripted_store: Store
) -> None:
    scripted.answer(ALL_PARTS)
    scripted.hang_up()
    scripted.error(404, "NoSuchUpload")
    head(scripted)

    assert complete_upload(scripted_store, UPLOAD).etag == ETAG


def test_when_the_portal_died_after_completing_the_next_call_finds_the_object(
    scripted: "ScriptedStore", scripted_store: Store
) -> None:
    scripted.error(404, "NoSuchUpload")
    head(scripted, x_amz_version_id="v1")

    completed = complete_upload(scripted_store, UPLOAD)

    assert (completed.state, completed.version_id) == (State.COMPLETED, "v1")
    assert operations(scripted) == ["ListParts", "HeadObject"]


def test_without_upload_and_without_object_there_is_nothing_to_complete(
    scripted: "ScriptedStore", scripted_store: Store
) -> None:
    scripted.error(404, "NoSuchUpload")
    scripted.answer(status=404)

    with pytest.raises(UploadNotFound):
        complete_upload(scripted_store, UPLOAD)


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


def test_a_part_that_was_replaced_meanwhile_fails_the_call_and_nothing_else(
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
