"""Changes come from the console's own pages, and pages are sent with what keeps them apart."""

from __future__ import annotations

import pytest
from console_visitor import ConsoleVisitor

CREATE = "/ui/buckets/new"


def test_a_change_without_the_token_is_refused(admin: ConsoleVisitor) -> None:
    answer = admin.http.post(admin.origin + CREATE, data={"name": "forged"}, headers={"Origin": admin.origin})
    assert answer.status_code == 403
    assert "forged" not in admin.open("/ui/buckets").text


def test_a_change_with_the_token_of_another_session_is_refused(
    admin: ConsoleVisitor, limited: ConsoleVisitor
) -> None:
    limited.open(CREATE)
    answer = admin.http.post(
        admin.origin + CREATE,
        data={"name": "forged", "csrf_token": limited.token()},
        headers={"Origin": admin.origin},
    )
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        # Another port of this very host: its pages share cookies.
        {"Origin": "http://127.0.0.1:1"},
        {"Referer": "http://evil.example/ui/buckets"},
        {},
    ],
    ids=str,
)
def test_a_change_from_another_origin_is_refused_even_with_the_token(
    admin: ConsoleVisitor, headers: dict[str, str]
) -> None:
    admin.open(CREATE)
    answer = admin.http.post(
        admin.origin + CREATE, data={"name": "forged", "csrf_token": admin.token()}, headers=headers
    )
    assert answer.status_code == 403


def test_signing_in_takes_a_token_too(stranger: ConsoleVisitor) -> None:
    stranger.open("/ui/sign-in")
    answer = stranger.http.post(
        f"{stranger.origin}/ui/sign-in",
        data={"access_key_id": "a", "secret_access_key": "b"},
        headers={"Origin": stranger.origin},
    )
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "path", ["/ui/sign-in", "/ui/buckets", CREATE, "/ui/no-such-page", "/ui/static/console.css"]
)
def test_every_answer_keeps_scripts_and_frames_of_others_away(admin: ConsoleVisitor, path: str) -> None:
    headers = admin.open(path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "script-src 'self';" in policy and "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy and headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_pages_have_nothing_inline(admin: ConsoleVisitor) -> None:
    for path in ("/ui/buckets", CREATE, "/ui/buckets/test-bucket/objects"):
        page = admin.open(path).text
        assert " style=" not in page and "<style" not in page and " onclick" not in page
        assert page.count("<script") == page.count('<script type="module" src="')


def test_pages_are_not_kept_by_caches(admin: ConsoleVisitor) -> None:
    assert admin.open("/ui/buckets").headers["Cache-Control"] == "no-store"


def test_an_unknown_page_is_a_page(admin: ConsoleVisitor) -> None:
    page = admin.open("/ui/no-such-page")
    assert page.status_code == 404 and "There is no such page" in page.text
