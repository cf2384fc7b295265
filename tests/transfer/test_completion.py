"""Completing, with every way in which a store can answer: nothing is called stored that is not."""

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from completing_store import ALL_PARTS, COMPLETE, ETAG, NOW, PART_ETAGS, UPLOAD, head, parts_page

from s3portal.transfer import (
    PartsMissing,
    State,
    Store,
    StoreUnavailable,
    UploadNotFound,
    UploadNotOpen,
    complete_upload,
    plan_parts,
)
from s3portal.transfer.sizes import MIB

if TYPE_CHECKING:
    from scripted_store import ScriptedStore


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
