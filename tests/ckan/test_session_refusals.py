"""Files that were written with session credentials are held to the rules, and refused with the reason."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from browser import Browser
from callers import Caller
from session_writers import (
    let_time_pass,
    listed,
    listed_by_name,
    new_colleague,
    row_of,
    save,
    store_of,
    stored_under,
    withdraw,
    writer,
)

from ckanext.s3multipart.upkeep.janitor import sweep
from ckanext.s3multipart.uploads import discovery
from ckanext.s3multipart.uploads.quota import usage

Setting = Callable[[str, object], None]


class TestRefused:
    def refusal(self, caller: Caller) -> dict:
        [upload] = listed(caller)
        assert upload["state"] == "refused"
        return upload["refusal"]

    def test_a_file_that_is_too_large(self, publisher: Caller, setting: Setting) -> None:
        own = writer(publisher)
        setting("max_upload_size", "10")
        own.put("large.csv", b"x" * 11)

        refusal = self.refusal(publisher)

        assert (refusal["code"], refusal["limit"], refusal["given"]) == ("file_too_large", 10, 11)
        assert "10 bytes" in refusal["message"]

    def test_a_file_over_the_quota(self, publisher: Caller, setting: Setting) -> None:
        setting("org_quota", "10")
        own = writer(publisher)
        own.put("first.csv", b"x" * 8)
        own.put("second.csv", b"x" * 8)

        uploads = listed_by_name(publisher)

        assert uploads["first.csv"]["state"] == "completed"
        assert uploads["second.csv"]["refusal"]["code"] == "quota_exceeded"
        assert usage(publisher.organisation_id).used == 8

    def test_many_files_at_once_do_not_pass_the_quota(self, publisher: Caller, setting: Setting) -> None:
        setting("org_quota", "50")
        own = writer(publisher)
        for number in range(10):
            own.put(f"{number}.csv", b"x" * 10)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: listed(publisher), range(4)))

        assert usage(publisher.organisation_id).used == 50

    @pytest.mark.parametrize(
        ("filename", "content_type"), [("page.html", "text/html"), ("page.csv", "text/html"), ("x.html", "")]
    )
    def test_a_type_that_is_denied(
        self, publisher: Caller, setting: Setting, filename: str, content_type: str
    ) -> None:
        setting("denied_types", "html text/html")
        writer(publisher).put(filename, b"<script>", ContentType=content_type or "binary/octet-stream")

        assert self.refusal(publisher)["code"] == "type_not_allowed"

    def test_the_files_of_a_former_editor(self, portal, publisher: Caller) -> None:
        former = new_colleague(portal, publisher)
        kept = writer(former)
        withdraw(former)
        kept.put("late.csv")

        assert self.refusal(former)["code"] == "may_not_edit"
        assert usage(publisher.organisation_id).used == 0

    def test_the_files_of_an_organisation_that_is_no_longer_enabled(
        self, publisher: Caller, setting: Setting
    ) -> None:
        kept = writer(publisher)
        setting("enabled_orgs", "")
        kept.put("late.csv")

        assert self.refusal(publisher)["code"] == "organisation_not_enabled"

    def test_a_file_in_an_archive(self, publisher: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
        look_at = discovery.look_at
        monkeypatch.setattr(
            discovery,
            "look_at",
            lambda *args: replace(look_at(*args), storage_class="DEEP_ARCHIVE"),
        )
        writer(publisher).put("cold.csv")

        assert self.refusal(publisher)["code"] == "file_unreadable"

    def test_more_files_than_anyone_looks_at(
        self, publisher: Caller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(discovery, "MOST_FILES", 3)
        own = writer(publisher)
        for number in range(6):
            own.put(f"{number}.csv")

        sweep()

        states = sorted(upload["state"] for upload in listed(publisher))
        assert states == ["completed"] * 3 + ["refused"]

    def test_the_publishers_dashboard_says_why(self, portal, setting: Setting) -> None:
        setting("denied_types", "html")
        browser = Browser(portal)
        issued = browser.action(
            "s3multipart_credentials", csrf_token=browser.csrf_token(), owner=browser.dataset
        ).get_json()["result"]
        store_of(issued).put_object(
            Bucket=issued["bucket"], Key=f"{issued['prefix']}page.html", Body=b"<script>"
        )

        [shown] = browser.page("/dashboard/uploads").select(".s3multipart-uploads > li")

        assert "page.html" in shown.get_text()
        assert "does not store files of type html" in shown.get_text()
        assert shown.select_one("a.btn-primary") is None

    def test_it_cannot_be_attached(self, publisher: Caller, setting: Setting) -> None:
        setting("denied_types", "html")
        writer(publisher).put("page.html", b"<script>")

        answer = save(publisher, listed(publisher)[0])

        assert (answer.status, answer.error["code"]) == (409, "upload_not_complete")

    def test_after_it_the_prefix_is_another(self, publisher: Caller, setting: Setting) -> None:
        """So that what was refused, and is counted for nobody, goes soon."""
        setting("denied_types", "html")
        own = writer(publisher)
        own.put("page.html", b"<script>")
        listed(publisher)

        assert writer(publisher).scope != own.scope

    def test_it_goes_when_it_can_no_longer_be_written(self, publisher: Caller, setting: Setting) -> None:
        setting("denied_types", "html")
        own = writer(publisher)
        own.put("page.html", b"<script>")
        [upload] = listed(publisher)
        sweep()
        assert stored_under(own.scope) != []

        let_time_pass(publisher)
        sweep()

        assert stored_under(own.scope) == []
        assert row_of(upload).state == "aborted"
        assert listed(publisher) == []

    def test_no_one_gets_credentials_or_forms_over_a_full_quota(
        self, publisher: Caller, setting: Setting
    ) -> None:
        setting("org_quota", "5")
        publisher.upload(b"12345")

        answer = publisher.call("s3multipart_credentials", owner=publisher.dataset)
        form = publisher.get(f"/api/3/action/get_s3_post/{publisher.dataset}")

        assert (answer.status, answer.error["code"]) == (409, "quota_exceeded")
        assert form.status_code == 409
