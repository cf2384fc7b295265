"""A material's file is replaced by a direct upload, in Indico's own dialog; and several files in one
dialog.
"""

import io
import json
import os

import pytest
import requests
from caller import Caller, forget_request
from indico.core.db import db
from indico.modules.attachments.models.attachments import Attachment, AttachmentFile
from indico.modules.categories import Category
from indico.modules.events.models.events import Event, EventType
from indico.util.date_time import now_utc
from uploading import MIB, describe, newest_attachment, put_parts, saved, uploaded

# Also on Indico 3.3.
pytestmark = pytest.mark.smoke


@pytest.fixture
def material(app, world, manager):
    """A material with a file, and the address of its dialog."""
    saved(manager, world.event_url, "first.pdf", b"the first")
    attachment = newest_attachment()
    address = world.event_url.removesuffix("direct-upload")
    return attachment, f"{address}{attachment.folder_id}/{attachment.id}/"


def edit(caller, url, **fields):
    return caller.form(url, title="Slides", description="", **fields)


def content_of(caller, attachment):
    forget_request()
    location = caller.client.get(attachment.download_url).headers["Location"]
    return requests.get(location, timeout=120).content


def test_the_file_of_a_material_is_replaced(app, world, manager, material, s3):
    attachment, url = material
    link, first_id = attachment.download_url, attachment.file.id
    dialog = manager.get(url).json["html"]
    assert 'name="s3multipart_upload_id"' in dialog
    assert "To replace the file, drop another one here, or" in dialog
    content = os.urandom(7 * MIB)
    upload_id = uploaded(manager, f"{url}direct-upload", "second.mp4", content)
    # Nothing has changed before the dialog is saved.
    assert content_of(manager, newest_attachment()) == b"the first"
    answer = edit(manager, url, s3multipart_upload_id=upload_id)
    assert answer.json["success"], answer.json
    replaced = newest_attachment()
    assert (replaced.id, replaced.title) == (attachment.id, "Slides")
    assert (replaced.file.filename, replaced.file.size) == ("second.mp4", len(content))
    assert replaced.file.storage_file_id == replaced.file._build_storage_path()[1]
    assert content_of(manager, replaced) == content
    # As after Indico's own replacing: the earlier file is on record, and the old link leads to the new one.
    assert {file.id for file in replaced.all_files} == {first_id, replaced.file.id}
    forget_request()
    assert manager.client.get(link).status_code in (301, 302)


def test_saving_twice_replaces_once(app, world, manager, material):
    attachment, url = material
    upload_id = uploaded(manager, f"{url}direct-upload", "second.pdf", b"the second")
    for _ in range(2):
        assert edit(manager, url, s3multipart_upload_id=upload_id).json["success"]
    assert AttachmentFile.query.filter_by(attachment_id=attachment.id).count() == 2


def test_an_upload_that_is_not_completed_yet_is_completed_by_saving(app, world, manager, material):
    _, url = material
    created = manager.post(f"{url}direct-upload/create", describe("second.pdf", 10)).json
    refused = edit(manager, url, s3multipart_upload_id=created["upload"]["id"])
    assert not refused.json.get("success")
    assert "missing or incomplete: 1" in refused.json["html"]
    put_parts(created, b"the second")
    assert edit(manager, url, s3multipart_upload_id=created["upload"]["id"]).json["success"]
    assert content_of(manager, newest_attachment()) == b"the second"


def test_of_two_files_chosen_in_the_dialog_none_is_taken(app, world, manager, material):
    _, url = material
    upload_id = uploaded(manager, f"{url}direct-upload", "second.pdf", b"the second")
    answer = edit(manager, url, s3multipart_upload_id=upload_id, file=(io.BytesIO(b"a third"), "third.pdf"))
    assert not answer.json.get("success")
    assert "You chose two files" in answer.json["html"]
    assert content_of(manager, newest_attachment()) == b"the first"


def test_the_dialog_without_a_file_changes_the_rest_only(app, world, manager, material):
    _, url = material
    assert edit(manager, url).json["success"]
    assert newest_attachment().title == "Slides"
    assert content_of(manager, newest_attachment()) == b"the first"


@pytest.fixture
def other_event(world):
    """An event of the stranger, who may do nothing with the other one."""
    category = Category(title="Chemistry", parent=Category.get_root())
    event = Event(
        title="Meeting", creator=world.stranger, category=category, type_=EventType.meeting,
        start_dt=now_utc(), end_dt=now_utc(), timezone="UTC",
    )  # fmt: skip
    db.session.add_all([category, event])
    db.session.flush()
    event.update_principal(world.stranger, full_access=True)
    db.session.commit()
    return event


CALLS = ("create", "sign-parts", "show", "list", "complete", "abort")


def test_no_one_replaces_a_file_of_an_event_that_they_do_not_manage(
    app, world, manager, stranger, material, other_event
):
    attachment, url = material
    for call in CALLS:
        assert stranger.post(f"{url}direct-upload/{call}", describe("x", 1)).status_code == 403
    # The address of one's own event with the material of another.
    own = f"/event/{other_event.id}/manage/attachments/{attachment.folder_id}/{attachment.id}/"
    for call in CALLS:
        answer = stranger.post(f"{own}direct-upload/{call}", describe("x", 1))
        assert answer.status_code in (400, 403, 404), (call, answer.get_data(as_text=True))
    upload_id = uploaded(
        stranger, f"/event/{other_event.id}/manage/attachments/direct-upload", "evil.pdf", b"evil"
    )
    assert not (edit(stranger, own, s3multipart_upload_id=upload_id).json or {}).get("success")
    assert content_of(manager, attachment) == b"the first"


def test_an_upload_for_one_thing_does_not_become_another(app, world, manager, material):
    attachment, url = material
    for_new = uploaded(manager, world.event_url, "new.pdf", b"new")
    for_replacing = uploaded(manager, f"{url}direct-upload", "second.pdf", b"the second")
    assert "new.pdf" not in [each["filename"] for each in manager.post(f"{url}direct-upload/list").json]
    assert for_replacing not in [each["id"] for each in manager.post(f"{world.event_url}/list").json]
    refused = edit(manager, url, s3multipart_upload_id=for_new)
    assert not refused.json.get("success")
    refused = manager.form(world.event_url, s3multipart_upload_id=for_replacing)
    assert not refused.json.get("success")
    assert content_of(manager, attachment) == b"the first"


def test_who_may_no_longer_upload_directly_is_told_and_nothing_is_replaced(app, world, manager, material):
    attachment, url = material
    upload_id = uploaded(manager, f"{url}direct-upload", "second.pdf", b"the second")
    world.settings.set("direct_uploads", False)
    db.session.commit()
    answer = edit(manager, url, s3multipart_upload_id=upload_id)
    assert not answer.json.get("success")
    assert "Direct uploads are not enabled on this site" in answer.json["html"]
    assert 'data-module="s3portal-indico"' not in answer.json["html"]
    assert content_of(manager, attachment) == b"the first"


def test_a_link_and_a_deleted_material_have_no_file_to_replace(app, world, manager, material):
    attachment, url = material
    added = manager.form(
        world.event_url.replace("direct-upload", "add/link"), title="Link", link_url="https://example.org"
    )
    assert added.json["success"], added.json
    link = newest_attachment()
    address = url.replace(f"/{attachment.folder_id}/{attachment.id}/", f"/{link.folder_id}/{link.id}/")
    assert manager.post(f"{address}direct-upload/create", describe("x", 1)).status_code == 404
    assert 'data-module="s3portal-indico"' not in manager.get(address).json["html"]
    attachment = Attachment.query.get(attachment.id)
    attachment.is_deleted = True
    db.session.commit()
    assert manager.post(f"{url}direct-upload/create", describe("x", 1)).status_code == 404


def test_several_files_of_one_dialog_become_a_material_each(app, world, manager):
    names = ["a.bin", "b.bin", "c.bin"]
    ids = [uploaded(manager, world.event_url, name, name.encode()) for name in names]
    answer = manager.form(
        world.event_url, s3multipart_upload_id=ids, protected="y", acl=json.dumps([world.stranger.identifier])
    )
    assert answer.json["success"], answer.json
    last = newest_attachment()
    made = Attachment.query.filter_by(folder_id=last.folder_id).order_by(Attachment.id).all()
    assert [each.title for each in made] == names
    assert all(each.acl == {world.stranger} for each in made)
    assert [content_of(manager, each) for each in made] == [name.encode() for name in names]


def test_where_one_of_several_cannot_be_saved_none_is_and_all_can_be_tried_again(app, world, manager):
    stored = uploaded(manager, world.event_url, "stored.bin", b"stored")
    half = manager.post(f"{world.event_url}/create", describe("half.bin", 4)).json
    ids = [stored, half["upload"]["id"]]
    before = Attachment.query.count()
    refused = manager.form(world.event_url, s3multipart_upload_id=ids)
    assert not refused.json.get("success")
    assert "missing or incomplete: 1" in refused.json["html"]
    assert half["upload"]["id"] in refused.json["html"]
    assert Attachment.query.count() == before
    put_parts(half, b"half")
    assert manager.form(world.event_url, s3multipart_upload_id=ids).json["success"]
    assert Attachment.query.count() == before + 2


def test_more_files_than_one_request_can_save_are_refused(app, world, manager):
    answer = manager.form(world.event_url, s3multipart_upload_id=[f"{number}" for number in range(51)])
    assert "at most 50 files" in answer.json["html"]


def test_a_submitter_who_may_not_search_for_users_has_the_dialog_too(app, world, monkeypatch):
    """Indico 3.3 takes the access list out of the form for them."""
    from indico.modules.attachments import forms

    if not hasattr(forms, "_is_user_search_allowed"):
        pytest.skip("NOT RUN: this version of Indico has the access list for everybody")
    monkeypatch.setattr(forms, "_is_user_search_allowed", lambda linked_object: False)
    manager = Caller(app, world.manager)
    assert 'name="acl"' not in manager.get(world.event_url).json["html"]
    upload_id = uploaded(manager, world.event_url, "a.bin", b"a")
    answer = manager.form(world.event_url, s3multipart_upload_id=upload_id, protected="y")
    assert answer.json["success"], answer.json
