"""A file whose object is gone from the store: what its readers and the administrator are told."""

import pytest
from indico.core.storage import StorageError
from werkzeug.exceptions import NotFound

from indico_plugin.storage import S3Storage

# Also on Indico 3.3.
pytestmark = pytest.mark.smoke

NGINX, REDIRECT, STREAM = "nginx", "off", "on"


@pytest.fixture
def send(app, world):
    """What a reader gets who follows the link of a file."""
    from uploading import forget_what_was_asked

    def send(storage, key, method="GET"):
        forget_what_was_asked()
        with app.test_request_context("/", method=method):
            return storage.send_file(key, "application/pdf", "a.pdf", True)

    return send


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("proxy", [REDIRECT, STREAM, NGINX])
def test_a_reader_of_a_lost_file_gets_a_page(send, s3, bucket, proxy, method):
    storage = S3Storage(s3.options(bucket=bucket, proxy=proxy))
    with pytest.raises(NotFound, match="no longer in the file storage"):
        send(storage, "event/1/lost.pdf", method)


def test_a_preview_of_a_lost_file_gets_the_page_too(app, world, s3, bucket):
    from indico_plugin.lost_files import lost_files

    storage = S3Storage(s3.options(bucket=bucket))
    with app.test_request_context("/"), pytest.raises(StorageError) as refused:
        storage.open("event/1/notes.txt")
    # What else opens files expects a StorageError of a backend; Indico shows a reader this page.
    assert str(refused.value) == 'Could not open "event/1/notes.txt": the object is gone'
    assert isinstance(refused.value, NotFound)
    assert "no longer in the file storage" in str(refused.value.description)
    assert (bucket, "event/1/notes.txt") in {row[1:3] for row in lost_files()}


def test_a_file_that_is_back_is_sent_again(send, s3, bucket):
    from indico_plugin.lost_files import lost_files

    storage = S3Storage(s3.options(bucket=bucket))
    with pytest.raises(NotFound):
        send(storage, "a.pdf")
    assert (bucket, "a.pdf") in {row[1:3] for row in lost_files()}
    s3.client.put_object(Bucket=bucket, Key="a.pdf", Body=b"a")
    assert send(storage, "a.pdf").status_code == 302
    assert (bucket, "a.pdf") not in {row[1:3] for row in lost_files()}


def test_the_store_is_asked_once_a_minute_for_a_file(app, s3, bucket, monkeypatch):
    from indico_plugin import lost_files

    asked = []
    monkeypatch.setattr(lost_files, "_ask", lambda *place: asked.append(place) or "lost")
    storage = S3Storage(s3.options(bucket=bucket))
    for _ in range(5):
        with app.test_request_context("/"), pytest.raises(NotFound):
            storage.send_file("once.pdf", "application/pdf", "a.pdf", True)
    assert len(asked) == 1


@pytest.mark.parametrize("host", ["http://127.0.0.1:9", "answers 404 and is no store", "answers 500"])
def test_a_store_that_does_not_say_keeps_no_one_from_being_sent_on(send, answering, host):
    status = {"answers 404 and is no store": 404, "answers 500": 500}.get(host)
    address = answering(status) if status else host
    storage = S3Storage(f"host={address},bucket=b,access_key=a,secret_key=b,addressing_style=path")
    assert send(storage, "a.pdf").status_code == 302


def test_keys_that_may_not_list_the_bucket_lose_no_file(send, answering):
    address = answering(403, {"x-amz-request-id": "1"})
    storage = S3Storage(f"host={address},bucket=b,access_key=a,secret_key=b,addressing_style=path")
    assert send(storage, "a.pdf").status_code == 302


@pytest.fixture
def answering():
    """Starts a server that answers every request with this status and these headers; its address."""
    from threading import Thread

    from werkzeug.serving import make_server
    from werkzeug.wrappers import Response

    servers = []

    def start(status, headers=None):
        server = make_server("127.0.0.1", 0, Response(status=status, headers=headers), threaded=True)
        servers.append(server)
        Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_lost_material_is_a_page_for_its_readers_and_a_line_for_the_administrator(app, world, manager, s3):
    from uploading import forget_what_was_asked, newest_attachment, saved

    from indico_plugin.cli import s3_commands

    saved(manager, world.event_url, "lost.pdf", b"soon gone")
    attachment = newest_attachment()
    s3.client.delete_object(Bucket="indico-files", Key=attachment.file.storage_file_id)
    forget_what_was_asked()
    answer = manager.client.get(attachment.download_url)
    assert answer.status_code == 404
    assert "no longer in the file storage" in answer.text
    said = app.test_cli_runner().invoke(s3_commands, ["doctor"])
    assert said.exit_code == 1
    assert f"are gone from the store: {attachment.file.storage_file_id} in indico-files" in said.output
    s3.client.put_object(Bucket="indico-files", Key=attachment.file.storage_file_id, Body=b"soon gone")
    said = app.test_cli_runner().invoke(s3_commands, ["doctor"])
    assert "gone from the store" not in said.output
