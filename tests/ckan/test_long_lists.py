"""Pages of very many unfinished uploads: fifty at a time, and no more is read than is shown."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
import sqlalchemy as sa
from browser import SITE_URL, Browser, csrf_field
from bs4 import BeautifulSoup
from ckan import model
from ckan.tests import helpers

from ckanext.s3multipart.model import UploadRow

DASHBOARD = "/dashboard/uploads"


@pytest.fixture
def browser(portal) -> Browser:
    return Browser(portal)


@pytest.fixture
def loaded() -> Iterator[list[str]]:
    """The ids of the uploads' rows that were read, as they are read."""
    ids: list[str] = []

    def remember(row: UploadRow, _context: object) -> None:
        ids.append(row.id)

    sa.event.listen(UploadRow, "load", remember)
    yield ids
    sa.event.remove(UploadRow, "load", remember)


def have_uploads(browser: Browser, count: int) -> None:
    """Gives somebody so many unfinished uploads, of which "1.csv" is the oldest."""
    first = browser.upload(filename="1.csv")["id"]
    table = UploadRow.__table__
    row = dict(model.Session.execute(table.select().where(table.c.id == first)).mappings().one())
    copies = [
        {
            **row,
            "id": str(uuid4()),
            "key": f"{row['key']}-{number}",
            "filename": f"{number}.csv",
            "idempotency_key": None,
            "created_at": row["created_at"] + timedelta(seconds=number),
        }
        for number in range(2, count + 1)
    ]
    model.Session.execute(table.insert(), copies)
    model.Session.commit()
    model.Session.remove()


def names(page: BeautifulSoup) -> list[str]:
    return [name.get_text() for name in page.select(".s3multipart-uploads > li strong")]


def go(browser: Browser, page: BeautifulSoup, relation: str) -> BeautifulSoup:
    """Follows the link to the page before or after."""
    [link] = page.select(f".s3multipart-pages a[rel={relation}]")
    return browser.page(link["href"].removeprefix(SITE_URL))


def csv_names(first: int, last: int) -> list[str]:
    return [f"{number}.csv" for number in range(first, last - 1, -1)]


def as_administrator(browser: Browser) -> str:
    helpers.call_action(
        "organization_member_create", id=browser.organisation, username=browser.name, role="admin"
    )
    model.Session.remove()
    return f"/organization/uploads/{browser.organisation}"


@pytest.mark.parametrize("place", [lambda browser: DASHBOARD, as_administrator], ids=["own", "organisation"])
def test_one_goes_through_all_of_them_and_back(browser: Browser, place: Callable[[Browser], str]) -> None:
    have_uploads(browser, 120)

    first = browser.page(place(browser))
    second = go(browser, first, "next")
    third = go(browser, second, "next")

    assert names(first) == csv_names(120, 71)
    assert names(second) == csv_names(70, 21)
    assert names(third) == csv_names(20, 1)
    assert "51 to 100 of 120" in second.select_one(".s3multipart-pages").get_text()
    assert first.select(".s3multipart-pages a[rel=prev]") == []
    assert third.select(".s3multipart-pages a[rel=next]") == []
    assert names(go(browser, third, "prev")) == names(second)


def test_fifty_are_one_page_without_a_way_to_others(browser: Browser) -> None:
    have_uploads(browser, 50)

    page = browser.page(DASHBOARD)

    assert len(names(page)) == 50
    assert page.select(".s3multipart-pages") == []


@pytest.mark.parametrize("number", ["0", "-1", "x", "", "1e3", "²", "%00", "9" * 5000])
def test_a_page_that_makes_no_sense_is_the_first(browser: Browser, number: str) -> None:
    have_uploads(browser, 51)

    assert names(browser.page(f"{DASHBOARD}?page={number}")) == csv_names(51, 2)


def test_a_page_beyond_the_last_is_the_last(browser: Browser) -> None:
    have_uploads(browser, 51)

    assert names(browser.page(f"{DASHBOARD}?page=99")) == ["1.csv"]


def test_after_one_is_discarded_the_same_page_comes_again(browser: Browser) -> None:
    have_uploads(browser, 120)
    page = browser.page(f"{DASHBOARD}?page=2")
    form = page.select_one('form[action$="/discard"]')
    values = {field["name"]: field["value"] for field in form.select("input[name]")}

    answer = browser.post(form["action"], data={**values, **csrf_field(page)})

    after = browser.page(answer.headers["Location"].removeprefix(SITE_URL))
    assert "51 to 100 of 119" in after.select_one(".s3multipart-pages").get_text()


def test_a_page_reads_no_more_rows_than_it_shows(browser: Browser, loaded: list[str]) -> None:
    have_uploads(browser, 120)
    loaded.clear()

    browser.page(DASHBOARD)

    assert len(set(loaded)) == 50


def test_the_tab_of_the_dashboard_reads_one_row(browser: Browser, loaded: list[str]) -> None:
    have_uploads(browser, 120)
    loaded.clear()

    page = browser.page("/dashboard/datasets")

    assert page.select_one('.nav-tabs a[href$="/dashboard/uploads"]')
    assert len(set(loaded)) == 1
