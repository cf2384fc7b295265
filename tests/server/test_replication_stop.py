"""A target that hangs keeps no server from ending, and nothing of what is due for it is lost."""

from __future__ import annotations

import threading

import pytest
from replicating_servers import HERE, THERE, client, history_of, one_way, report_of
from s3_callers import MIB

from s3portal.server.background.interruptible import Interrupted, answer_of
from s3portal.server.background.notifications import NotificationJob
from s3portal.server.background.replication import client as target_client
from s3portal.server.background.targets import NotDelivered, Target
from s3portal.server.storage import deliveries
from s3portal.server.storage.deliveries import Delivery
from s3portal.server.storage.storage import Storage

#: What hangs in these tests hangs for longer than this; on any machine, the rest takes less.
PATIENCE_S = 300


@pytest.mark.parametrize("operation", ["PutObject", "HeadObject", "UploadPart", "ListParts"])
def test_replication_ends_while_a_target_hangs(tmp_path, monkeypatch, operation):
    monkeypatch.setattr(target_client, "READ_TIMEOUT_S", 10 * PATIENCE_S)
    with one_way(tmp_path) as (source, target):
        here = client(source)
        here.put_object(Bucket=HERE, Key="k", Body=b"1")
        upload = here.create_multipart_upload(Bucket=HERE, Key="parts")
        named = {"Bucket": HERE, "Key": "parts", "UploadId": upload["UploadId"]}
        part = here.upload_part(**named, PartNumber=1, Body=b"1" * MIB)
        parts = [{"PartNumber": 1, "ETag": part["ETag"]}]
        here.complete_multipart_upload(**named, MultipartUpload={"Parts": parts})
        stopping = threading.Event()
        job = threading.Thread(target=source._replication.run, args=(stopping,))
        with target.faults.hold(operation) as hold:
            job.start()
            hold.wait_for(1)
            stopping.set()
            job.join(PATIENCE_S)
            assert not job.is_alive()
            assert report_of(source).waiting > 0
        # The same job again, as after a failure: it has clients of its own.
        source.run_replication()
        assert history_of(client(target), THERE) == history_of(here, HERE)
        assert report_of(source).waiting == 0


def test_notifications_end_while_a_webhook_hangs(tmp_path):
    storage = Storage(tmp_path)
    asked, answers, stopping = threading.Event(), threading.Event(), threading.Event()

    def send(target, delivery_id, body):
        asked.set()
        answers.wait()
        raise NotDelivered("it hung")

    try:
        job = NotificationJob(storage, [Target("hook", "http://127.0.0.1:9/")], send=send)
        storage.database.write(lambda connection: deliveries.insert(connection, [Delivery("hook", "{}", 1)]))
        running = threading.Thread(target=job.run, args=(stopping,))
        running.start()
        assert asked.wait(PATIENCE_S)
        stopping.set()
        running.join(PATIENCE_S)
        assert not running.is_alive()
        # As if it had not been tried: it may arrive twice, as always.
        (kept,) = deliveries.due(storage, 2, 10)
        assert (kept.target, kept.attempts) == ("hook", 0)
    finally:
        answers.set()
        storage.close()


def test_an_answer_is_passed_on_and_so_is_what_goes_wrong():
    def fails():
        raise ValueError("wrong")

    assert answer_of(lambda: 3, threading.Event()) == 3
    with pytest.raises(ValueError, match="wrong"):
        answer_of(fails, threading.Event())


def test_nothing_is_asked_once_it_is_stopping():
    stopping, asked = threading.Event(), []
    stopping.set()
    with pytest.raises(Interrupted):
        answer_of(lambda: asked.append(1), stopping)
    assert asked == []
