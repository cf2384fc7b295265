"""The list of a folder: names that begin with something, pages, and sorting all of it or none."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from console_visitor import ConsoleVisitor
from s3_clients import client_for

from s3portal.console import folders
from s3portal.server.testing import RunningServer

BUCKET = "console-folders"
OBJECTS = f"/ui/buckets/{BUCKET}/objects"
#: Sizes in an order that is neither that of the names nor its reverse.
SIZES = {"a": 30, "b": 10, "c": 50, "d": 20, "e": 40}


@pytest.fixture(scope="module")
def s3(running: RunningServer) -> Any:
    s3 = client_for(running, "admin")
    s3.create_bucket(Bucket=BUCKET)
    for name, size in SIZES.items():
        s3.put_object(Bucket=BUCKET, Key=f"sizes/{name}", Body=b"x" * size)
    for folder in ("n", "m"):
        s3.put_object(Bucket=BUCKET, Key=f"sizes/{folder}/inside", Body=b"")
    return s3


@pytest.fixture
def two_a_page(monkeypatch: pytest.MonkeyPatch, s3: Any) -> None:
    monkeypatch.setattr(folders, "PAGE_SIZE", 2)


def names(page: str) -> list[str]:
    """The entries of a page, in their order."""
    body = page.partition("<tbody>")[2].partition("</tbody>")[0]
    return [html.unescape(name) for name in re.findall(r'<th scope="row"><a[^>]*>([^<]*)</a>', body)]


def next_url(page: str) -> str | None:
    found = re.search(r'rel="next" href="([^"]*)"', page)
    return html.unescape(found[1]) if found else None


def pages(visitor: ConsoleVisitor, url: str) -> list[list[str]]:
    """The entries of this page and of all that follow it."""
    shown = []
    following: str | None = url
    while following:
        page = visitor.open(following).text
        shown.append(names(page))
        following = next_url(page)
    return shown


def test_the_server_is_asked_for_names_by_their_beginning(
    admin: ConsoleVisitor, two_a_page: None, s3: Any
) -> None:
    """Not the page that is shown: what is asked for is on none of the first."""
    for number in range(5):
        s3.put_object(Bucket=BUCKET, Key=f"found/a{number}", Body=b"")
    for name in ("z<1>", "z<2>", "z<2>/deeper"):
        s3.put_object(Bucket=BUCKET, Key=f"found/{name}", Body=b"")
    assert names(admin.open(f"{OBJECTS}?prefix=found/").text) == ["a0", "a1"]
    assert pages(admin, f"{OBJECTS}?prefix=found/&start=z%3C") == [["z<1>", "z<2>"], ["z<2>/"]]
    assert "nothing here with such a name" in admin.open(f"{OBJECTS}?prefix=found/&start=b").text
    # The form works without scripts, and keeps the order that was asked for.
    page = admin.open(f"{OBJECTS}?prefix=found/&sort=size&down=").text
    form = page.partition('role="search"')[2].partition("</form>")[0]
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))
    assert fields == {"prefix": "found/", "sort": "size", "down": "", "start": ""}


def test_names_are_in_the_server_s_order_page_by_page(admin: ConsoleVisitor, two_a_page: None) -> None:
    assert pages(admin, f"{OBJECTS}?prefix=sizes/") == [["a", "b"], ["c", "d"], ["m/", "e"], ["n/"]]


@pytest.mark.parametrize(
    ("query", "order"),
    [
        ("sort=size", ["m/", "n/", "b", "d", "a", "e", "c"]),
        ("sort=size&down=", ["m/", "n/", "c", "e", "a", "d", "b"]),
        ("sort=name&down=", ["n/", "m/", "e", "d", "c", "b", "a"]),
        ("sort=changed", ["m/", "n/", "a", "b", "c", "d", "e"]),
    ],
)
def test_all_of_a_folder_is_sorted_and_not_a_page(
    admin: ConsoleVisitor, two_a_page: None, query: str, order: list[str]
) -> None:
    shown = pages(admin, f"{OBJECTS}?prefix=sizes/&{query}")
    assert [len(page) for page in shown] == [2, 2, 2, 1]
    assert [name for page in shown for name in page] == order
    assert "All 7 entries are sorted" in admin.open(f"{OBJECTS}?prefix=sizes/&{query}").text


def test_a_page_of_folders_and_objects_is_full(
    admin: ConsoleVisitor, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "PAGE_SIZE", 3)
    assert pages(admin, f"{OBJECTS}?prefix=sizes/&sort=size") == [["m/", "n/", "b"], ["d", "a", "e"], ["c"]]


def test_sorting_shows_which_way(admin: ConsoleVisitor, s3: Any) -> None:
    page = admin.open(f"{OBJECTS}?prefix=sizes/&sort=size&down=").text
    assert 'aria-sort="descending"' in page and "entries are sorted" not in page


@pytest.mark.parametrize(("limit", "is_sorted"), [(7, True), (6, False)])
@pytest.mark.parametrize("listed", [1000, 3, 7])
def test_more_than_can_be_sorted_is_said_and_in_the_order_of_names(
    admin: ConsoleVisitor, s3: Any, monkeypatch: pytest.MonkeyPatch, limit: int, is_sorted: bool, listed: int
) -> None:
    monkeypatch.setattr(folders, "SORTED_LIMIT", limit)
    monkeypatch.setattr(folders, "_LISTED", listed)
    monkeypatch.setattr("s3portal.console.pages.objects.SORTED_LIMIT", limit)
    page = admin.open(f"{OBJECTS}?prefix=sizes/&sort=size").text
    said = f"There are more than {limit} entries here, so they are in the order of their names."
    assert (said in page) is not is_sorted
    if not is_sorted:
        assert names(page) == ["m/", "n/", "a", "b", "c", "d", "e"]
        assert 'aria-sort="ascending"' in page and next_url(page) is None
    # What is narrowed down is sorted.
    assert names(admin.open(f"{OBJECTS}?prefix=sizes/&start=c&sort=size").text) == ["c"]


def test_what_cannot_be_sorted_is_read_no_further_than_the_limit(
    admin: ConsoleVisitor, s3: Any, running: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "SORTED_LIMIT", 2)
    monkeypatch.setattr(folders, "_LISTED", 1)
    # The menus' own questions are asked once.
    admin.open(OBJECTS)
    running.requests.clear()
    admin.open(f"{OBJECTS}?prefix=sizes/&sort=size")
    asked = [one for one in running.requests if one.operation == "ListObjectsV2"]
    # Two to see that there are more, and the page itself.
    assert len(asked) == 3


@pytest.mark.parametrize("number", ["0", "-1", "x", "9" * 30, "²", ""])
def test_a_page_that_is_none_is_the_first(admin: ConsoleVisitor, two_a_page: None, number: str) -> None:
    page = admin.open(f"{OBJECTS}?prefix=sizes/&sort=size&number={number}")
    assert page.status_code == 200 and names(page.text) == ["m/", "n/"]
