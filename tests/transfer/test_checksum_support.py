"""Which checksum an upload gets: what the store says is not believed, what it does is."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import urllib3

from s3portal.server.testing import RunningServer
from s3portal.transfer import (
    Checksum,
    ContentDiffers,
    SettingsError,
    Store,
    StoreUnavailable,
    TransferSettings,
    Upload,
    complete_upload,
    list_parts,
    open_store,
    read_settings,
    sign_parts,
)
from s3portal.transfer.checksum_support import checksum_algorithm
from s3portal.transfer.checksums import CRCS
from s3portal.transfer.sizes import MIB

if TYPE_CHECKING:
    from conftest import ScriptedStore

CREATED = "<InitiateMultipartUploadResult><UploadId>s3-upload</UploadId></InitiateMultipartUploadResult>"
#: The CRC64NVME of what the probe sends.
RIGHT = CRCS["CRC64NVME"].encode(CRCS["CRC64NVME"].update(b"s3portal"))


@pytest.fixture
def asked(scripted_store: Store) -> Store:
    """The scripted store, whose checksums are tried."""
    return open_store(replace(scripted_store.settings, checksum="auto"))


def methods(scripted: "ScriptedStore") -> list[str]:
    return [method for method, _ in scripted.requests]


def put(url: str, body: bytes) -> urllib3.BaseHTTPResponse:
    return urllib3.request("PUT", url, body=body)


def send(store: Store, upload: Upload, content: bytes) -> list[urllib3.BaseHTTPResponse]:
    """Sends each part to its URL, as browsers do, with no header of ours."""
    answers = []
    for part in sign_parts(store, upload, range(1, upload.part_count + 1)):
        offset = upload.plan.offset(part.part_number)
        answers.append(put(part.url, content[offset : offset + upload.plan.length(part.part_number)]))
    return answers


def test_a_store_that_refuses_a_wrong_checksum_and_answers_the_right_one_has_crc64nvme(
    scripted: "ScriptedStore", asked: Store
) -> None:
    scripted.answer(CREATED)
    scripted.error(400, "BadDigest")
    scripted.answer(x_amz_checksum_crc64nvme=RIGHT)
    scripted.answer(status=204)

    assert checksum_algorithm(asked) == "CRC64NVME"
    assert methods(scripted) == ["POST", "PUT", "PUT", "DELETE"], "the attempt is given up again"


def test_it_is_asked_once(scripted: "ScriptedStore", asked: Store) -> None:
    scripted.answer(CREATED)
    scripted.error(400, "BadDigest")
    scripted.answer(x_amz_checksum_crc64nvme=RIGHT)
    scripted.answer(status=204)

    checksum_algorithm(asked)
    assert checksum_algorithm(asked.beside("another-bucket")) == "CRC64NVME"

    assert len(scripted.requests) == 4


def test_a_store_that_takes_a_wrong_checksum_has_none(scripted: "ScriptedStore", asked: Store) -> None:
    """Ceph RGW 16 does that."""
    scripted.answer(CREATED)
    scripted.answer(ETag='"0"')
    scripted.answer(status=204)

    assert checksum_algorithm(asked) == "MD5"
    assert methods(scripted) == ["POST", "PUT", "DELETE"]


@pytest.mark.parametrize("answered", [{}, {"x_amz_checksum_crc64nvme": "AAAAAAAAAAA="}])
def test_nor_has_one_that_does_not_answer_the_right_checksum(
    answered: dict[str, str], scripted: "ScriptedStore", asked: Store
) -> None:
    scripted.answer(CREATED)
    scripted.error(400, "BadDigest")
    scripted.answer(**answered)
    scripted.answer(status=204)

    assert checksum_algorithm(asked) == "MD5"


def test_nor_one_that_wants_the_checksum_to_be_sent(scripted: "ScriptedStore", asked: Store) -> None:
    scripted.answer(CREATED)
    scripted.error(400, "BadDigest")
    scripted.error(400, "InvalidRequest")
    scripted.answer(status=204)

    assert checksum_algorithm(asked) == "MD5"


def test_nor_one_that_does_not_know_the_algorithm(scripted: "ScriptedStore", asked: Store) -> None:
    scripted.error(400, "InvalidRequest")

    assert checksum_algorithm(asked) == "MD5"


def test_a_store_that_does_not_answer_is_asked_again(scripted: "ScriptedStore", asked: Store) -> None:
    for _ in range(4):  # as often as botocore tries
        scripted.error(503, "SlowDown")
    scripted.error(400, "InvalidRequest")

    with pytest.raises(StoreUnavailable):
        checksum_algorithm(asked)

    assert checksum_algorithm(asked) == "MD5"


def test_what_the_administrator_wants_is_tried_too(
    scripted: "ScriptedStore", asked: Store, caplog: pytest.LogCaptureFixture
) -> None:
    scripted.error(400, "InvalidRequest")

    assert checksum_algorithm(open_store(replace(asked.settings, checksum="crc32c"))) == "MD5"
    assert "does not compute CRC32C" in caplog.text


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


@pytest.mark.parametrize("wanted", ["crc64nvme", "crc32c"])
def test_the_store_answers_each_parts_checksum_and_the_portal_compares_that_of_the_whole(
    wanted: str, store: Store, begin: Callable[..., Upload]
) -> None:
    object.__setattr__(store.settings, "checksum", wanted)
    crc = CRCS[wanted.upper()]
    content = bytes(range(256)) * (6 * MIB // 256) + b"end"
    upload = begin(len(content))

    answers = send(store, upload, content)

    parts = [content[: 5 * MIB], content[5 * MIB :]]
    assert [answer.headers[crc.header] for answer in answers] == [crc.encode(crc.update(p)) for p in parts]
    assert upload.as_dict()["checksum_algorithm"] == crc.name
    whole = Checksum(crc.name, crc.encode(crc.update(content)))
    completed = complete_upload(store, upload, whole)
    assert completed.as_dict()["checksum"] == {"algorithm": whole.algorithm, "value": whole.value}


def test_a_byte_that_changed_on_the_way_shows_in_the_answer(
    store: Store, begin: Callable[..., Upload], s3_server: RunningServer
) -> None:
    crc = CRCS["CRC64NVME"]
    upload = begin(10)
    s3_server.faults.add("UploadPart", corrupt=True, first=1)

    corrupted, right = send(store, upload, b"0123456789") + send(store, upload, b"0123456789")

    assert corrupted.status == right.status == 200, "without a checksum beside it S3 cannot know"
    assert corrupted.headers[crc.header] != crc.encode(crc.update(b"0123456789"))
    assert right.headers[crc.header] == crc.encode(crc.update(b"0123456789"))


def test_a_file_that_is_not_the_one_that_was_sent_is_not_completed(
    store: Store, begin: Callable[..., Upload], s3_server: RunningServer
) -> None:
    crc = CRCS["CRC64NVME"]
    upload = begin(10)
    s3_server.faults.add("UploadPart", corrupt=True)
    send(store, upload, b"0123456789")

    with pytest.raises(ContentDiffers) as refusal:
        complete_upload(store, upload, Checksum(crc.name, crc.encode(crc.update(b"0123456789"))))

    assert refusal.value.facts["what"] == "checksum"


def test_an_upload_by_md5_asks_the_store_for_nothing(store: Store, begin: Callable[..., Upload]) -> None:
    object.__setattr__(store.settings, "checksum", "md5")
    upload = begin(10)

    send(store, upload, b"0123456789")

    assert upload.checksum_algorithm == "MD5"
    assert list_parts(store, upload).etags == ["781e5e245d69b566979b86e28d23f2c7"]
