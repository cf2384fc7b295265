"""Direct uploads over HTTP, on a real site: what comes of them is what a normal upload would have made."""

import io
import json
import os
import re
from datetime import date, timedelta

import pytest
import requests
from botocore.exceptions import ClientError, EndpointConnectionError
from caller import forget_request
from indico.core.db import db
from indico.core.oauth.models.personal_tokens import PersonalToken
from indico.modules.attachments.models.attachments import Attachment
from indico.modules.attachments.models.folders import AttachmentFolder
from indico.modules.events.contributions.models.contributions import Contribution
from indico.modules.events.contributions.models.subcontributions import SubContribution
from indico.modules.events.sessions.models.sessions import Session
from indico.modules.logs.models.entries import CategoryLogEntry, EventLogEntry
from uploading import MIB, describe, newest_attachment, put_parts, uploaded
from werkzeug.datastructures import ImmutableDict

# Also on Indico 3.3.
pytestmark = pytest.mark.smoke


def alike(attachment):
    """What an attachment has in common with one that was uploaded in the other way."""
    file = attachment.file
    own = (attachment.title, attachment.type, attachment.user_id, attachment.folder_id)
    return (*own, attachment.protection_mode, file.filename, file.content_type, file.storage_backend)


def key_of(attachment):
    """The key of its file, with IDS for the ids in it."""
    file = attachment.file
    return file.storage_file_id.replace(f"{attachment.id}-{file.id}", "IDS")


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
    assert alike(direct) == alike(before)
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
    assert requests.get(download.headers["Location"], timeout=120).content == content


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


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (ClientError({"Error": {"Code": "AccessDenied"}}, "CreateBucket"), 502, "store_failed"),
        (EndpointConnectionError(endpoint_url="http://store"), 503, "store_unavailable"),
        (FileNotFoundError("no policy file"), 503, "store_misconfigured"),
    ],
    ids=["refused", "away", "misconfigured"],
)
def test_a_new_year_s_bucket_that_cannot_be_made_is_a_sentence(
    app, world, manager, monkeypatch, error, status, code
):
    def fail(*_):
        raise error

    indico = ImmutableDict({**app.config["INDICO"], "ATTACHMENT_STORAGE": "dyn"})
    monkeypatch.setitem(app.config, "INDICO", indico)
    monkeypatch.setattr("indico_plugin.dynamic_buckets.today", lambda: date(2031, 1, 1))
    monkeypatch.setattr("indico_plugin.storage.create_bucket", fail)

    answer = manager.post(f"{world.event_url}/create", describe("a.bin", 5))

    assert answer.status_code == status, answer.json
    assert answer.json["message"]
    assert answer.json["code"] == code


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


def test_an_upload_resumes_after_an_interruption(app, world, manager):
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
    assert "already aborted" in saved.json["html"]


def test_the_scripts_of_the_dialog_are_served_and_kept(app, world, manager):
    dialog = manager.get(world.event_url).json["html"]
    url = re.search(r'data-script-url="([^"]+)"', dialog)[1]
    script = app.test_client().get(url)
    assert script.status_code == 200
    assert script.headers["Content-Type"].startswith("text/javascript")
    assert "immutable" in script.headers["Cache-Control"]
    for outside in ("../setup.py", "package.json"):
        assert app.test_client().get(url.replace("src/indico/materials.js", outside)).status_code == 404
