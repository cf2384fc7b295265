"""``indico s3 uploads``: what administrators do in a terminal with the unfinished uploads of others."""

import json
import uuid

import pytest
from indico.core.db import db
from uploading import describe, uploaded


@pytest.fixture
def uploads(app):
    """Runs a command of the group."""
    from indico_plugin.direct_upload.commands import uploads_commands

    def run(*arguments):
        result = app.test_cli_runner().invoke(uploads_commands, [str(argument) for argument in arguments])
        db.session.expire_all()
        return result

    return run


def row_of(upload_id):
    from indico_plugin.models.uploads import DirectUpload

    db.session.rollback()
    return DirectUpload.query.get(upload_id)


def test_everyones_unfinished_uploads_are_listed(world, manager, uploads):
    begun = manager.post(f"{world.event_url}/create", describe("begun.bin", 10)).json["upload"]["id"]
    completed = uploaded(manager, world.category_url, "completed.bin", b"x")
    attached = uploaded(manager, world.event_url, "attached.bin", b"x")
    manager.form(world.event_url, s3multipart_upload_id=attached)

    said = uploads("list", "--user", world.manager.email)

    assert said.exit_code == 0
    assert said.output.splitlines()[-1] == "2 unfinished uploads"
    of_category, of_event = said.output.splitlines()[:2]
    assert of_category.split()[:2] == [completed, "completed"]
    assert of_event.split()[:2] == [begun, "uploading"]
    assert f"{world.manager.email}  event {world.event.id}  begun.bin" in of_event
    listed = json.loads(uploads("list", "--json", "--user", world.manager.id).output)
    assert [(each["id"], each["publisher"]) for each in listed] == [
        (completed, world.manager.email),
        (begun, world.manager.email),
    ]


def test_an_upload_goes_to_a_user_who_may_upload_there(world, manager, uploads):
    begun = manager.post(f"{world.event_url}/create", describe("begun.bin", 10)).json["upload"]["id"]

    refused = uploads("hand-over", begun, world.stranger.email)

    assert refused.exit_code == 1
    assert "may not upload here" in refused.output
    assert row_of(begun).user_id == world.manager.id

    world.event.update_principal(world.stranger, full_access=True)
    db.session.commit()
    said = uploads("hand-over", begun, world.stranger.id)

    assert said.exit_code == 0
    assert row_of(begun).user_id == world.stranger.id


def test_an_upload_is_aborted_and_one_that_is_a_material_is_not(world, manager, uploads):
    begun = manager.post(f"{world.event_url}/create", describe("begun.bin", 10)).json["upload"]["id"]
    attached = uploaded(manager, world.event_url, "attached.bin", b"x")
    manager.form(world.event_url, s3multipart_upload_id=attached)

    said = uploads("abort", attached, begun)

    assert said.exit_code == 1
    assert f"{begun} is aborted" in said.output
    assert (row_of(begun).state, row_of(attached).state) == ("aborted", "attached")


def test_what_is_not_there_is_named(world, uploads):
    missing = uuid.uuid4()

    assert f"There is no upload {missing}." in uploads("hand-over", missing, world.manager.email).output
    assert "There is no user nobody@example.org." in uploads("list", "--user", "nobody@example.org").output
    assert uploads("abort", missing).exit_code == 1
    assert uploads("abort", "not-an-id").exit_code == 2


def test_a_site_without_the_table_is_told_how_to_make_it(world, uploads, monkeypatch):
    monkeypatch.setattr("indico_plugin.direct_upload.commands.table_is_current", lambda: False)

    said = uploads("list")

    assert said.exit_code == 1
    assert "indico db --plugin storage_s3 upgrade" in said.output
