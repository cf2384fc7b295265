"""What a browser is allowed to show, and what it can only save."""

from types import SimpleNamespace
from typing import Any

import pytest
from callers import Caller
from ckan.exceptions import CkanConfigurationException
from shown_links import Setting

from ckanext.s3multipart.download_settings import DownloadSettings
from ckanext.s3multipart.downloads.presentation import presentation_of
from ckanext.s3multipart.settings import PREFIX, check_settings

pytestmark = pytest.mark.smoke

ACTIVE = [
    *("text/html", "TEXT/HTML; charset=utf-8", "image/svg+xml", "application/xml", "text/xml"),
    *("application/xhtml+xml", "text/javascript", "application/rss+xml", "text/css", "message/rfc822"),
]


def presented(content_type: str, *, under_the_portal: bool = False, **settings: Any) -> tuple[str, str]:
    row: Any = SimpleNamespace(filename="file", content_type=content_type)
    shown = presentation_of(row, DownloadSettings(**settings), under_the_portal=under_the_portal)
    return shown.content_type, shown.disposition.partition(";")[0]


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("application/pdf", ("application/pdf", "inline")),
        ("Application/PDF", ("application/pdf", "inline")),
        ("image/png", ("image/png", "inline")),
        ("text/csv", ("text/csv", "attachment")),
        ("text/plain; charset=UTF-8", ("text/plain; charset=utf-8", "attachment")),
        ("image/svg+xml", ("application/octet-stream", "attachment")),
        ("no type", ("application/octet-stream", "attachment")),
        ("", ("application/octet-stream", "attachment")),
    ],
)
def test_what_the_list_names_is_shown(content_type: str, expected: tuple[str, str]) -> None:
    assert presented(content_type, inline_types=("application/pdf", "image/*")) == expected


def test_without_a_list_everything_is_saved() -> None:
    assert presented("application/pdf") == ("application/pdf", "attachment")


@pytest.mark.parametrize("content_type", ACTIVE)
def test_what_browsers_run_is_saved_and_does_not_say_what_it_is(content_type: str) -> None:
    saved = ("application/octet-stream", "attachment")

    assert presented(content_type, inline_types=("*/*",)) == saved
    # The portal's own address has none of it, whatever is set.
    of_the_portal = {"inline_types": ("*/*",), "force_download_active": False, "under_the_portal": True}
    assert presented(content_type, **of_the_portal) == saved
    # Nor is it shown where the list does not name it.
    assert presented(content_type, inline_types=("image/png",), force_download_active=False) == saved


def test_what_browsers_run_is_shown_where_the_administrator_wants_it() -> None:
    wanted = {"inline_types": ("text/html", "image/*"), "force_download_active": False}

    assert presented("text/html", **wanted) == ("text/html", "inline")
    assert presented("image/svg+xml", **wanted) == ("image/svg+xml", "inline")
    assert presented("application/xml", **wanted) == ("application/octet-stream", "attachment")


@pytest.mark.parametrize("mode", ["redirect", "proxy"])
def test_the_answer_says_it(publisher: Caller, setting: Setting, mode: str) -> None:
    setting("inline_types", ["application/pdf"])
    setting("download_mode", mode)
    pdf = publisher.publish(b"%PDF-1.7", filename="a.pdf", content_type="application/pdf")
    page = publisher.publish(b"<script>", filename="a.html", content_type="text/html")

    for resource, content_type, disposition in (
        (pdf, "application/pdf", "inline"),
        (page, "application/octet-stream", "attachment"),
    ):
        got = publisher.follow(resource["url"]) if mode == "redirect" else publisher.get(resource["url"])
        for headers in (got.headers, publisher.head(resource["url"]).headers):
            assert headers["Content-Type"] == content_type
            assert headers["Content-Disposition"].startswith(disposition)


def test_a_page_is_shown_from_the_store_where_the_administrator_wants_it(
    publisher: Caller, setting: Setting
) -> None:
    setting("inline_types", ["text/html"])
    setting("force_download_active", False)
    resource = publisher.publish(b"<p>", filename="a.html", content_type="text/html")

    served = publisher.follow(resource["url"])

    assert served.headers["Content-Type"] == "text/html"
    assert served.headers["Content-Disposition"].startswith("inline")


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"download_mode": "redirct"}, "is not one of: .*; did you mean redirect?"),
        ({"download_mode": "ngnix"}, "did you mean nginx?"),
        ({"inline_types": "pdf"}, "has pdf, which is no content type"),
        ({"inline_types": "text/html"}, "has text/html, which browsers run"),
        (
            {"download_mode": "proxy", "force_download_active": "false"},
            "the rights of the portal's own pages",
        ),
        (
            {"download_mode": "nginx", "force_download_active": "false"},
            "the rights of the portal's own pages",
        ),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(settings: dict[str, str], problem: str) -> None:
    named = {f"{PREFIX}s3_bucket": "river-data", **{PREFIX + name: each for name, each in settings.items()}}

    with pytest.raises(CkanConfigurationException, match=problem.replace("?", r"\?")):
        check_settings(named)
