"""Create, sign, list, abort, delete: what is asked of the store, and what its answers become."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest
from new_uploads import new_upload

from s3portal.transfer import (
    AlreadyAttached,
    FileTooLarge,
    InvalidRequest,
    PartOutsidePlan,
    State,
    Store,
    StoreFailed,
    StoreUnavailable,
    TooManyParts,
    Upload,
    UploadNotFound,
    UploadNotOpen,
    abort_upload,
    create_upload,
    delete_object,
    list_parts,
    open_store,
    sign_parts,
)
from s3portal.transfer.sizes import MIB

if TYPE_CHECKING:
    from scripted_store import ScriptedStore

CREATED = "<InitiateMultipartUploadResult><UploadId>s3-upload</UploadId></InitiateMultipartUploadResult>"


@pytest.fixture
def create(scripted: "ScriptedStore", scripted_store: Store) -> Callable[..., Upload]:
    def create_with(**values: object) -> Upload:
        known = {"filename": "Flüsse.csv", "size_bytes": 10 * MIB + 7, "content_type": "text/csv"}
        return create_upload(scripted_store, new_upload(scripted_store, **{**known, **values}))

    return create_with


@pytest.fixture
def upload(scripted: "ScriptedStore", create: Callable[..., Upload]) -> Upload:
    """An upload that has just begun; the script is empty again."""
    scripted.answer(CREATED)
    upload = create()
    scripted.requests.clear()
    scripted._answers.clear()
    return upload


def test_an_upload_begins_under_a_key_of_its_own(
    scripted: "ScriptedStore", create: Callable[..., Upload], scripted_store: Store
) -> None:
    scripted.answer(CREATED)

    upload = create(fingerprint="f1")

    assert upload.state == State.UPLOADING
    assert upload.key == f"lab/rivers/{upload.id}/Flüsse.csv"
    assert scripted.requests == [("POST", f"/river-data/{upload.key}?uploads")]
    assert (upload.s3_upload_id, upload.part_count, upload.plan.length(3)) == ("s3-upload", 3, 7)
    assert upload.expires_at - upload.created_at == timedelta(days=7)
    assert create().id != upload.id


def test_the_object_says_where_it_comes_from(
    scripted: "ScriptedStore",
    create: Callable[..., Upload],
    monkeypatch: pytest.MonkeyPatch,
    scripted_store: Store,
) -> None:
    scripted.answer(CREATED)
    sent: dict[str, object] = {}
    scripted_store.client().meta.events.register(
        "provide-client-params.s3.CreateMultipartUpload", lambda params, **_: sent.update(params)
    )

    upload = create(metadata={"user": "Ånna", "portal": "https://data.example.org"}, id="chosen")

    assert sent["ContentType"] == "text/csv"
    assert str(sent["ContentDisposition"]).startswith("attachment;")
    assert sent["Metadata"] == {"user": "%C3%85nna", "portal": "https://data.example.org", "upload": "chosen"}
    assert upload.id == "chosen"


@pytest.mark.parametrize("sent_type", ["", "nonsense", "text/html\r\nX-Evil: 1"])
def test_what_is_no_content_type_is_stored_as_bytes(
    sent_type: str, scripted: "ScriptedStore", create: Callable[..., Upload]
) -> None:
    scripted.answer(CREATED)

    assert create(content_type=sent_type).content_type == "application/octet-stream"


@pytest.mark.parametrize(
    ("values", "field"),
    [({"filename": ""}, "filename"), ({"filename": "a" * 1001}, "filename"), ({"size_bytes": -1}, "size")],
)
def test_what_cannot_be_a_file_is_refused_before_the_store_is_asked(
    values: dict[str, object], field: str, scripted: "ScriptedStore", create: Callable[..., Upload]
) -> None:
    with pytest.raises(InvalidRequest, match=f"^{field} must"):
        create(**values)

    assert scripted.requests == []


def test_a_file_over_the_portals_limit_is_refused_by_that_settings_name(
    scripted: "ScriptedStore", scripted_store: Store
) -> None:
    small = open_store(replace(scripted_store.settings, max_upload_size=1000))

    with pytest.raises(FileTooLarge) as refusal:
        create_upload(small, new_upload(small, size_bytes=1001))

    assert refusal.value.facts == {"limit": 1000, "given": 1001, "setting": "max_upload_size"}


def test_parts_are_signed_without_a_request(
    scripted: "ScriptedStore", scripted_store: Store, upload: Upload
) -> None:
    signed = sign_parts(scripted_store, upload, [1, 3])

    assert [part.part_number for part in signed] == [1, 3]
    assert unquote(signed[0].url).startswith(
        f"{scripted.endpoint}/river-data/{upload.key}?uploadId=s3-upload"
    )
    assert scripted.requests == []


def test_only_parts_of_the_plan_are_signed_and_at_most_a_thousand(
    scripted_store: Store, upload: Upload
) -> None:
    with pytest.raises(PartOutsidePlan):
        sign_parts(scripted_store, upload, [1, 4])
    with pytest.raises(TooManyParts, match="1001 parts were requested; one call signs at most 1000"):
        sign_parts(scripted_store, upload, [1] * 1001)


@pytest.mark.parametrize("state", [State.COMPLETED, State.ATTACHED, State.ABORTED])
def test_nothing_is_signed_for_an_upload_that_is_over(
    state: str, scripted_store: Store, upload: Upload
) -> None:
    with pytest.raises(UploadNotOpen, match=f"already {state}"):
        sign_parts(scripted_store, replace(upload, state=state), [1])


def test_what_need_not_be_sent_again_is_shown_as_ranges(
    scripted: "ScriptedStore", scripted_store: Store, upload: Upload
) -> None:
    scripted.answer(
        "<ListPartsResult><IsTruncated>false</IsTruncated>"
        "<Part><PartNumber>1</PartNumber><Size>5242880</Size><ETag>a</ETag></Part>"
        "<Part><PartNumber>2</PartNumber><Size>5242881</Size><ETag>b</ETag></Part>"
        "<Part><PartNumber>3</PartNumber><Size>7</Size><ETag>c</ETag></Part></ListPartsResult>"
    )

    shown = upload.as_dict(list_parts(scripted_store, upload))

    # Part 2 is of the wrong size, so it does not count as stored.
    assert (shown["stored"], shown["stored_bytes"]) == ("1,3", 5 * MIB + 7)


@pytest.mark.parametrize("code", ["NoSuchUpload", "NoSuchKey"])
def test_an_upload_that_the_store_does_not_know_is_not_found(
    code: str, scripted: "ScriptedStore", scripted_store: Store, upload: Upload
) -> None:
    # Ceph RGW 16 speaks of the key.
    scripted.error(404, code)

    with pytest.raises(UploadNotFound):
        list_parts(scripted_store, upload)


def test_an_upload_is_shown_as_the_protocol_says(upload: Upload) -> None:
    shown = upload.as_dict()

    assert shown == {
        "id": upload.id,
        "state": "uploading",
        "owner": {"type": "dataset", "id": "rivers"},
        "filename": "Flüsse.csv",
        "size": 10 * MIB + 7,
        "content_type": "text/csv",
        "part_size": 5 * MIB,
        "part_count": 3,
        "stored": None,
        "stored_bytes": None,
        "checksum_algorithm": None,
        "checksum": None,
        "fingerprint": "",
        "created_at": upload.created_at.isoformat(),
        "updated_at": upload.updated_at.isoformat(),
        "expires_at": upload.expires_at.isoformat(),
    }
    assert str(shown["created_at"]).endswith("+00:00")


@pytest.mark.parametrize("state", [State.COMPLETED, State.ATTACHED])
def test_of_a_completed_upload_everything_is_stored(state: str, upload: Upload) -> None:
    shown = replace(upload, state=state, checksum_algorithm="CRC32", checksum_value="AAAAAA==").as_dict()

    assert (shown["stored"], shown["stored_bytes"]) == ("1-3", 10 * MIB + 7)
    assert shown["checksum"] == {"algorithm": "CRC32", "value": "AAAAAA=="}


def test_aborting_removes_the_parts(scripted: "ScriptedStore", scripted_store: Store, upload: Upload) -> None:
    scripted.answer(status=204)

    aborted = abort_upload(scripted_store, upload)

    assert aborted.state == State.ABORTED
    assert scripted.requests == [("DELETE", f"/river-data/{upload.key}?uploadId=s3-upload")]


def test_aborting_again_is_the_same_without_a_request(
    scripted: "ScriptedStore", scripted_store: Store, upload: Upload
) -> None:
    aborted = replace(upload, state=State.ABORTED)

    assert abort_upload(scripted_store, aborted) == aborted
    assert scripted.requests == []


@pytest.mark.parametrize("state", [State.UPLOADING, State.COMPLETED])
def test_aborting_what_was_completed_removes_the_object(
    state: str, scripted: "ScriptedStore", scripted_store: Store, upload: Upload
) -> None:
    scripted.error(404, "NoSuchUpload")
    scripted.answer(status=204)

    aborted = abort_upload(scripted_store, replace(upload, state=state, version_id="v1"))

    assert aborted.state == State.ABORTED
    assert scripted.requests[-1] == ("DELETE", f"/river-data/{upload.key}?versionId=v1")


def test_the_file_of_a_resource_is_not_aborted(
    scripted: "ScriptedStore", scripted_store: Store, upload: Upload
) -> None:
    with pytest.raises(AlreadyAttached):
        abort_upload(scripted_store, replace(upload, state=State.ATTACHED))

    assert scripted.requests == []


def test_deleting_names_the_version_only_where_there_is_one(
    scripted: "ScriptedStore", scripted_store: Store
) -> None:
    scripted.answer(status=204)

    delete_object(scripted_store, "lab/key")
    delete_object(scripted_store, "lab/key", "v1")

    assert scripted.requests == [
        ("DELETE", "/river-data/lab/key"),
        ("DELETE", "/river-data/lab/key?versionId=v1"),
    ]


@pytest.mark.parametrize(
    ("status", "code", "kind", "attempts"),
    [
        (403, "AccessDenied", StoreFailed, 1),
        (404, "NoSuchBucket", StoreFailed, 1),
        (503, "SlowDown", StoreUnavailable, 4),
        (500, "InternalError", StoreUnavailable, 4),
    ],
)
def test_the_stores_own_errors_never_reach_the_publisher(
    status: int,
    code: str,
    kind: type[StoreFailed],
    attempts: int,
    scripted: "ScriptedStore",
    create: Callable[..., Upload],
    caplog: pytest.LogCaptureFixture,
) -> None:
    scripted.error(status, code)

    with pytest.raises(kind) as failure:
        create()

    assert len(scripted.requests) == attempts
    assert code not in str(failure.value.as_dict())
    assert failure.value.__cause__ is not None
    assert f"{code}, request id 4442587FB7D0A2F9" in caplog.text


def test_a_store_that_hangs_up_is_unavailable(
    scripted: "ScriptedStore", create: Callable[..., Upload]
) -> None:
    scripted.hang_up()

    with pytest.raises(StoreUnavailable):
        create()


def test_an_answer_that_is_no_s3_is_a_failure_and_no_traceback(
    scripted: "ScriptedStore", create: Callable[..., Upload]
) -> None:
    scripted.answer("<html><body>Welcome to the hotel network</body></html>", status=200)

    with pytest.raises(StoreFailed):
        create()
