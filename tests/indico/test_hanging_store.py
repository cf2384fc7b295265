"""A store that hangs, or is away: no call keeps a database connection meanwhile, and answers come soon."""

import threading
import time

import pytest
import requests
from caller import forget_request
from indico.core.db import db
from uploading import describe, newest_attachment, put_parts

# Also on Indico 3.3.
pytestmark = pytest.mark.smoke

#: Every operation that asks the store, by the name under which botocore sends it.
ASKING = (
    "CreateMultipartUpload",
    "ListParts",
    "CompleteMultipartUpload",
    "HeadObject",
    "AbortMultipartUpload",
)


@pytest.fixture
def connections_while_asking(app, world):
    """The connections that this process had taken from the pool, each time that the store was asked: by
    operation.
    """
    from indico.core.storage.backend import get_storage

    seen = {}
    client = get_storage("s3").store("indico-files").client()

    def look(model, **kwargs):
        seen.setdefault(model.name, []).append(db.engine.pool.checkedout())

    client.meta.events.register("before-call.s3", look)
    yield seen
    client.meta.events.unregister("before-call.s3", look)


def test_no_connection_is_held_while_the_store_is_asked(app, world, manager, connections_while_asking):
    created = manager.post(f"{world.event_url}/create", describe("a.bin", 9)).json
    put_parts(created, b"published")
    upload_id = created["upload"]["id"]
    assert manager.post(f"{world.event_url}/show", {"id": upload_id}).status_code == 200
    assert manager.post(f"{world.event_url}/complete", {"id": upload_id}).status_code == 200
    assert manager.post(f"{world.event_url}/abort", {"id": upload_id}).status_code == 200
    # Saving a dialog completes what is not completed yet.
    other = manager.post(f"{world.event_url}/create", describe("b.bin", 9)).json
    put_parts(other, b"published")
    assert manager.form(world.event_url, s3multipart_upload_id=other["upload"]["id"]).json["success"]
    assert set(ASKING) <= connections_while_asking.keys()
    assert {held for each in connections_while_asking.values() for held in each} == {0}


@pytest.fixture
def away(app, world, monkeypatch):
    """The store of new materials is known to be away."""
    from indico.core.storage.backend import get_storage

    from s3portal.transfer import StoreGate

    store = get_storage("s3").store("indico-files")
    gate = StoreGate()
    gate._failures, gate._pause_s = 3, 30.0
    gate._closed_until = time.monotonic() + 30
    monkeypatch.setattr("s3portal.transfer.store_gate._gate", lambda asked, of: gate)
    return store


def test_while_the_store_is_away_every_call_says_so_at_once_and_when_to_try_again(
    app, world, manager, request
):
    half = manager.post(f"{world.event_url}/create", describe("a.bin", 9)).json
    put_parts(half, b"published")
    request.getfixturevalue("away")
    for call in ("create", "show", "complete"):
        body = {**describe("b.bin", 1), "id": half["upload"]["id"]}
        answer = manager.post(f"{world.event_url}/{call}", body)
        assert (answer.status_code, answer.json["code"]) == (503, "store_busy"), call
        assert int(answer.headers["Retry-After"]) >= 1


@pytest.mark.parametrize(("proxy", "status"), [("on", 503), ("off", 302)])
def test_readers_get_a_page_or_the_link_while_the_store_is_away(app, s3, away, world, proxy, status):
    from uploading import forget_what_was_asked
    from werkzeug.exceptions import ServiceUnavailable

    from indico_plugin.storage import S3Storage

    forget_what_was_asked()
    storage = S3Storage(s3.options(bucket="indico-files", proxy=proxy))
    with app.test_request_context("/"):
        try:
            answer = storage.send_file("a.pdf", "application/pdf", "a.pdf", True)
        except ServiceUnavailable as error:
            answer = error.get_response()
            assert "cannot be reached at the moment" in answer.get_data(as_text=True)
            assert int(answer.headers["Retry-After"]) >= 1
    assert answer.status_code == status


def test_indico_s_own_upload_does_not_wait_for_a_store_that_is_away(app, s3, away, world):
    from indico.core.storage import StorageError

    from indico_plugin.storage import S3Storage

    storage = S3Storage(s3.options(bucket="indico-files"))
    with app.test_request_context("/"), pytest.raises(StorageError, match="slow or cannot be reached"):
        storage.save("a.pdf", "application/pdf", "a.pdf", b"a")


def test_commands_and_tasks_are_as_patient_as_before(app, context, away, bucket, s3):
    from indico_plugin.storage import S3Storage

    storage = S3Storage(s3.options(bucket=bucket))
    file_id, _ = storage.save("a.pdf", "application/pdf", "a.pdf", b"a")
    assert storage.open(file_id).read() == b"a"


def test_twenty_saves_at_a_time_make_each_material_once(app, world, manager):
    """The row is not locked while the store completes: what is exact is so all the same."""
    created = manager.post(f"{world.event_url}/create", describe("raced.bin", 9)).json
    put_parts(created, b"published")
    upload_id = created["upload"]["id"]
    address, user_id = world.event_url, world.manager.id
    db.session.commit()
    answers = []

    def save():
        from caller import Caller

        with app.app_context():
            from indico.modules.users import User

            answers.append(Caller(app, User.get(user_id)).form(address, s3multipart_upload_id=upload_id).json)

    threads = [threading.Thread(target=save) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    succeeded = [answer for answer in answers if answer.get("success")]
    assert succeeded
    attachment = newest_attachment()
    assert attachment.title == "raced.bin"
    assert sum(each.title == "raced.bin" for each in attachment.folder.attachments) == 1
    forget_request()
    location = manager.client.get(attachment.download_url).headers["Location"]
    assert requests.get(location, timeout=120).content == b"published"


@pytest.mark.parametrize("size_mib", [1, 17], ids=["in one request", "in parts"])
def test_what_a_save_sends_in_a_request_has_a_deadline_and_in_a_task_none(
    app, context, s3, bucket, monkeypatch, size_mib
):
    from indico_plugin.storage import S3Storage
    from s3portal.transfer import time_left_s

    storage = S3Storage(s3.options(bucket=bucket))
    client, left = storage.store(bucket).client(), []

    def look(model, **kwargs):
        left.append((model.name, time_left_s()))

    client.meta.events.register("before-call.s3", look)
    with app.test_request_context("/"):
        storage.save("request.bin", "text/plain", "a", bytes(size_mib * 1024 * 1024))
    in_request = left.copy()
    left.clear()
    storage.save("task.bin", "text/plain", "a", bytes(size_mib * 1024 * 1024))
    client.meta.events.unregister("before-call.s3", look)
    assert {name for name, _ in in_request} >= {"HeadObject", "PutObject" if size_mib == 1 else "UploadPart"}
    assert all(seconds is not None and 0 < seconds < 200 for _, seconds in in_request)
    assert all(seconds is None for _, seconds in left)
