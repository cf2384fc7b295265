"""Direct uploads over HTTP: who is refused, what is refused, and with which reason."""

import pytest
from caller import Caller
from indico.core.db import db
from indico.modules.categories import Category
from indico.modules.groups.models.groups import LocalGroup
from indico.modules.users import User
from uploading import MIB, describe
from werkzeug.datastructures import ImmutableDict

# Also on Indico 3.3.
pytestmark = pytest.mark.smoke

CALLS = ("create", "sign-parts", "show", "list", "complete", "abort")


@pytest.mark.parametrize(
    ("request_body", "status", "code"),
    [
        (describe("big.bin", 101 * MIB), 413, "file_too_large"),
        (describe("", 1), 422, "invalid_request"),
        (describe("a", -1), 422, "invalid_request"),
        (describe("a", "one"), 422, "invalid_request"),
        (describe("a", True), 422, "invalid_request"),
        ([], 422, "invalid_request"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(app, world, manager, request_body, status, code):
    answer = manager.post(f"{world.event_url}/create", request_body)
    assert (answer.status_code, answer.json["code"]) == (status, code)
    if status == 413:
        assert (answer.json["setting"], answer.json["limit"]) == ("MAX_UPLOAD_FILE_SIZE", 100 * MIB)


def test_the_smaller_of_indico_conf_s_limits_holds(app, world, manager, monkeypatch):
    monkeypatch.setitem(
        app.config, "INDICO", ImmutableDict({**app.config["INDICO"], "MAX_UPLOAD_FILES_TOTAL_SIZE": 50})
    )
    answer = manager.post(f"{world.event_url}/create", describe("big.bin", 50 * MIB + 1))
    assert (answer.json["setting"], answer.json["limit"]) == ("MAX_UPLOAD_FILES_TOTAL_SIZE", 50 * MIB)
    assert f'data-max-size="{50 * MIB}"' in manager.get(world.event_url).json["html"]
    assert manager.post(f"{world.event_url}/create", describe("a.bin", 50 * MIB)).status_code == 200


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("place", ["event_url", "category_url"])
def test_who_may_not_manage_materials_is_refused_at_every_call(app, world, stranger, call, place):
    answer = stranger.post(f"{getattr(world, place)}/{call}", describe("a", 1, id="x", part_numbers=[1]))
    assert answer.status_code == 403
    # Without a session there is no token to send, and that is what is refused first.
    assert Caller(app, None).post(f"{getattr(world, place)}/{call}").status_code == 400


def test_without_the_page_s_token_a_cookie_is_not_enough(app, world, manager):
    answer = manager.post(f"{world.event_url}/create", describe("a", 1), **{"X-CSRF-Token": "forged"})
    assert answer.status_code == 400


def test_no_one_reaches_the_upload_of_another_or_through_another_object(app, world, manager):
    other = User(first_name="Otto", last_name="O", email=f"otto{User.query.count()}@example.org")
    db.session.add(other)
    db.session.flush()
    world.event.update_principal(other, full_access=True)
    db.session.commit()
    upload_id = manager.post(f"{world.event_url}/create", describe("mine.bin", 1)).json["upload"]["id"]
    second = Caller(app, other)
    for call in ("sign-parts", "show", "complete", "abort"):
        body = {"id": upload_id, **({"part_numbers": [1]} if call == "sign-parts" else {})}
        assert second.post(f"{world.event_url}/{call}", body).json["code"] == "upload_not_found"
        assert manager.post(f"{world.category_url}/{call}", body).json["code"] == "upload_not_found"
    assert upload_id not in [item["id"] for item in second.post(f"{world.event_url}/list").json]
    refused = second.form(world.event_url, s3multipart_upload_id=upload_id)
    assert not refused.json.get("success")


def button(caller, world):
    page = caller.get(f"/event/{world.event.id}/manage/attachments/")
    return "attachments/direct-upload" in page.get_data(as_text=True)


def test_the_button_is_there_only_for_whom_it_works(app, world, manager):
    assert button(manager, world)
    world.settings.set("direct_uploads", False)
    db.session.commit()
    assert not button(manager, world)
    refused = manager.post(f"{world.event_url}/create", describe("a", 1))
    assert (refused.status_code, refused.json["code"]) == (403, "not_allowed")


def test_categories_in_the_settings_hold_for_what_is_in_them(app, world, manager):
    other = Category(title="Other", parent=Category.get_root())
    db.session.add(other)
    db.session.flush()
    for category_id, allowed in (
        (world.category.id, True),
        (Category.get_root().id, True),
        (other.id, False),
    ):
        world.settings.set("direct_upload_categories", [{"id": category_id}])
        db.session.commit()
        assert button(manager, world) is allowed
        answer = manager.post(f"{world.event_url}/create", describe("a", 1))
        assert answer.status_code == (200 if allowed else 403)


def test_groups_in_the_settings_hold_for_their_members(app, world, manager):
    theirs, other = (LocalGroup(name=f"{name} of {world.event.id}") for name in ("Team", "Others"))
    theirs.members.add(world.manager)
    db.session.add_all([theirs, other])
    db.session.commit()
    for principal, allowed in (
        (world.stranger, False),
        (world.manager, True),
        (other.proxy, False),
        (theirs.proxy, True),
    ):
        world.settings.acls.set("direct_upload_groups", {principal})
        db.session.commit()
        assert button(manager, world) is allowed
        answer = manager.post(f"{world.event_url}/create", describe("a", 1))
        assert answer.status_code == (200 if allowed else 403)


def test_a_locked_event_takes_no_uploads(app, world, manager):
    world.event.is_locked = True
    db.session.commit()
    assert manager.post(f"{world.event_url}/create", describe("a", 1)).status_code in (403, 400)
