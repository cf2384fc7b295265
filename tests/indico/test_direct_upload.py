"""Direct uploads over HTTP, on a real site: what a normal upload would have made, and who is refused."""

import hashlib
import io
import json
import os
import re
from datetime import date, datetime, timedelta, timezone

import pytest
import requests
from caller import Caller, forget_request
from indico.core.db import db
from indico.core.oauth.models.personal_tokens import PersonalToken
from indico.modules.attachments.models.attachments import Attachment
from indico.modules.attachments.models.folders import AttachmentFolder
from indico.modules.categories import Category
from indico.modules.events.contributions.models.contributions import Contribution
from indico.modules.events.contributions.models.subcontributions import SubContribution
from indico.modules.events.models.events import Event, EventType
from indico.modules.events.sessions.models.sessions import Session
from indico.modules.groups.models.groups import LocalGroup
from indico.modules.logs.models.entries import CategoryLogEntry, EventLogEntry
from indico.modules.users import User
from werkzeug.datastructures import ImmutableDict

# Also on Indico 3.3.
pytestmark = pytest.mark.smoke

MIB = 1024 * 1024
CALLS = ("create", "sign-parts", "show", "list", "complete", "abort")


@pytest.fixture
def world(context):
    """A category with an event, its manager, and somebody else."""
    from indico_plugin.plugin import S3StoragePlugin

    with S3StoragePlugin.instance.plugin_context():
        S3StoragePlugin.settings.set("direct_uploads", True)
        number = User.query.count()
        manager = User(first_name="Mona", last_name="M", email=f"manager{number}@example.org")
        stranger = User(first_name="Sam", last_name="S", email=f"stranger{number}@example.org")
        category = Category(title="Physics", parent=Category.get_root())
        start = datetime(2026, 11, 21, 9, tzinfo=timezone.utc)
        event = Event(
            title="Workshop", creator=manager, category=category, type_=EventType.meeting, start_dt=start,
            end_dt=start + timedelta(hours=8), timezone="UTC",
        )  # fmt: skip
        db.session.add_all([manager, stranger, category, event])
        db.session.flush()
        event.update_principal(manager, full_access=True)
        category.update_principal(manager, full_access=True)
        db.session.commit()

        class World:
            pass

        World.event, World.category, World.manager, World.stranger = event, category, manager, stranger
        World.event_url = f"/event/{event.id}/manage/attachments/direct-upload"
        World.category_url = f"/category/{category.id}/manage/attachments/direct-upload"
        World.settings = S3StoragePlugin.settings
        yield World
        db.session.rollback()
        S3StoragePlugin.settings.delete_all()
        db.session.commit()


@pytest.fixture
def manager(app, world):
    return Caller(app, world.manager)


@pytest.fixture
def stranger(app, world):
    return Caller(app, world.stranger)


def describe(name, size_bytes, **more):
    return {"filename": name, "size": size_bytes, "content_type": "", "fingerprint": "f", **more}


def put_parts(created, content):
    upload = created["upload"]
    for part in created["parts"]:
        start = (part["part_number"] - 1) * upload["part_size"]
        body = content[start : start + upload["part_size"]]
        answer = requests.put(part["url"], data=body, headers=part["headers"], timeout=30)
        assert answer.status_code == 200, answer.text


def uploaded(caller, url, name, content):
    """The id of a completed upload."""
    created = caller.post(f"{url}/create", describe(name, len(content))).json
    put_parts(created, content)
    completed = caller.post(f"{url}/complete", {"id": created["upload"]["id"]})
    assert completed.status_code == 200, completed.json
    assert completed.json["state"] == "completed"
    return created["upload"]["id"]


def newest_attachment():
    db.session.rollback()
    db.session.expire_all()
    return Attachment.query.order_by(Attachment.id.desc()).first()


def test_a_direct_upload_becomes_what_a_normal_one_would_have(app, world, manager, s3):
    content = os.urandom(17 * MIB)
    normal = manager.client.post(
        f"/event/{world.event.id}/manage/attachments/add/files",
        data={"csrf_token": manager.csrf, "folder": "__None", "acl": "[]",
              "files": (io.BytesIO(b"normal"), "Grüße 1.pdf", "application/pdf")},
        headers={"X-Requested-With": "XMLHttpRequest"},
    )  # fmt: skip
    assert normal.json["success"], normal.json
    before = newest_attachment()
    upload_id = uploaded(manager, world.event_url, "Grüße 1.pdf", content)
    saved = manager.form(world.event_url, s3multipart_upload_id=upload_id)
    assert saved.json["success"], saved.json
    assert saved.json["attachment_list"].count("Grüße 1.pdf") >= 2
    direct = newest_attachment()
    assert direct.id > before.id
    same = lambda a: (a.title, a.type, a.user_id, a.folder_id, a.protection_mode, a.file.filename,  # noqa: E731
                      a.file.content_type, a.file.storage_backend)  # fmt: skip
    assert same(direct) == same(before)
    key_of = lambda a: a.file.storage_file_id.replace(f"{a.id}-{a.file.id}", "IDS")  # noqa: E731
    assert key_of(direct) == key_of(before) == f"event/{world.event.id}/event/IDS-Gruesse_1.pdf"
    assert direct.file.size == len(content)
    assert s3.body("indico-files", direct.file.storage_file_id) == content
    logged = (
        EventLogEntry.query.filter_by(event_id=world.event.id, module="Materials")
        .order_by(EventLogEntry.id)
        .all()
    )
    assert [entry.summary for entry in logged] == ['Added material "Grüße 1.pdf"'] * 2
    assert logged[0].data.keys() == logged[1].data.keys()
    download = manager.client.get(direct.download_url)
    assert requests.get(download.headers["Location"], timeout=30).content == content


def test_the_md5_is_the_true_one_and_comes_after_the_commit(app, world, manager, monkeypatch):
    from indico_plugin import tasks

    asked = []
    monkeypatch.setattr(tasks.compute_md5, "delay", asked.append)
    content = os.urandom(6 * MIB)
    upload_id = uploaded(manager, world.event_url, "a.bin", content)
    manager.form(world.event_url, s3multipart_upload_id=upload_id)
    file = newest_attachment().file
    assert (file.md5, asked) == ("", [file.id])
    # A task that was lost is started again by the next day's janitor.
    asked.clear()
    tasks.tidy_up.apply(throw=True)
    assert file.id in asked
    tasks.compute_md5.run(file.id)
    db.session.expire_all()
    assert newest_attachment().file.md5 == hashlib.md5(content).hexdigest()
    asked.clear()
    tasks.tidy_up.apply(throw=True)
    assert newest_attachment().file.id not in asked


def test_folder_protection_and_access_list_are_those_of_the_dialog(app, world, manager):
    folder = AttachmentFolder(object=world.event, title="Slides")
    db.session.add(folder)
    db.session.commit()
    upload_id = uploaded(manager, world.event_url, "a.bin", b"secret")
    dialog = manager.get(world.event_url).json["html"]
    for field in (
        'name="folder"',
        'name="protected"',
        'name="acl"',
        'name="s3multipart_upload_id"',
        "Slides",
    ):
        assert field in dialog
    # Of two fields of one name, the form would be saved with the empty one.
    assert dialog.count('name="s3multipart_upload_id"') == 1
    saved = manager.form(
        world.event_url, s3multipart_upload_id=upload_id, folder=str(folder.id), protected="y",
        acl=json.dumps([world.stranger.identifier]),
    )  # fmt: skip
    assert saved.json["success"], saved.json
    attachment = newest_attachment()
    assert attachment.folder.title == "Slides"
    assert attachment.is_self_protected
    assert attachment.acl == {world.stranger}


def test_categories_have_direct_uploads_too(app, world, manager):
    upload_id = uploaded(manager, world.category_url, "a.bin", b"for all")
    assert manager.form(world.category_url, s3multipart_upload_id=upload_id).json["success"]
    attachment = newest_attachment()
    expected = f"category/{world.category.id}/{attachment.id}-{attachment.file.id}-a.bin"
    assert attachment.file.storage_file_id == expected
    assert CategoryLogEntry.query.filter_by(category_id=world.category.id, module="Materials").count() == 1


@pytest.mark.parametrize("kind", ["session", "contribution", "subcontribution"])
def test_sessions_and_contributions_have_direct_uploads_too(app, world, manager, kind):
    linked_object, address = part_of_event(world.event, kind)
    url = f"/event/{world.event.id}/manage/{address}/attachments/direct-upload"
    saved = manager.form(url, s3multipart_upload_id=uploaded(manager, url, "a.bin", b"part"))
    assert saved.json["success"], saved.json
    attachment = newest_attachment()
    assert attachment.folder.object == linked_object
    assert attachment.file.storage_file_id == attachment.file._build_storage_path()[1]


def part_of_event(event, kind):
    """A session, contribution or subcontribution, and its address below the event's management."""
    if kind == "session":
        session = Session(event=event, title="Plenary")
        db.session.add(session)
        db.session.commit()
        return session, f"sessions/{session.id}"
    contribution = Contribution(event=event, title="Talk", duration=timedelta(minutes=20))
    db.session.add(contribution)
    # Its own counter numbers its subcontributions, from another connection.
    db.session.commit()
    address = f"contributions/{contribution.id}"
    if kind == "contribution":
        return contribution, address
    subcontribution = SubContribution(contribution=contribution, title="Part", duration=timedelta(minutes=5))
    db.session.add(subcontribution)
    db.session.commit()
    return subcontribution, f"{address}/subcontributions/{subcontribution.id}"


def test_an_upload_that_is_begun_in_the_old_year_ends_in_the_old_year_s_bucket(
    app, world, manager, s3, monkeypatch
):
    monkeypatch.setitem(
        app.config, "INDICO", ImmutableDict({**app.config["INDICO"], "ATTACHMENT_STORAGE": "dyn"})
    )
    monkeypatch.setattr("indico_plugin.dynamic_buckets.today", lambda: date(2026, 12, 31))
    created = manager.post(f"{world.event_url}/create", describe("a.bin", 5)).json
    monkeypatch.setattr("indico_plugin.dynamic_buckets.today", lambda: date(2027, 1, 1))
    put_parts(created, b"bytes")
    saved = manager.form(world.event_url, s3multipart_upload_id=created["upload"]["id"])
    assert saved.json["success"], saved.json
    file = newest_attachment().file
    assert file.storage_file_id.startswith("dyn-2026-")
    with file.open() as stored:
        assert stored.read() == b"bytes"


def test_a_script_uploads_with_a_token_of_indico(app, world):
    token = PersonalToken(user=world.manager, name="upload", scopes=["full:everything"])
    secret = token.generate_token()
    db.session.commit()
    headers = {"Authorization": f"Bearer {secret}"}
    forget_request()
    created = app.test_client().post(f"{world.event_url}/create", json=describe("a.bin", 5), headers=headers)
    assert created.status_code == 200, created.json
    put_parts(created.json, b"bytes")
    forget_request()
    saved = app.test_client().post(
        world.event_url,
        data={"s3multipart_upload_id": created.json["upload"]["id"], "folder": "__None", "acl": "[]"},
        headers={**headers, "X-Requested-With": "XMLHttpRequest"},
    )
    assert saved.json["success"], saved.json
    assert newest_attachment().title == "a.bin"


def test_every_call_may_be_repeated(app, world, manager):
    request = describe("a.bin", 6 * MIB, idempotency_key="once")
    first, second = (manager.post(f"{world.event_url}/create", request).json for _ in range(2))
    assert first["upload"]["id"] == second["upload"]["id"]
    upload_id = {"id": first["upload"]["id"]}
    put_parts(first, bytes(6 * MIB))
    completed = [manager.post(f"{world.event_url}/complete", upload_id).json for _ in range(2)]
    assert completed[0] == completed[1]
    saved = [manager.form(world.event_url, s3multipart_upload_id=upload_id["id"]).json for _ in range(2)]
    assert saved[0]["success"] and saved[1]["success"]
    assert Attachment.query.filter_by(title="a.bin", folder_id=newest_attachment().folder_id).count() == 1


def test_an_upload_goes_on_after_an_interruption(app, world, manager):
    content = os.urandom(12 * MIB)
    created = manager.post(f"{world.event_url}/create", describe("a.bin", len(content))).json
    upload = created["upload"]
    put_parts({**created, "parts": created["parts"][:1]}, content)
    unfinished = manager.post(f"{world.event_url}/list").json
    assert upload["id"] in [item["id"] for item in unfinished]
    shown = manager.post(f"{world.event_url}/show", {"id": upload["id"]}).json
    assert (shown["stored"], shown["stored_bytes"]) == ("1", upload["part_size"])
    early = manager.post(f"{world.event_url}/complete", {"id": upload["id"]})
    assert (early.status_code, early.json["code"], early.json["missing"]) == (409, "parts_missing", "2")
    signed = manager.post(f"{world.event_url}/sign-parts", {"id": upload["id"], "part_numbers": [2]}).json
    put_parts({"upload": upload, "parts": signed}, content)
    assert manager.post(f"{world.event_url}/complete", {"id": upload["id"]}).json["state"] == "completed"


def test_an_aborted_upload_is_gone_from_the_store(app, world, manager, s3):
    created = manager.post(f"{world.event_url}/create", describe("gone.bin", 10)).json
    put_parts(created, bytes(10))
    for _ in range(2):
        aborted = manager.post(f"{world.event_url}/abort", {"id": created["upload"]["id"]})
        assert aborted.json["state"] == "aborted"
    assert not any(key.endswith("gone.bin") for key in s3.keys("indico-files"))
    saved = manager.form(world.event_url, s3multipart_upload_id=created["upload"]["id"])
    assert not saved.json.get("success")
    assert "aborted already" in saved.json["html"]


@pytest.mark.parametrize(
    ("request_body", "status", "code"),
    [
        (describe("big.bin", 101 * MIB), 413, "file_too_large"),
        (describe("", 1), 422, "invalid_request"),
        (describe("a", -1), 422, "invalid_request"),
        (describe("a", "1"), 422, "invalid_request"),
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


def test_nobody_reaches_the_upload_of_another_or_through_another_object(app, world, manager):
    other = User(first_name="Otto", last_name="O", email=f"otto{User.query.count()}@example.org")
    db.session.add(other)
    db.session.flush()
    world.event.update_principal(other, full_access=True)
    db.session.commit()
    upload_id = manager.post(f"{world.event_url}/create", describe("mine.bin", 1)).json["upload"]["id"]
    second = Caller(app, other)
    body = {"id": upload_id, "part_numbers": [1]}
    for call in ("sign-parts", "show", "complete", "abort"):
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


def test_the_janitor_removes_what_nobody_finished_and_leaves_the_rest(app, world, manager, s3):
    from indico_plugin.direct_upload import janitor
    from indico_plugin.models.uploads import DirectUpload

    kept = uploaded(manager, world.event_url, "attached.bin", b"kept")
    manager.form(world.event_url, s3multipart_upload_id=kept)
    completed = uploaded(manager, world.event_url, "forgotten.bin", b"forgotten")
    unfinished = manager.post(f"{world.event_url}/create", describe("half.bin", 10)).json["upload"]["id"]
    alive = manager.post(f"{world.event_url}/create", describe("alive.bin", 10)).json["upload"]["id"]
    past = datetime.now(timezone.utc) - timedelta(hours=1)
    DirectUpload.query.filter(DirectUpload.id.in_([kept, completed, unfinished])).update(
        {"expires_at": past}, synchronize_session=False
    )
    db.session.commit()
    assert janitor.remove_expired_uploads() >= 2
    states = {row.id: row.state for row in DirectUpload.query}
    assert (states[kept], states[completed], states[unfinished], states[alive]) == (
        "attached", "aborted", "aborted", "uploading",
    )  # fmt: skip
    names = [key.rpartition("-")[2] for key in s3.keys("indico-files")]
    assert "attached.bin" in names
    assert "forgotten.bin" not in names


def test_the_janitor_aborts_old_multiparts_but_not_those_that_go_on(app, world, manager, s3, monkeypatch):
    from indico_plugin.direct_upload import janitor

    alive = manager.post(f"{world.event_url}/create", describe("alive.bin", 10)).json["upload"]["id"]
    stale = s3.client.create_multipart_upload(Bucket="indico-files", Key="left-behind")["UploadId"]
    assert janitor.abort_stale_multiparts() == 0
    monkeypatch.setattr(janitor, "STALE_AFTER", timedelta(0))
    janitor.abort_stale_multiparts()
    left = [
        upload["UploadId"]
        for upload in s3.client.list_multipart_uploads(Bucket="indico-files").get("Uploads", [])
    ]
    assert stale not in left
    assert manager.post(f"{world.event_url}/show", {"id": alive}).json["state"] == "uploading"


def test_the_scripts_of_the_dialog_are_served_and_kept(app, world, manager):
    dialog = manager.get(world.event_url).json["html"]
    url = re.search(r'data-script-url="([^"]+)"', dialog)[1]
    script = app.test_client().get(url)
    assert script.status_code == 200
    assert script.headers["Content-Type"].startswith("text/javascript")
    assert "immutable" in script.headers["Cache-Control"]
    for outside in ("../setup.py", "package.json"):
        assert app.test_client().get(url.replace("src/indico-materials.js", outside)).status_code == 404
