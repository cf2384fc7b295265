"""Which checksum an upload gets: not what the store says counts, but what it does."""

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from checksum_steps import CREATED, RIGHT, computes_crc
from new_uploads import new_upload

from s3portal.transfer import (
    SettingsError,
    Store,
    StoreUnavailable,
    TransferSettings,
    Upload,
    create_upload,
    open_store,
    read_settings,
)
from s3portal.transfer.checksum_trial import ChecksumSupport, checksum_algorithm, checksum_support

if TYPE_CHECKING:
    from scripted_store import ScriptedStore


@pytest.fixture
def asked(scripted_store: Store) -> Store:
    """The scripted store, whose checksums are tried."""
    return open_store(replace(scripted_store.settings, checksum="auto"))


def _never() -> Any:
    raise AssertionError("it was made before")


def begin_at(store: Store) -> Upload:
    return create_upload(store, new_upload(store))


def methods(scripted: "ScriptedStore") -> list[str]:
    return [method for method, _ in scripted.requests]


PROBE_MD5 = f'"{hashlib.md5(b"s3portal").hexdigest()}"'


def takes_a_part(scripted: "ScriptedStore", **headers: str) -> None:
    """An upload is created, its part stored with these headers in the answer, and given up."""
    scripted.answer(CREATED)
    scripted.answer(**{"ETag": PROBE_MD5, **headers})
    scripted.answer(status=204)


def test_a_store_that_answers_a_part_with_its_checksum_has_crc64nvme(
    scripted: "ScriptedStore", asked: Store
) -> None:
    computes_crc(scripted)

    assert checksum_support(asked) == ChecksumSupport("CRC64NVME", "the store computes CRC64NVME")
    assert methods(scripted) == ["POST", "PUT", "DELETE"], "the attempt is given up again"


def test_it_is_asked_once(scripted: "ScriptedStore", asked: Store) -> None:
    computes_crc(scripted)

    checksum_algorithm(asked)
    assert checksum_algorithm(asked.beside("another-bucket")) == "CRC64NVME"

    assert len(scripted.requests) == 3


def test_it_is_asked_with_what_an_upload_is_created_with(scripted: "ScriptedStore", asked: Store) -> None:
    """A bucket policy may refuse an upload that does not ask for encryption."""
    encrypted = open_store(replace(asked.settings, s3_sse="aws:kms:alias/rivers"))
    computes_crc(scripted)
    scripted.answer(CREATED)

    begin_at(encrypted)

    requests = zip(scripted.requests, scripted.headers, strict=True)
    probe, real = (headers for (method, _), headers in requests if method == "POST")
    assert real["x-amz-server-side-encryption-aws-kms-key-id"] == "alias/rivers"
    for name in (
        "x-amz-server-side-encryption",
        "x-amz-server-side-encryption-aws-kms-key-id",
        "x-amz-checksum-algorithm",
        "x-amz-checksum-type",
    ):
        assert probe[name] == real[name]
    assert {"content-type", "content-disposition", "x-amz-meta-upload"} < set(probe)


@pytest.mark.parametrize("answered", [{}, {"x_amz_checksum_crc64nvme": "AAAAAAAAAAA="}])
def test_a_store_that_answers_without_the_right_checksum_is_compared_by_md5(
    answered: dict[str, str], scripted: "ScriptedStore", asked: Store
) -> None:
    """Ceph RGW 16 accepts the header and does nothing."""
    takes_a_part(scripted, **answered)
    takes_a_part(scripted)

    assert checksum_algorithm(asked) == "MD5"


@pytest.mark.parametrize(
    ("status", "code"), [(501, "NotImplemented"), (400, "InvalidArgument"), (400, "InvalidRequest")]
)
def test_a_store_that_does_not_know_the_algorithm_is_compared_by_md5(
    status: int, code: str, scripted: "ScriptedStore", asked: Store
) -> None:
    scripted.error(status, code)
    takes_a_part(scripted)
    takes_a_part(scripted)

    support = checksum_support(asked)

    assert support.algorithm == "MD5"
    assert f"CreateMultipartUpload was answered with {status} {code}" in support.reason


def test_so_is_one_that_wants_the_checksum_to_be_sent(scripted: "ScriptedStore", asked: Store) -> None:
    scripted.answer(CREATED)
    scripted.error(400, "InvalidRequest")
    scripted.error(400, "InvalidRequest")
    scripted.answer(status=204)
    takes_a_part(scripted)
    takes_a_part(scripted)

    assert checksum_algorithm(asked) == "MD5"


def test_a_bucket_that_wants_a_digest_with_every_part_gets_one(
    scripted: "ScriptedStore", asked: Store
) -> None:
    """S3 User Guide, "Object Lock considerations": Content-MD5 or a checksum is required with each part."""
    scripted.answer(CREATED)
    scripted.error(400, "InvalidRequest")
    scripted.answer(x_amz_checksum_crc64nvme=RIGHT)
    scripted.answer(status=204)

    takes_a_part(scripted)

    assert checksum_algorithm(asked) == "MD5", "which is sent with every part"
    assert [headers.get("content-md5") for headers in scripted.headers[:4]] == [
        None,
        None,
        "fPtJevxsC2SJGjsjwf4Ehg==",
        None,
    ]


def test_under_a_key_from_kms_parts_are_compared_by_the_md5_that_is_sent(
    scripted: "ScriptedStore", asked: Store
) -> None:
    takes_a_part(scripted)
    scripted.answer(CREATED, x_amz_server_side_encryption="aws:kms")
    scripted.answer(ETag='"no-md5"')
    scripted.answer(status=204)

    assert checksum_algorithm(asked) == "MD5"


def test_where_nothing_can_be_compared_the_log_warns(
    scripted: "ScriptedStore", asked: Store, caplog: pytest.LogCaptureFixture
) -> None:
    takes_a_part(scripted)
    takes_a_part(scripted, ETag='"made-up-by-the-store"')

    support = checksum_support(asked)

    assert support.algorithm is None
    assert "its ETags are no MD5s" in support.reason
    (warning,) = [record for record in caplog.records if record.levelname == "WARNING"]
    assert "not compared" in warning.getMessage() and support.reason in warning.getMessage()


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (500, "InternalError"),
        (403, "AccessDenied"),
        (400, "ExpiredToken"),
        (400, "KMS.DisabledException"),
        (404, "NoSuchBucket"),
    ],
)
def test_any_other_refusal_is_no_answer_and_the_question_is_asked_again(
    status: int, code: str, scripted: "ScriptedStore", asked: Store
) -> None:
    for _ in range(4 if status == 500 else 1):  # as often as botocore tries
        scripted.error(status, code)
    computes_crc(scripted)

    support = checksum_support(asked)

    assert (support.algorithm, support.answered) == ("MD5", False), "an upload is not refused for it"
    assert f"{status} {code}" in support.reason
    assert checksum_algorithm(asked) == "MD5", "and not at once"
    asked.once("question checksum CRC64NVME", _never).not_before = 0
    assert checksum_algorithm(asked) == "CRC64NVME"


def test_a_refusal_that_the_same_upload_without_checksum_meets_too_is_no_answer(
    scripted: "ScriptedStore", asked: Store
) -> None:
    """Ceph RGW 16 refuses encryption with InvalidRequest."""
    scripted.error(400, "InvalidRequest")

    assert checksum_support(asked).answered is False


def test_an_upload_that_cannot_be_given_up_is_no_reason_to_fail(
    scripted: "ScriptedStore", asked: Store, caplog: pytest.LogCaptureFixture
) -> None:
    scripted.answer(CREATED)
    scripted.answer(x_amz_checksum_crc64nvme=RIGHT)
    scripted.error(403, "AccessDenied")

    assert checksum_algorithm(asked) == "CRC64NVME"
    assert "could not be given up: AbortMultipartUpload was answered with 403 AccessDenied" in caplog.text


def test_a_store_that_is_not_reached_is_asked_again(scripted: "ScriptedStore", asked: Store) -> None:
    for _ in range(4):
        scripted.hang_up()
    computes_crc(scripted)

    with pytest.raises(StoreUnavailable):
        checksum_algorithm(asked)

    assert checksum_algorithm(asked) == "CRC64NVME"


def test_what_the_administrator_wants_is_tried_too(
    scripted: "ScriptedStore", asked: Store, caplog: pytest.LogCaptureFixture
) -> None:
    scripted.error(400, "InvalidRequest")
    takes_a_part(scripted)
    takes_a_part(scripted)

    assert checksum_algorithm(open_store(replace(asked.settings, checksum="crc32c"))) == "MD5"
    assert "does not compute CRC32C" in caplog.text


def test_off_is_said_in_the_log_once(asked: Store, caplog: pytest.LogCaptureFixture) -> None:
    off = open_store(replace(asked.settings, checksum="off"))

    checksum_algorithm(off), checksum_algorithm(off)

    assert caplog.text.count("are not compared") == 1


@pytest.mark.parametrize(("wanted", "algorithm"), [("md5", "MD5"), ("off", None)])
def test_some_settings_leave_nothing_to_ask(
    wanted: str, algorithm: str | None, scripted: "ScriptedStore", asked: Store
) -> None:
    settings = read_settings(TransferSettings, {"s3_bucket": "river-data", "checksum": wanted}, "")

    assert checksum_algorithm(open_store(replace(asked.settings, checksum=settings.checksum))) == algorithm
    assert scripted.requests == []


def test_another_word_is_refused() -> None:
    with pytest.raises(SettingsError, match="auto, crc64nvme, crc32c, md5, off"):
        read_settings(TransferSettings, {"s3_bucket": "river-data", "checksum": "sha256"}, "")
