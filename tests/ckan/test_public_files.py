"""Files of public datasets without a signature, and the way back before a dataset turns private."""

import time
from typing import Any

import pytest
import requests
from callers import Caller, new_publisher
from ckan import authz, model
from public_mode import location, published, row_of, status
from public_mode import public_mode as public_mode  # a fixture that every test here uses
from shown_links import CONTENT

from ckanext.s3multipart.downloads.key_moves import continue_move
from ckanext.s3multipart.downloads.move_model import COPYING, KeyMove
from ckanext.s3multipart.downloads.public_files import publish, sweep_moves
from ckanext.s3multipart.model import now
from ckanext.s3multipart.settings import portal_store
from s3portal.transfer import object_url


def test_a_public_file_is_reached_without_a_signature(publisher: Caller, anonymous: Caller) -> None:
    resource = publisher.publish(CONTENT, filename="Flüsse.csv")
    before = location(anonymous, resource)

    publish(row_of(resource))
    url = location(anonymous, resource)
    answer = requests.get(url, timeout=120)

    assert "X-Amz-Signature" in before
    assert "?" not in url
    assert "/public/" in url
    assert answer.content == CONTENT
    assert answer.headers["Content-Disposition"].startswith("attachment")
    # What was handed out before works until it expires.
    assert requests.get(before, timeout=120).content == CONTENT
    assert publisher.head(resource["url"]).headers["ETag"] == answer.headers["ETag"]


def test_what_browsers_run_is_stored_as_something_to_save(publisher: Caller) -> None:
    _, url = published(publisher, b"<script>", filename="a.html", content_type="text/html")

    answer = requests.get(url, timeout=120)

    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment")


def test_a_private_file_is_not_published(portal: Any) -> None:
    private = new_publisher(portal, private=True)
    resource = private.publish(CONTENT)

    publish(row_of(resource))
    url = location(private, resource)

    assert "X-Amz-Signature" in url
    assert status(object_url(portal_store(), row_of(resource).key)) == 403


def test_the_janitor_publishes_what_everybody_may_read(portal: Any, publisher: Caller) -> None:
    private = new_publisher(portal, private=True)
    resource, hidden = publisher.publish(CONTENT), private.publish(CONTENT)

    assert sweep_moves() == 0

    assert status(location(publisher, resource).partition("?")[0]) == 200
    assert "X-Amz-Signature" in location(private, hidden)


class TestResourcesThatAnotherExtensionRestricts:
    @pytest.fixture
    def resource(self, publisher: Caller) -> dict:
        return publisher.publish(CONTENT)

    def restrict(self, resource: dict, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nobody sees it who is not signed in, in a dataset that everybody sees."""
        functions = authz._AuthFunctions._functions
        ckans_own = functions["resource_show"]

        def resource_show(context: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
            is_hidden = asked.get("id") == resource["id"] and not context.get("user")
            return {"success": False} if is_hidden else ckans_own(context, asked)

        resource_show.auth_allow_anonymous_access = True  # type: ignore[attr-defined]
        monkeypatch.setitem(functions, "resource_show", resource_show)

    def test_are_not_published(
        self, publisher: Caller, resource: dict, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.restrict(resource, monkeypatch)

        publish(row_of(resource))
        sweep_moves()

        assert "X-Amz-Signature" in location(publisher, resource)
        assert status(location(publisher, resource).partition("?")[0]) == 403

    def test_are_withdrawn_when_their_link_is_followed(
        self, publisher: Caller, resource: dict, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        publish(row_of(resource))
        url = location(publisher, resource)
        assert status(url) == 200
        self.restrict(resource, monkeypatch)

        assert "X-Amz-Signature" in location(publisher, resource)

        (move,) = model.Session.query(KeyMove.id).filter_by(state=COPYING, to_everybody=False).all()
        continue_move(move.id, time.monotonic() + 60)
        assert status(url) in (403, 404)
        assert requests.get(location(publisher, resource), timeout=120).content == CONTENT

    def test_are_withdrawn_by_the_janitor(
        self, publisher: Caller, resource: dict, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        publish(row_of(resource))
        url = location(publisher, resource)
        self.restrict(resource, monkeypatch)

        sweep_moves()

        assert status(url) in (403, 404)


def test_links_that_were_handed_out_end_with_their_time(publisher: Caller) -> None:
    """The old object stays for as long as links to it work, and goes then."""
    resource = publisher.publish(CONTENT)
    before = location(publisher, resource)
    publish(row_of(resource))
    sweep_moves()
    assert status(before) == 200

    model.Session.query(KeyMove).update({"clear_after": now()})
    model.Session.commit()
    sweep_moves()

    assert status(before) in (403, 404)
    assert requests.get(location(publisher, resource), timeout=120).content == CONTENT
