"""A cookie alone changes nothing: the CSRF token has to come with it, whatever was served before."""

import pytest
from browser import Browser
from callers import Caller

from ckanext.s3multipart.refusal import STATE_CHANGING

# Each CKAN has its own way to tell cookies and tokens apart.
pytestmark = pytest.mark.smoke


@pytest.fixture
def browser(portal, ckan_config, monkeypatch: pytest.MonkeyPatch) -> Browser:
    """A browser, before a portal that checks CSRF tokens as portals do outside of tests."""
    monkeypatch.setitem(portal.flask_app.config, "WTF_CSRF_ENABLED", True)
    return Browser(portal)


@pytest.mark.parametrize("action", sorted(STATE_CHANGING))
def test_a_call_without_the_token_is_refused(browser: Browser, action: str) -> None:
    answer = browser.action(action, owner=browser.dataset, filename="a.csv", size=1)

    assert answer.status_code == 403
    assert answer.get_json()["error"]["code"] == "csrf_token_missing"
    assert "Reload the page" in answer.get_json()["error"]["message"]


def test_a_call_with_a_made_up_token_is_refused(browser: Browser) -> None:
    answer = browser.action(
        "s3multipart_upload_create", csrf_token="made-up", owner=browser.dataset, filename="a.csv", size=1
    )

    assert answer.status_code == 403


def test_a_call_with_the_token_of_the_page_is_served(browser: Browser) -> None:
    answer = browser.action(
        "s3multipart_upload_create",
        csrf_token=browser.csrf_token(),
        owner=browser.dataset,
        filename="a.csv",
        size=1,
    )

    assert answer.status_code == 200, answer.get_data(as_text=True)


def test_it_is_refused_also_after_a_call_with_an_api_token(browser: Browser, publisher: Caller) -> None:
    """CKAN 2.12.0 exempts the whole API of the process from then on."""
    assert publisher.create().status == 200

    answer = browser.action("s3multipart_upload_create", owner=browser.dataset, filename="a.csv", size=1)

    assert answer.status_code == 403


def test_attaching_needs_the_token_too(browser: Browser, publisher: Caller) -> None:
    token = browser.csrf_token()
    publisher.create()
    created = browser.action(
        "s3multipart_upload_create", csrf_token=token, owner=browser.dataset, filename="a.csv", size=1
    ).get_json()["result"]

    answer = browser.action(
        "resource_create", package_id=browser.dataset, s3multipart_upload_id=created["upload"]["id"]
    )

    assert answer.status_code in (400, 403)
    assert browser.resources() == []


def test_a_made_up_api_token_beside_a_cookie_does_not_help(browser: Browser, publisher: Caller) -> None:
    """Also the real token of somebody else is not the cookie's user."""
    answer = browser.post(
        "/api/3/action/s3multipart_upload_create",
        json={"owner": browser.dataset, "filename": "a.csv", "size": 1},
        headers={"Authorization": "made-up"},
    )

    assert answer.status_code == 403


def test_an_api_token_needs_nothing_more(browser: Browser, publisher: Caller) -> None:
    assert publisher.create().status == 200


def test_anonymous_callers_are_told_to_log_in(browser: Browser, anonymous: Caller) -> None:
    assert anonymous.create(owner=browser.dataset).status == 401


def test_looking_at_ones_uploads_needs_no_token(browser: Browser) -> None:
    assert browser.get("/api/3/action/s3multipart_upload_list").status_code == 200


def test_ckans_own_forms_answer_as_before(browser: Browser) -> None:
    answer = browser.post(f"/dataset/{browser.dataset}/resource/new", data={"save": "go-metadata", "id": ""})

    assert answer.status_code == 400
    assert "The CSRF token is missing" in answer.get_data(as_text=True)
