"""Direct uploads over HTTP, asked by somebody who means harm: refused with a reason, and never a crash."""

import json

import pytest
import requests
from caller import forget_request
from indico.core.db import db
from indico.modules.attachments.models.folders import AttachmentFolder
from strange_values import STRANGE
from uploading import describe, newest_attachment, put_parts, uploaded
from werkzeug.http import parse_options_header

FIELDS = ["filename", "size", "content_type", "fingerprint", "idempotency_key", "round_trip_ms"]


@pytest.mark.parametrize("field", FIELDS)
def test_no_value_of_a_field_is_more_than_refused(app, world, manager, field):
    for value in STRANGE:
        answer = manager.post(f"{world.event_url}/create", describe("a.bin", 1) | {field: value})
        assert answer.status_code in (200, 413, 422), (value, answer.get_data(as_text=True))


@pytest.mark.parametrize("call", ["sign-parts", "show", "complete", "abort"])
def test_no_id_is_more_than_not_found(app, world, manager, call):
    for value in STRANGE:
        more = {"part_numbers": [1]} if call == "sign-parts" else {}
        answer = manager.post(f"{world.event_url}/{call}", {"id": value, **more})
        assert (answer.status_code, answer.json["code"]) == (404, "upload_not_found"), value


def test_no_part_outside_the_plan_is_signed(app, world, manager):
    upload_id = manager.post(f"{world.event_url}/create", describe("a.bin", 1)).json["upload"]["id"]
    forged = [[0], [-1], [10**30], [2], [1] * 2000, "1-99999999999", "1", ["1"], [None], [True]]
    for numbers in [*STRANGE, *forged]:
        answer = manager.post(f"{world.event_url}/sign-parts", {"id": upload_id, "part_numbers": numbers})
        assert answer.status_code == 422, (numbers, answer.get_data(as_text=True))


def test_no_checksum_is_more_than_refused(app, world, manager):
    created = manager.post(f"{world.event_url}/create", describe("a.bin", 1)).json
    put_parts(created, b"a")
    of_other_content = {"algorithm": "MD5", "value": "x"}
    forged = [of_other_content, {"algorithm": 1}, {"algorithm": "MD5", "value": "x" * 100_000}]
    for checksum in [value for value in (*STRANGE, *forged) if value]:
        answer = manager.post(
            f"{world.event_url}/complete", {"id": created["upload"]["id"], "checksum": checksum}
        )
        assert answer.status_code in (409, 422), (checksum, answer.get_data(as_text=True))


@pytest.mark.parametrize(
    "name",
    [
        "../../../etc/passwd",
        "..\\..\\boot.ini",
        "/etc/passwd",
        "..",
        ".",
        "a/b/../c.pdf",
        "event/2/x.pdf",
        "%2e%2e%2fx",
        "CON",
        "a\r\nb.pdf",
        'a";filename=evil.exe;x="',
        "\u202efdp.exe",
        " ",
        "n" * 1000,
        "~/.ssh/id",
        "a?versionId=1#x",
    ],
)
def test_no_name_leads_out_of_the_place_of_the_material(app, world, manager, name):
    upload_id = uploaded(manager, world.event_url, name, b"x")
    saved = manager.form(world.event_url, s3multipart_upload_id=upload_id)
    assert saved.json["success"], saved.json
    file = newest_attachment().file
    folder, _, last = file.storage_file_id.rpartition("/")
    assert folder == f"event/{world.event.id}/event"
    assert last.startswith(f"{newest_attachment().id}-{file.id}-")
    assert not set(file.filename) & set("/\\\r\n\x00")
    sent = manager.client.get(newest_attachment().download_url)
    disposition = requests.get(sent.headers["Location"], timeout=120).headers["Content-Disposition"]
    assert parse_options_header(disposition)[1].keys() == {"filename"}
    assert "evil.exe" not in parse_options_header(disposition)[1].values()


@pytest.mark.parametrize(
    "name",
    ["evil.html", "evil.svg", "evil.xhtml", "evil.xml", "evil.js", "evil.htm", "evil.mht", "evil.shtml"],
)
def test_nothing_that_can_run_is_shown_in_place(app, world, manager, name):
    upload_id = uploaded(manager, world.event_url, name, b"<script>alert(1)</script>")
    manager.form(world.event_url, s3multipart_upload_id=upload_id)
    forget_request()
    sent = manager.client.get(newest_attachment().download_url)
    answer = requests.get(sent.headers["Location"], timeout=120)
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert not any(word in answer.headers["Content-Type"] for word in ("html", "svg", "xml", "script"))


def test_what_the_browser_says_of_the_type_is_not_shown_either(app, world, manager):
    created = manager.post(
        f"{world.event_url}/create", describe("no-extension", 3, content_type="text/html; charset=utf-8")
    ).json
    put_parts(created, b"<b>")
    manager.form(world.event_url, s3multipart_upload_id=created["upload"]["id"])
    forget_request()
    answer = requests.get(
        manager.client.get(newest_attachment().download_url).headers["Location"], timeout=120
    )
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert "html" not in answer.headers["Content-Type"]


def test_more_bytes_than_were_announced_are_not_taken(app, world, manager):
    created = manager.post(f"{world.event_url}/create", describe("a.bin", 3)).json
    part = created["parts"][0]
    assert (
        requests.put(part["url"], data=b"far more", headers=part["headers"], timeout=120).status_code == 403
    )
    forged = part["url"].replace("partNumber=1", "partNumber=2")
    assert requests.put(forged, data=b"abc", headers=part["headers"], timeout=120).status_code == 403
    answer = manager.post(f"{world.event_url}/complete", {"id": created["upload"]["id"]})
    assert (answer.status_code, answer.json["code"]) == (409, "parts_missing")


def test_a_folder_of_another_event_is_not_taken(app, world, manager):
    folder = AttachmentFolder(object=world.category, title="Elsewhere")
    db.session.add(folder)
    db.session.commit()
    upload_id = uploaded(manager, world.event_url, "a.bin", b"x")
    saved = manager.form(world.event_url, s3multipart_upload_id=upload_id, folder=str(folder.id))
    assert not saved.json.get("success")


@pytest.mark.parametrize("acl", ["nonsense", '["Nobody:1"]', "\x00"])
def test_an_access_list_that_is_none_is_refused(app, world, manager, acl):
    upload_id = uploaded(manager, world.event_url, "a.bin", b"x")
    before = newest_attachment()
    saved = manager.form(world.event_url, s3multipart_upload_id=upload_id, protected="y", acl=acl)
    assert saved.status_code < 500
    if not saved.json.get("success"):
        assert newest_attachment() is before


def test_the_right_to_upload_is_looked_at_at_every_step(app, world, manager):
    created = manager.post(f"{world.event_url}/create", describe("a.bin", 1)).json
    put_parts(created, b"x")
    for managed in (world.event, world.category):
        managed.update_principal(world.manager, full_access=False)
    world.event.creator = world.stranger
    db.session.commit()
    body = {"id": created["upload"]["id"], "part_numbers": [1]}
    for call in ("sign-parts", "complete", "show", "abort", "list"):
        assert manager.post(f"{world.event_url}/{call}", body).status_code == 403
    assert manager.form(world.event_url, s3multipart_upload_id=body["id"]).status_code == 403


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[1]", b'"a"', b"{", b"\xff\xfe", json.dumps({"a": 1}).encode() * 2]
)
def test_what_is_no_json_object_is_refused(app, world, manager, body):
    forget_request()
    answer = manager.client.post(
        f"{world.event_url}/create",
        data=body,
        headers={"X-CSRF-Token": manager.csrf, "Content-Type": "application/json"},
    )
    assert answer.status_code == 422, answer.get_data(as_text=True)[:200]
