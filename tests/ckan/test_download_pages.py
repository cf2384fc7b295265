"""What readers see of downloads: the chart on the pages of a file and of a dataset, the organisation's page,
and CSV; and what they do not see."""

import csv
import io
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import ckan.plugins as p
import pytest
from browser import read
from bs4 import BeautifulSoup
from callers import Caller, new_stranger, new_sysadmin
from ckan import authz, model
from ckan.tests import factories
from organisation_members import member_of

from ckanext.s3multipart.model import count_download, now
from ckanext.s3multipart.statistics import csv_export
from ckanext.s3multipart.statistics.download_stats import FileDay
from ckanext.s3multipart.statistics.months import MonthCount

Setting = Callable[[str, object], None]
TODAY = now().date()


@pytest.fixture(autouse=True)
def nothing_added_up(portal: object) -> None:
    """Tests count downloads of the past, which nobody does."""
    model.Session.query(MonthCount).delete()
    model.Session.commit()


@pytest.fixture
def resource(publisher: Caller) -> dict[str, Any]:
    """A published file that was downloaded three times, on two days."""
    resource = publisher.publish(b"1,2", filename="rivers.csv")
    count(resource, TODAY, times=2)
    count(resource, TODAY - timedelta(days=3))
    return resource


class TestTheChart:
    @pytest.mark.smoke
    @pytest.mark.parametrize("of", ["resource", "dataset"])
    def test_is_on_the_pages_of_a_file_and_of_its_dataset(
        self, publisher: Caller, anonymous: Caller, resource: dict[str, Any], of: str
    ) -> None:
        shown = downloads_on(anonymous, page_of(publisher, resource, of))

        assert "3 in total" in shown.text
        svg = shown.select_one("svg[role=img]")
        assert svg.select_one("desc").text.startswith("3 downloads. The most were 2: ")
        assert len(svg.select("rect")) == 2
        rows = [[cell.text for cell in row.select("th, td")] for row in shown.select("details tbody tr")]
        assert [row[1:] for row in rows] == [["2", "6 bytes"], ["1", "3 bytes"]]

    def test_the_range_is_chosen_by_links(
        self, publisher: Caller, anonymous: Caller, resource: dict[str, Any]
    ) -> None:
        count(resource, date(2020, 2, 3), times=5)
        url = page_of(publisher, resource, "resource")

        shown = downloads_on(anonymous, url)
        [chosen] = shown.select(".s3multipart-ranges [aria-current]")
        assert chosen.text == "12 months"
        assert "8 in total" in shown.text and "3 in the days shown" in shown.text
        everything = shown.find("a", string="All")["href"]

        by_month = downloads_on(anonymous, url + everything.split("#")[0])
        assert "8 in the days shown" in by_month.text
        assert by_month.select_one("details thead th").text == "Month"
        assert by_month.select("details tbody th")[-1].text == "Feb 2020"
        assert by_month.select_one(".s3multipart-ranges [aria-current]").text == "All"

    def test_is_not_there_where_nothing_was_downloaded_or_nothing_is_counted(
        self, publisher: Caller, anonymous: Caller, resource: dict[str, Any], setting: Setting
    ) -> None:
        other = publisher.publish(b"3,4")
        assert not read(anonymous.get(page_of(publisher, other, "resource"))).select("svg")

        setting("count_downloads", False)
        assert not read(anonymous.get(page_of(publisher, resource, "resource"))).select("svg")

    def test_the_table_is_in_the_language_of_the_page(
        self, publisher: Caller, anonymous: Caller, resource: dict[str, Any]
    ) -> None:
        count(resource, date(2020, 3, 3), times=1234)

        shown = downloads_on(anonymous, "/de" + page_of(publisher, resource, "dataset") + "?downloads=all")

        assert [cell.text for cell in shown.select("details tbody tr")[-1].select("th, td")][:2] == [
            "März 2020",
            "1.234",
        ]


class TestTheOrganisation:
    @pytest.mark.smoke
    def test_has_a_page_with_its_files_the_most_downloaded_first(
        self, publisher: Caller, anonymous: Caller, resource: dict[str, Any]
    ) -> None:
        other = publisher.attach(publisher.upload(b"123456"), name="Second <file>")
        count(other, TODAY, times=7, size_bytes=6)
        organisation = read(anonymous.get(f"/organization/{publisher.organisation}"))
        [tab] = [a for a in organisation.select(".page-header a, .nav a") if a.text.strip() == "Downloads"]

        page = read(anonymous.get(tab["href"]))

        assert "10 in total" in page.select_one(".s3multipart-downloads").text
        rows = [[cell.text for cell in row.select("th, td")] for row in page.select(".s3multipart-top tr")]
        assert [(row[0], row[2], row[3]) for row in rows[1:]] == [
            ("Second <file>", "7", "42 bytes"),
            (resource["name"] or "Unnamed resource", "3", "9 bytes"),
        ]
        assert anonymous.get(page.select_one(".s3multipart-top a")["href"]).status_code == 200

    def test_shows_the_days_that_are_asked_for(
        self, publisher: Caller, anonymous: Caller, resource: dict[str, Any]
    ) -> None:
        url = f"/organization/downloads/{publisher.organisation}"
        count(resource, date(2020, 2, 3), times=5)

        page = read(anonymous.get(f"{url}?from=2020-02-01&to=2020-02-29"))

        assert (
            "5 in the days shown, Feb 3, 2020 to Feb 29, 2020"
            in page.select_one(".s3multipart-downloads").text
        )
        assert page.select_one("input[name=from]")["value"] == "2020-02-01"
        assert page.select_one(".s3multipart-top td:nth-of-type(2)").text == "5"
        [link] = page.select(".s3multipart-downloads a[href*='.csv']")
        assert [row["downloads"] for row in csv_of(anonymous, link["href"])] == ["5"]
        assert anonymous.get(f"{url}?from=1+March").status_code == 422

    def test_that_is_not_there_has_none(self, anonymous: Caller) -> None:
        for url in ("/organization/downloads/nowhere", "/organization/downloads/nowhere/downloads.csv"):
            assert anonymous.get(url).status_code == 404


class TestCsv:
    @pytest.mark.smoke
    def test_has_a_row_for_each_day_and_file(
        self, publisher: Caller, anonymous: Caller, resource: dict[str, Any]
    ) -> None:
        name = anonymous.do("package_show", id=publisher.dataset)["name"]
        common = {"dataset": name, "resource": resource["id"], "name": resource["name"] or ""}
        expected = [
            {"day": str(TODAY - timedelta(days=3)), **common, "downloads": "1", "bytes": "3"},
            {"day": str(TODAY), **common, "downloads": "2", "bytes": "6"},
        ]
        for url in urls(publisher, resource):
            assert csv_of(anonymous, url) == expected
        assert csv_of(anonymous, f"/dataset/{name}/downloads.csv?from={TODAY}") == expected[1:]

    def test_is_a_file_that_nobody_keeps_for_others(
        self, publisher: Caller, anonymous: Caller, resource: dict[str, Any]
    ) -> None:
        answer = anonymous.get(f"/dataset/{publisher.dataset}/downloads.csv")

        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert answer.headers["Content-Disposition"].startswith("attachment; ")
        assert "no-store" in answer.headers["Cache-Control"]

    @pytest.mark.parametrize(
        "name",
        [
            "=1+1",
            "+1",
            "-1",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "  =1",
            "\n=1",
            "\uff1d1",
            "\uff0b1",
            '=HYPERLINK("http://x")',
        ],
    )
    def test_no_cell_is_a_formula(self, name: str) -> None:
        rows = [FileDay(TODAY, "rivers", "an-id", name, 1, 2)]

        [row] = csv.DictReader(io.StringIO("".join(csv_export.csv_chunks(rows)), newline=""))

        assert row["name"] == "'" + name

    def test_is_made_while_it_is_sent(self) -> None:
        taken = []

        def rows() -> Any:
            for number in range(100_000):
                taken.append(number)
                yield FileDay(TODAY, "rivers", "an-id", "name", number, 2)

        chunks = csv_export.csv_chunks(rows())
        first = next(chunks)

        assert len(taken) < 1000
        assert first.count("\r\n") + sum(chunk.count("\r\n") for chunk in chunks) == 100_001


class TestWhoSeesThem:
    @pytest.mark.parametrize(
        ("value", "allowed"),
        [
            ("everybody", {"stranger", "member", "editor", "sysadmin"}),
            ("members", {"member", "editor", "sysadmin"}),
            ("editors", {"editor", "sysadmin"}),
            ("sysadmins", {"sysadmin"}),
        ],
    )
    def test_the_setting_holds_for_pages_files_and_the_action_alike(
        self, publisher: Caller, resource: dict[str, Any], setting: Setting, value: str, allowed: set[str]
    ) -> None:
        setting("download_stats_for", value)
        callers = {
            "stranger": new_stranger(publisher.app),
            "member": member_of(publisher, "member"),
            "editor": publisher,
            "sysadmin": new_sysadmin(publisher.app),
        }
        for role, caller in callers.items():
            status = 200 if role in allowed else 403
            for url in (*urls(publisher, resource), f"/organization/downloads/{publisher.organisation}"):
                assert caller.get(url).status_code == status, (role, url)
            for asked in asked_of(publisher, resource):
                assert caller.call("s3multipart_download_stats", **asked).status == status, (role, asked)
            for of in ("resource", "dataset"):
                page = read(caller.get(page_of(publisher, resource, of)))
                assert bool(page.select("svg.s3multipart-chart")) is (role in allowed), (role, of)
            tabs = read(caller.get(f"/organization/{publisher.organisation}")).text
            assert ("Downloads" in tabs) is (role in allowed), role

    def test_a_private_dataset_is_counted_for_its_members_alone(
        self, publisher: Caller, anonymous: Caller, resource: dict[str, Any]
    ) -> None:
        secret = private_resource(publisher, "Top secret")
        count(secret, TODAY, times=100)
        url = f"/organization/downloads/{publisher.organisation}"

        for caller in (anonymous, new_stranger(publisher.app)):
            for of_secret in (
                f"/dataset/{secret['package_id']}/downloads.csv",
                f"/dataset/resource/{secret['id']}/downloads.csv",
            ):
                assert caller.get(of_secret).status_code == 403
            page = caller.get(url).get_data(as_text=True)
            assert "3 in total" in page and "103" not in page and "Top secret" not in page
            rows = csv_of(caller, f"{url}/downloads.csv")
            assert {row["resource"] for row in rows} == {resource["id"]}
            stats = caller.do("s3multipart_download_stats", organization=publisher.organisation)
            assert (stats["count"], [each["resource"] for each in stats["files"]]) == (3, [resource["id"]])

        for caller in (publisher, member_of(publisher, "member"), new_sysadmin(publisher.app)):
            stats = caller.do("s3multipart_download_stats", organization=publisher.organisation)
            assert stats["count"] == 103, caller
            assert "Top secret" in caller.get(url).get_data(as_text=True)

    def test_a_dataset_that_turns_private_takes_its_numbers_along(
        self, publisher: Caller, anonymous: Caller, resource: dict[str, Any]
    ) -> None:
        publisher.do("package_patch", id=publisher.dataset, private=True)

        stats = anonymous.do("s3multipart_download_stats", organization=publisher.organisation)

        assert (stats["count"], stats["files"]) == (0, [])
        assert publisher.do("s3multipart_download_stats", owner=publisher.dataset)["count"] == 3

    def test_a_deleted_dataset_is_not_counted(
        self, publisher: Caller, anonymous: Caller, resource: dict[str, Any]
    ) -> None:
        publisher.do("package_delete", id=publisher.dataset)

        assert anonymous.do("s3multipart_download_stats", organization=publisher.organisation)["count"] == 0
        assert publisher.get(f"/dataset/{publisher.dataset}/downloads.csv").status_code in (403, 404)

    def test_what_another_extension_hides_is_not_counted(
        self,
        publisher: Caller,
        anonymous: Caller,
        resource: dict[str, Any],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        hidden = publisher.attach(publisher.upload(b"123456"), name="For some")
        count(hidden, TODAY, times=50)
        hide(hidden["id"], monkeypatch)

        for asked in ({"organization": publisher.organisation}, {"owner": publisher.dataset}):
            stats = anonymous.do("s3multipart_download_stats", **asked)
            assert (stats["count"], [each["resource"] for each in stats["files"]]) == (3, [resource["id"]])


def hide(resource_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another extension lets nobody see this resource."""
    functions = authz._AuthFunctions._functions
    ckans_own = functions["resource_show"]

    def resource_show(context: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
        return {"success": False} if asked.get("id") == resource_id else ckans_own(context, asked)

    resource_show.auth_allow_anonymous_access = True
    monkeypatch.setitem(functions, "resource_show", resource_show)
    extension = p.get_plugin("s3multipart")
    own = extension.get_auth_functions()
    monkeypatch.setattr(extension, "get_auth_functions", lambda: {**own, "resource_show": resource_show})


def private_resource(publisher: Caller, name: str) -> dict[str, Any]:
    with publisher.app.flask_app.test_request_context():
        package = factories.Dataset(owner_org=publisher.organisation_id, private=True)
    model.Session.remove()
    upload = publisher.upload(b"123", owner=package["id"])
    return publisher.attach(upload, package_id=package["id"], name=name)


def page_of(publisher: Caller, resource: dict[str, Any], of: str) -> str:
    dataset = f"/dataset/{model.Package.get(publisher.dataset).name}"
    return f"{dataset}/resource/{resource['id']}" if of == "resource" else dataset


def urls(publisher: Caller, resource: dict[str, Any]) -> list[str]:
    """Where the same numbers are, as CSV."""
    return [
        f"/dataset/{publisher.dataset}/downloads.csv",
        f"/dataset/resource/{resource['id']}/downloads.csv",
        f"/organization/downloads/{publisher.organisation}/downloads.csv",
    ]


def asked_of(publisher: Caller, resource: dict[str, Any]) -> list[dict[str, str]]:
    return [
        {"resource": resource["id"]},
        {"owner": publisher.dataset},
        {"organization": publisher.organisation},
    ]


def downloads_on(caller: Caller, url: str) -> BeautifulSoup:
    [shown] = read(caller.get(url)).select(".s3multipart-downloads")
    return shown


def csv_of(caller: Caller, url: str) -> list[dict[str, str]]:
    answer = caller.get(url)
    assert answer.status_code == 200, answer.get_data(as_text=True)[:500]
    return list(csv.DictReader(io.StringIO(answer.get_data(as_text=True), newline="")))


def count(resource: dict[str, Any], day: date, *, times: int = 1, size_bytes: int = 3) -> None:
    for _ in range(times):
        count_download(resource["id"], day, size_bytes)
    model.Session.commit()
