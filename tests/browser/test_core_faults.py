"""What a network, a store and a portal do to an upload, at 5 and at 30 % of requests: the file arrives.

The core runs in Chromium on a page of the portal; the faults are switched on in the real S3 server. What
arrived is equal: the CRC64NVME that the store computed of it, the browser's and the test's are one.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import open_context
from core_page import CorePage
from playwright.sync_api import Browser, Page, Route
from portal_pages import log_in
from random_files import random_file

from s3portal.demo.people import PUBLISHER
from s3portal.demo.portal import Portal
from s3portal.server.testing import RequestRecord, RunningServer
from s3portal.transfer import CRCS

MIB = 1024 * 1024
PART_COUNT = 21
SIZE_BYTES = 20 * 5 * MIB + 4 * MIB + 3
SHORT_PART_COUNT = 9
SHORT_SIZE_BYTES = 8 * 5 * MIB + 3
# Its number in the page's file input; the long one is the first.
SHORT = 1
# The waits between two tries are the product's own in kind and shorter in time.
QUICK = {"retry": {"baseMs": 20, "capMs": 200}}
# For what never answers. A loaded machine may be as slow now and then: that costs one of many tries.
STALLED = {"stallTimeoutMs": 2_000, "retry": {"baseMs": 20, "capMs": 200, "tries": 100}}

FAULTS: dict[str, dict[str, object]] = {
    "connection dropped": {"drop": True},
    "connection cut in the middle of a part": {"cut_body_at": MIB},
    "preflight refused": {"operation": "Preflight", "status": 503},
    "500": {"status": 500},
    "502": {"status": 502},
    "503 SlowDown": {"status": 503},
    "429 with Retry-After": {"status": 429, "retry_after_s": 1},
    "408": {"status": 408},
    "400 RequestTimeout": {"code": "RequestTimeout"},
    "URL expired": {"code": "AccessDenied", "message": "Request has expired"},
    "ExpiredToken": {"code": "ExpiredToken"},
    "clock skew": {"code": "RequestTimeTooSkewed"},
    "no byte moves": {"delay_s": 3600},
    "a byte changed on the way": {"corrupt": True},
}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty parts of 5 MiB and one a little shorter."""
    return random_file(tmp_path_factory.mktemp("files") / "gauges.bin", SIZE_BYTES)


@pytest.fixture(scope="module")
def short_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine parts, the last of three bytes: for what is no matter of many parts."""
    return random_file(tmp_path_factory.mktemp("files") / "levels.bin", SHORT_SIZE_BYTES)


@pytest.fixture(scope="module")
def checksum(file: Path) -> dict[str, str]:
    """The long file's checksum, as the portal shows it of an upload."""
    return checksum_of(file)


@pytest.fixture(scope="module")
def short_checksum(short_file: Path) -> dict[str, str]:
    """The short file's checksum."""
    return checksum_of(short_file)


def checksum_of(file: Path) -> dict[str, str]:
    crc = CRCS["CRC64NVME"]
    return {"algorithm": crc.name, "value": crc.encode(crc.update(file.read_bytes()))}


@pytest.fixture(scope="module")
def module_page(chromium: Browser, portal: Portal) -> Iterator[Page]:
    """One page for all rows: they need nothing of each other, and logging in takes longer than a row."""
    context = open_context(chromium, base_url=portal.url)
    page = context.new_page()
    log_in(page, PUBLISHER.name, PUBLISHER.password(portal.secrets))
    yield page
    context.close()


@pytest.fixture(scope="module")
def module_core(module_page: Page, file: Path, short_file: Path) -> CorePage:
    core = CorePage(module_page)
    core.open(file, short_file)
    return core


@pytest.fixture
def core(module_core: CorePage, s3: RunningServer) -> CorePage:
    """The page with both files chosen, and a store without faults."""
    return module_core


def patience_with(fault: str) -> dict[str, object]:
    """How an upload meets this fault."""
    return STALLED if fault == "no byte moves" else QUICK


def parts(s3: RunningServer, status: int | None = None) -> list[RequestRecord]:
    """The parts that were sent, or those that were answered so."""
    return [r for r in s3.requests if r.operation == "UploadPart" and status in (None, r.status)]


def assert_equal(shown: dict[str, object], checksum: dict[str, str]) -> None:
    """The upload is complete, and what is stored is the file."""
    assert (shown["state"], shown["error"]) == ("complete", None)
    assert shown["upload"]["checksum"] == checksum
    assert shown["monotone"], "progress went back"


def test_nothing_goes_wrong(core: CorePage, s3: RunningServer, checksum: dict[str, str]) -> None:
    shown = core.upload()

    assert_equal(shown, checksum)
    assert shown["states"] == ["preparing", "uploading", "completing", "complete"]
    assert shown["retries"] == []
    assert len(parts(s3)) == PART_COUNT


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_5_percent_of_requests_changes_nothing(
    core: CorePage, s3: RunningServer, checksum: dict[str, str], fault: str
) -> None:
    s3.faults.add(**{"operation": "UploadPart", **FAULTS[fault], "every": 20})

    shown = core.upload(**patience_with(fault))

    assert_equal(shown, checksum)
    # What meets a connection that was open before, Chromium may try again itself, and nobody hears of it.
    assert shown["retries"] or len(parts(s3)) > PART_COUNT, "no fault happened"


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_30_percent_of_requests_changes_nothing(
    core: CorePage, s3: RunningServer, short_checksum: dict[str, str], fault: str
) -> None:
    # A third, so that no run can be without its faults.
    s3.faults.add(**{"operation": "UploadPart", **FAULTS[fault], "every": 3})

    shown = core.upload(file=SHORT, **patience_with(fault))

    assert_equal(shown, short_checksum)
    assert shown["retries"] or len(parts(s3)) > SHORT_PART_COUNT, "no fault happened"


@pytest.mark.parametrize("sts", [False, True], ids=["presigned", "sts"])
def test_everything_at_once(core: CorePage, s3: RunningServer, checksum: dict[str, str], sts: bool) -> None:
    # From the ninth request on one after the other, and then each now and then.
    for every, wrong in enumerate(FAULTS.values(), 9):
        s3.faults.add(**{"operation": "UploadPart", **wrong, "every": every})

    shown = core.upload(sts=sts, **STALLED)

    assert_equal(shown, checksum)
    assert len(shown["retries"]) >= len(FAULTS) / 2


@pytest.mark.parametrize("share", [0.05, 0.3], ids=["5 %", "30 %"])
def test_a_portal_that_does_not_answer_now_and_then_changes_nothing(
    core: CorePage, s3: RunningServer, checksum: dict[str, str], share: float
) -> None:
    answers = 0

    def answer(route: Route) -> None:
        nonlocal answers
        answers += 1
        # At once, and then at equal distances: every call is hit in one of the two rows.
        if answers % round(1 / share) != 1:
            route.continue_()
        elif answers % 2:
            route.fulfill(status=502, body="<html>Bad gateway</html>")
        else:
            route.abort("connectionreset")

    core.page.route("**/api/3/action/s3multipart_upload_*", answer)
    try:
        shown = core.upload(**QUICK)
    finally:
        core.page.unroute("**/api/3/action/s3multipart_upload_*")

    assert_equal(shown, checksum)


class TestCompleting:
    def test_an_error_inside_a_200_is_tried_again(
        self, core: CorePage, s3: RunningServer, short_checksum: dict[str, str]
    ) -> None:
        s3.faults.add("CompleteMultipartUpload", status=200, code="InternalError", first=2)

        assert_equal(core.upload(file=SHORT, **QUICK), short_checksum)

    def test_an_answer_that_was_lost_is_no_loss_head_decides(
        self, core: CorePage, s3: RunningServer, short_checksum: dict[str, str]
    ) -> None:
        s3.faults.add("CompleteMultipartUpload", lose_answer=True, first=1)

        assert_equal(core.upload(file=SHORT, **QUICK), short_checksum)
        calls = [r.operation for r in s3.requests if r.part_number is None]
        assert calls.count("CompleteMultipartUpload") >= 2, "the second one met NoSuchUpload"
        assert calls[-1] == "HeadObject"

    def test_the_portals_own_answer_may_be_lost(
        self, core: CorePage, s3: RunningServer, short_checksum: dict[str, str]
    ) -> None:
        lost: list[int] = []

        def lose_the_first(route: Route) -> None:
            answer = route.fetch()
            lost.append(answer.status)
            if len(lost) == 1:
                route.abort("connectionreset")
            else:
                route.fulfill(response=answer)

        core.page.route("**/s3multipart_upload_complete", lose_the_first)
        shown = core.upload(file=SHORT, **QUICK)
        core.page.unroute("**/s3multipart_upload_complete")

        assert_equal(shown, short_checksum)
        assert lost == [200, 200]


class TestForGood:
    """Refusals that will not pass: one try, and a sentence."""

    @pytest.mark.parametrize(
        ("wrong", "code"),
        [
            ({"code": "AccessDenied"}, "store_refused"),
            ({"code": "EntityTooLarge", "status": 413}, "store_refused"),
            ({"code": "NoSuchUpload"}, "upload_gone"),
        ],
        ids=["403 by policy", "413", "404"],
    )
    def test_stop_at_once(
        self, core: CorePage, s3: RunningServer, wrong: dict[str, object], code: str
    ) -> None:
        s3.faults.add("UploadPart", **wrong)

        shown = core.upload(file=SHORT, **QUICK)

        assert (shown["state"], shown["error"]["code"]) == ("failed", code)
        assert shown["retries"] == []
        # Distinct ones: a browser repeats by itself what it sent on a connection that was just being closed.
        assert len({r.part_number for r in parts(s3)}) <= 4

    def test_and_try_again_starts_over_where_the_store_has_forgotten_the_upload(
        self, core: CorePage, s3: RunningServer, short_checksum: dict[str, str]
    ) -> None:
        s3.faults.add("UploadPart", code="NoSuchUpload", every=6)
        number = core.start(file=SHORT, **QUICK)
        first = core.wait_for(number, "failed")
        s3.faults.clear()

        core.call(number, "resume")
        shown = core.wait_for(number, "complete")

        assert shown["upload"]["checksum"] == short_checksum
        assert shown["upload"]["id"] != first["upload"]["id"]


class TestSigningInTheBrowser:
    def test_needs_one_call_and_no_url_of_the_portal(
        self, core: CorePage, s3: RunningServer, short_checksum: dict[str, str]
    ) -> None:
        calls: list[str] = []
        core.page.on("request", lambda request: calls.append(request.url.rsplit("/", 1)[-1]))

        shown = core.upload(file=SHORT, sts=True)

        assert_equal(shown, short_checksum)
        assert shown["refreshes"] == 1
        ours = [call for call in calls if call.startswith("s3multipart_")]
        assert ours == ["s3multipart_upload_create", "s3multipart_credentials", "s3multipart_upload_complete"]
        # The session's name, not the portal's user: these keys open one key and nothing else.
        assert {r.user for r in parts(s3)} != {"portal"}

    @pytest.mark.parametrize("hours", [-25, 25], ids=["behind", "ahead"])
    def test_a_clock_that_is_wrong_by_a_day_is_corrected_by_the_portals(
        self, core: CorePage, s3: RunningServer, short_checksum: dict[str, str], hours: int
    ) -> None:
        shown = core.upload(file=SHORT, sts=True, clockAheadMs=hours * 3_600_000)

        assert_equal(shown, short_checksum)
        assert shown["retries"] == []

    @pytest.mark.parametrize("hours", [-25, 25], ids=["behind", "ahead"])
    def test_and_by_the_stores_where_the_portals_is_wrong_too(
        self, core: CorePage, s3: RunningServer, short_checksum: dict[str, str], hours: int
    ) -> None:
        shown = core.upload(file=SHORT, sts=True, clockAheadMs=hours * 3_600_000, lieAboutTime=True)

        assert_equal(shown, short_checksum)
        assert 1 <= len(shown["retries"]) <= 4, "once for each part that was in flight"
        assert all(retry["signedAgain"] and retry["tries"] == 0 for retry in shown["retries"])

    def test_credentials_that_expire_are_replaced(
        self, core: CorePage, s3: RunningServer, short_checksum: dict[str, str]
    ) -> None:
        s3.faults.add("UploadPart", code="ExpiredToken", every=4)

        shown = core.upload(file=SHORT, sts=True)

        assert_equal(shown, short_checksum)
        assert 2 <= shown["refreshes"] <= 1 + len(shown["retries"])
