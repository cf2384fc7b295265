"""Files are quarantined until a real clamd has seen them, and those with a virus in them are removed."""

import threading
from collections.abc import Callable, Iterator

import pytest
import requests
from browser import Browser
from callers import Caller
from ckan import model
from clamd_server import SIGNATURE, STREAM_MAX_BYTES, Clamd
from kept_uploads import state_of, stored_keys
from session_writers import listed_by_name, read, save, writer

from ckanext.s3multipart.scanning import inspecting
from ckanext.s3multipart.scanning.eicar import EICAR
from ckanext.s3multipart.scanning.inspection_model import Inspection
from ckanext.s3multipart.scanning.scan_rules import is_too_large
from ckanext.s3multipart.upkeep.doctor import examine
from ckanext.s3multipart.upkeep.janitor import sweep
from s3portal.portal.findings import LOOK, OK, WRONG

Setting = Callable[[str, object], None]
#: Nobody listens here.
NOWHERE = "clamd://127.0.0.1:9"


@pytest.fixture(scope="module")
def started_clamd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clamd]:
    with Clamd(tmp_path_factory.mktemp("clamd")) as server:
        yield server


@pytest.fixture
def clamd(started_clamd: Clamd, setting: Setting) -> Clamd:
    """The scanner of the portal, running."""
    started_clamd.start()
    setting("scan", started_clamd.address)
    return started_clamd


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The uploads that background jobs were asked for."""
    asked: list[str] = []
    monkeypatch.setattr(inspecting, "queue_inspection", lambda upload_id, job: asked.append(upload_id))
    return asked


def complete(publisher: Caller, content: bytes, **asked: str):
    upload = publisher.begin(content, **asked)
    return upload, publisher.call("s3multipart_upload_complete", id=upload["id"])


def check(upload: dict) -> None:
    """What the background job does."""
    inspecting.inspect_in_background(upload["id"])


def inspection_of(upload: dict) -> Inspection:
    model.Session.rollback()
    return model.Session.get(Inspection, upload["id"], populate_existing=True)


class TestCleanFile:
    def test_it_waits_in_quarantine_until_it_was_checked(
        self, publisher: Caller, clamd: Clamd, jobs: list[str]
    ) -> None:
        upload, answer = complete(publisher, b"1,2")

        assert (answer.status, answer.error["code"]) == (503, "being_checked")
        assert answer.error["retry_after_s"] > 0
        assert jobs == [upload["id"]]
        assert listed_by_name(publisher)["rivers.csv"]["state"] == "quarantined"
        assert save(publisher, upload).error["code"] == "being_checked"

        check(upload)

        assert publisher.do("s3multipart_upload_complete", id=upload["id"])["state"] == "completed"
        assert read(publisher, publisher.attach(upload)) == b"1,2"
        assert (inspection_of(upload).verdict, inspection_of(upload).signature) == ("clean", None)
        assert inspection_of(upload).scanner.startswith("ClamAV ")

    def test_at_a_socket_of_the_file_system(self, publisher: Caller, clamd: Clamd, setting: Setting) -> None:
        setting("scan", clamd.socket_address)
        upload, _ = complete(publisher, b"")

        check(upload)

        assert state_of(upload) == "completed"

    def test_the_former_file_stays_until_then(self, publisher: Caller, clamd: Clamd) -> None:
        upload, _ = complete(publisher, b"old")
        check(upload)
        resource = publisher.attach(upload)

        newer, _ = complete(publisher, b"new", resource=resource["id"])

        assert read(publisher, resource) == b"old"
        check(newer)
        publisher.do("resource_patch", id=resource["id"], s3multipart_upload_id=newer["id"])
        assert read(publisher, resource) == b"new"

    def test_of_session_credentials(self, publisher: Caller, clamd: Clamd, jobs: list[str]) -> None:
        writer(publisher).put("good.csv")
        writer(publisher).put("bad.com", EICAR)
        found = listed_by_name(publisher)
        assert {upload["state"] for upload in found.values()} == {"quarantined"}
        assert sorted(jobs) == sorted(upload["id"] for upload in found.values())

        sweep()

        found = listed_by_name(publisher)
        assert found["good.csv"]["state"] == "completed"
        assert found["bad.com"]["refusal"]["signature"] == f"{SIGNATURE}.UNOFFICIAL"


class TestInfectedFile:
    def test_it_is_removed_and_the_publisher_is_told(self, publisher: Caller, clamd: Clamd) -> None:
        upload, _ = complete(publisher, EICAR, filename="virus.com")

        check(upload)

        assert stored_keys(publisher) == []
        answer = publisher.call("s3multipart_upload_complete", id=upload["id"])
        assert (answer.status, answer.error["code"]) == (422, "file_infected")
        assert answer.error["message"] == (
            "The virus scanner found Eicar-Test-Signature.UNOFFICIAL in virus.com, so the file was not"
            " accepted and has been removed. Check your computer, then upload a clean copy."
        )
        assert listed_by_name(publisher)["virus.com"]["refusal"]["message"] == answer.error["message"]
        assert "Eicar" in str(save(publisher, upload).body)
        shown = publisher.do("s3multipart_upload_show", id=upload["id"])
        assert shown["refusal"]["code"] == "file_infected"

    def test_the_page_of_unfinished_uploads_says_so(self, portal, clamd: Clamd) -> None:
        browser = Browser(portal)
        upload = in_quarantine(browser, EICAR, "virus.com")
        waiting = browser.page("/dashboard/uploads").text
        check(upload)

        told = browser.page("/dashboard/uploads").text

        assert "it is being checked and can be saved after that" in waiting
        assert "found Eicar-Test-Signature.UNOFFICIAL in virus.com" in told

    def test_where_the_store_fails_the_janitor_removes_it(
        self, publisher: Caller, clamd: Clamd, s3_server
    ) -> None:
        upload, _ = complete(publisher, EICAR)
        s3_server.faults.add("DeleteObject", status=503)
        check(upload)
        assert (state_of(upload), len(stored_keys(publisher))) == ("refused", 1)
        s3_server.faults.clear()

        sweep()

        assert stored_keys(publisher) == []


class TestScannerThatIsAway:
    def test_files_wait_for_it_and_do_not_expire(
        self, publisher: Caller, clamd: Clamd, setting: Setting
    ) -> None:
        setting("scan", NOWHERE)
        upload, answer = complete(publisher, b"1,2")
        assert answer.error["code"] == "being_checked"
        check(upload)
        assert "cannot be reached" in inspection_of(upload).last_error

        assert sweep().quarantine >= 1
        assert state_of(upload) == "quarantined"
        (finding,) = [each for each in examine() if each.subject == "virus scanner"]
        assert (finding.state, "cannot be reached" in finding.text) == (WRONG, True)

        setting("scan", clamd.address)
        sweep()
        assert state_of(upload) == "completed"
        assert inspection_of(upload).last_error is None

    def test_one_that_dies_in_the_middle(
        self, publisher: Caller, clamd: Clamd, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        upload, _ = complete(publisher, b"x" * 500_000)
        blocks = inspecting.read_object

        def read_and_die(*arguments) -> Iterator[bytes]:
            for block in blocks(*arguments):
                yield block[:1000]
                clamd.stop()
                yield block[1000:]

        with monkeypatch.context() as patched:
            patched.setattr(inspecting, "read_object", read_and_die)
            check(upload)
        assert state_of(upload) == "quarantined"

        clamd.start()
        check(upload)
        assert state_of(upload) == "completed"


class TestTooLargeFile:
    def test_it_is_refused_before_it_is_sent(self, publisher: Caller, clamd: Clamd, setting: Setting) -> None:
        setting("scan_max_size", "1 kB")

        answer = publisher.create(size=1001)

        assert (answer.status, answer.error["code"]) == (413, "too_large_to_check")
        assert answer.error["setting"] == "ckanext.s3multipart.scan_too_large"
        assert publisher.create(size=1000).status == 200

    def test_what_clamd_itself_does_not_take_is_refused_afterwards(
        self, publisher: Caller, clamd: Clamd
    ) -> None:
        upload, _ = complete(publisher, b"x" * (3 * STREAM_MAX_BYTES))

        check(upload)

        answer = publisher.call("s3multipart_upload_complete", id=upload["id"])
        assert (answer.status, answer.error["code"]) == (413, "too_large_to_check")
        assert stored_keys(publisher) == []

    @pytest.mark.parametrize("limit", ["1 MB", "1 GB"])
    def test_it_is_accepted_with_a_mark(
        self, publisher: Caller, clamd: Clamd, setting: Setting, limit: str
    ) -> None:
        setting("scan_too_large", "accept")
        setting("scan_max_size", limit)
        upload, _ = complete(publisher, b"x" * (3 * STREAM_MAX_BYTES))

        check(upload)
        resource = publisher.attach(upload)

        assert inspection_of(upload).verdict == "too_large"
        page = publisher.get(f"/dataset/{publisher.dataset}/resource/{resource['id']}").get_data(as_text=True)
        assert "Not checked for viruses: the file is too large for that" in page


class TestKilledJob:
    def test_another_one_continues(
        self, publisher: Caller, clamd: Clamd, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It leaves its lease, and what it knew."""
        upload, _ = complete(publisher, b"1,2")

        class Killed(BaseException):
            pass

        def killed(*arguments: object) -> None:
            raise Killed

        with monkeypatch.context() as patched:
            patched.setattr(inspecting, "_accept", killed)
            patched.setattr(inspecting, "_release", lambda claimed: None)
            with pytest.raises(Killed):
                inspecting.inspect(upload["id"], streams=True)
        assert (state_of(upload), inspection_of(upload).verdict) == ("quarantined", "clean")

        check(upload)
        assert state_of(upload) == "quarantined", "the lease of the dead lasts"
        lease_ends(upload)
        monkeypatch.setattr(inspecting, "scanned", killed)
        check(upload)
        assert state_of(upload) == "completed"

    def test_one_that_dies_over_an_infected_file_lets_it_not_pass(
        self, publisher: Caller, clamd: Clamd, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        upload, _ = complete(publisher, EICAR)

        class Killed(BaseException):
            pass

        def killed(*arguments: object) -> None:
            raise Killed

        with monkeypatch.context() as patched:
            patched.setattr(inspecting, "_refuse", killed)
            patched.setattr(inspecting, "_release", lambda claimed: None)
            with pytest.raises(Killed):
                inspecting.inspect(upload["id"], streams=True)
        lease_ends(upload)
        check(upload)

        assert state_of(upload) == "refused"
        assert stored_keys(publisher) == []

    def test_two_at_once_scan_once(
        self, publisher: Caller, clamd: Clamd, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        upload, _ = complete(publisher, b"1,2")
        scans, scan = [], inspecting.scanned

        def counted(*arguments):
            scans.append(threading.current_thread())
            check(upload)
            return scan(*arguments)

        monkeypatch.setattr(inspecting, "scanned", counted)
        check(upload)

        assert len(scans) == 1
        assert state_of(upload) == "completed"

    def test_what_is_discarded_meanwhile_is_not_accepted(
        self, publisher: Caller, clamd: Clamd, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        upload, _ = complete(publisher, b"1,2")
        scan = inspecting.scanned

        def discarded(*arguments):
            publisher.do("s3multipart_upload_abort", id=upload["id"])
            return scan(*arguments)

        monkeypatch.setattr(inspecting, "scanned", discarded)
        check(upload)

        assert state_of(upload) == "aborted"
        assert stored_keys(publisher) == []


class TestDoctor:
    def test_a_scanner_that_works(self, portal, clamd: Clamd) -> None:
        (finding,) = [each for each in examine() if each.subject == "virus scanner"]

        assert finding.state == OK
        assert "ClamAV 1" in finding.text

    def test_one_without_signatures(self, portal, clamd: Clamd, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("ckanext.s3multipart.upkeep.scan_doctor.EICAR", b"something else")

        (finding,) = [each for each in examine() if each.subject == "virus scanner"]

        assert (finding.state, "does not find" in finding.text) == (WRONG, True)

    @staticmethod
    def said_of_the_limit() -> list[str]:
        place = "ckanext.s3multipart.scan_max_size"
        found = [each for each in examine() if each.place == place]
        assert {each.state for each in found} <= {LOOK}
        return [each.text for each in found]

    def test_a_limit_that_clamd_does_not_have(self, portal, clamd: Clamd, setting: Setting) -> None:
        setting("scan_max_size", STREAM_MAX_BYTES)
        assert self.said_of_the_limit() == []

        setting("scan_max_size", STREAM_MAX_BYTES + 1)
        (text,) = self.said_of_the_limit()
        assert "takes less (its StreamMaxLength)" in text

    def test_a_limit_that_no_clamd_has(self, portal, clamd: Clamd, setting: Setting) -> None:
        setting("scan_max_size", 3 * 2**30)

        assert "no clamd looks into files of more than 2.1 GB" in self.said_of_the_limit()[0]
        assert is_too_large(2**31)
        assert not is_too_large(2**31 - 3)


def test_memory_is_constant(
    publisher: Caller, clamd: Clamd, setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No more than a mebibyte is on its way at a time, whatever the size of the file."""
    setting("scan_too_large", "accept")
    upload, _ = complete(publisher, b"x" * (3 * STREAM_MAX_BYTES + 1))
    sizes, blocks = [], inspecting.read_object

    def measured(*arguments) -> Iterator[bytes]:
        for block in blocks(*arguments):
            sizes.append(len(block))
            yield block

    monkeypatch.setattr(inspecting, "read_object", measured)
    check(upload)

    assert state_of(upload) == "completed"
    assert 0 < max(sizes) <= 1024 * 1024


def in_quarantine(browser: Browser, content: bytes, filename: str) -> dict:
    """A file that was uploaded in the form, and is being checked."""
    token = browser.csrf_token()
    asked = {"owner": browser.dataset, "filename": filename, "size": len(content)}
    created = browser.action("s3multipart_upload_create", csrf_token=token, **asked).get_json()["result"]
    assert requests.put(created["parts"][0]["url"], data=content, timeout=120).status_code == 200
    upload = created["upload"]
    answer = browser.action("s3multipart_upload_complete", csrf_token=token, id=upload["id"])
    assert answer.get_json()["error"]["code"] == "being_checked"
    return upload


def lease_ends(upload: dict) -> None:
    rows = Inspection.__table__
    model.Session.execute(
        rows.update().where(rows.c.upload_id == upload["id"]).values(lease_until=rows.c.began_at)
    )
    model.Session.commit()
