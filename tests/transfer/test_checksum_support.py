"""Which checksum an upload gets: not what the store says counts, but what it does."""

import hashlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest
import urllib3
from foreign_store import require_crc
from new_uploads import new_upload

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
    create_upload,
    list_parts,
    open_store,
    read_settings,
    sign_parts,
)
from s3portal.transfer.checksum_trial import ChecksumSupport, checksum_algorithm, checksum_support
from s3portal.transfer.checksums import CRCS
from s3portal.transfer.sizes import MIB
from s3portal.transfer.store_knowledge import ANSWER_LASTS, KnownAnswer, find_out

if TYPE_CHECKING:
    from scripted_store import ScriptedStore

CREATED = "<InitiateMultipartUploadResult><UploadId>s3-upload</UploadId></InitiateMultipartUploadResult>"
#: The CRC64NVME of what the probe sends.
RIGHT = CRCS["CRC64NVME"].encode(CRCS["CRC64NVME"].update(b"s3portal"))


@pytest.fixture
def asked(scripted_store: Store) -> Store:
    """The scripted store, whose checksums are tried."""
    return open_store(replace(scripted_store.settings, checksum="auto"))


class Memory:
    """A portal's memory of one answer."""

    def __init__(self, kept: KnownAnswer | None = None) -> None:
        self.kept = kept

    def read(self, store: str, question: str) -> KnownAnswer | None:
        return self.kept

    def write(self, store: str, question: str, answer: KnownAnswer) -> None:
        self.kept = answer


def _never() -> Any:
    raise AssertionError("it was made before")


def begin_at(store: Store) -> Upload:
    return create_upload(store, new_upload(store))


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


PROBE_MD5 = f'"{hashlib.md5(b"s3portal").hexdigest()}"'


def computes_crc(scripted: "ScriptedStore") -> None:
    """An upload is created, its part answered with the right checksum, and given up."""
    scripted.answer(CREATED)
    scripted.answer(x_amz_checksum_crc64nvme=RIGHT)
    scripted.answer(status=204)


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


def test_a_portal_s_memory_is_asked_before_the_store(scripted: "ScriptedStore", asked: Store) -> None:
    memory = Memory()
    computes_crc(scripted)
    checksum_algorithm(open_store(asked.settings, memory))

    assert checksum_algorithm(open_store(asked.settings, memory)) == "CRC64NVME"
    assert len(scripted.requests) == 3


def test_an_old_answer_is_better_than_none(scripted: "ScriptedStore", asked: Store) -> None:
    long_ago = datetime.now(timezone.utc) - 2 * ANSWER_LASTS
    memory = Memory(KnownAnswer("CRC64NVME", "the store computes CRC64NVME", long_ago))
    scripted.hang_up()

    assert checksum_algorithm(open_store(asked.settings, memory)) == "CRC64NVME"


def test_an_old_answer_is_asked_for_again(scripted: "ScriptedStore", asked: Store) -> None:
    long_ago = datetime.now(timezone.utc) - 2 * ANSWER_LASTS
    memory = Memory(KnownAnswer("MD5", "ETags of parts are MD5s", long_ago))
    computes_crc(scripted)

    assert checksum_algorithm(open_store(asked.settings, memory)) == "CRC64NVME"
    assert memory.kept is not None and memory.kept.value == "CRC64NVME"


def test_many_calls_at_once_ask_once_and_share_the_failure(scripted: "ScriptedStore", asked: Store) -> None:
    """Twenty creates against a store that does not answer: each must not wait for all those before it."""
    scripted.hang_up()
    together = threading.Barrier(20)

    def ask(_: int) -> str | None:
        together.wait()
        try:
            return checksum_algorithm(asked)
        except StoreUnavailable:
            return "unavailable"

    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(ask, range(20)))

    assert set(answers) == {"unavailable"}
    # Who came after the first question had failed asked again; who waited for it did not.
    assert len(scripted.requests) < 20 * 4 // 2


def test_a_thread_that_waits_too_long_continues_without(
    scripted: "ScriptedStore", asked: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("s3portal.transfer.store_knowledge.WAIT_S", 0.01)
    asking, go_on = threading.Event(), threading.Event()

    def ask() -> KnownAnswer:
        asking.set()
        assert go_on.wait(60)
        return KnownAnswer("yes", "it said so")

    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(find_out, asked, "a question", ask)
        assert asking.wait(60)
        assert find_out(asked, "a question", ask) == (None, "")
        go_on.set()
        answer, _ = first.result(60)
    assert answer is not None and answer.value == "yes"


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
    require_crc(store, wanted.upper())
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

    assert refusal.value.what == "checksum"


def test_an_upload_by_md5_asks_the_store_for_nothing(store: Store, begin: Callable[..., Upload]) -> None:
    object.__setattr__(store.settings, "checksum", "md5")
    upload = begin(10)

    send(store, upload, b"0123456789")

    assert upload.checksum_algorithm == "MD5"
    assert list_parts(store, upload).etags == ["781e5e245d69b566979b86e28d23f2c7"]
