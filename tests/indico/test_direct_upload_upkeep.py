"""What Celery does for direct uploads: their MD5, and removing what nobody finished."""

import hashlib
import os
from datetime import datetime, timedelta, timezone

import pytest
from indico.core.db import db
from uploading import MIB, describe, newest_attachment, uploaded

# Also on Indico 3.3.
pytestmark = pytest.mark.smoke


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


def test_the_janitor_removes_what_no_one_finished_and_leaves_the_rest(app, world, manager, s3):
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


def test_an_upload_whose_backend_is_gone_from_indico_conf_does_not_stop_the_others(app, world, manager):
    from indico_plugin.direct_upload import janitor
    from indico_plugin.models.uploads import DirectUpload

    created = [manager.post(f"{world.event_url}/create", describe("a.bin", 10)).json for _ in range(2)]
    lost, other = (DirectUpload.query.get(each["upload"]["id"]) for each in created)
    past = datetime.now(timezone.utc) - timedelta(hours=1)
    lost.backend, lost.expires_at, other.expires_at = "gone", past - timedelta(hours=1), past
    db.session.commit()
    assert janitor.remove_expired_uploads() >= 1
    assert (lost.state, other.state) == ("uploading", "aborted")
    for call in ("show", "sign-parts", "complete", "abort"):
        more = {"part_numbers": [1]} if call == "sign-parts" else {}
        answer = manager.post(f"{world.event_url}/{call}", {"id": lost.id, **more})
        assert (answer.status_code, answer.json["code"]) == (502, "store_failed")
    lost = DirectUpload.query.get(created[0]["upload"]["id"])
    lost.backend = other.backend
    db.session.commit()
    assert manager.post(f"{world.event_url}/abort", {"id": lost.id}).status_code == 200


def test_the_janitor_aborts_old_multiparts_but_not_those_in_progress(app, world, manager, s3, monkeypatch):
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
