"""Sending that is cancelled, interrupted or killed ends at once, and what it stored is not sent again."""

import json
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from part_sending import CONTENT, EVERY_SOURCE, PART, MakeSource, Receiver, path_source, plan_of
from waiting import wait_until

from s3portal.server.testing import RunningServer
from s3portal.transfer import Store, Upload, complete_upload, list_parts
from s3portal.transfer.checksums import CRC32
from s3portal.transfer.part_sources import Content, InMemory, PathSource
from s3portal.transfer.sending import Part, SendingCancelled, StoredBefore, send_parts
from s3portal.transfer.sizes import MIB


@EVERY_SOURCE
def test_cancelling_ends_it_between_two_blocks(make_source: MakeSource, tmp_path: Path) -> None:
    receiver, cancelled = Receiver(), threading.Event()

    def send(part: Part) -> str:
        answer = receiver(part)
        if part.number == 3:
            cancelled.set()
        return answer

    with pytest.raises(SendingCancelled):
        send_parts(make_source(CONTENT, tmp_path), send, cancelled=cancelled, at_a_time=1)
    assert receiver.tries == [1, 2, 3]


def test_cancelling_ends_a_long_wait_for_another_try(tmp_path: Path) -> None:
    cancelled = threading.Event()

    def send(part: Part) -> None:
        raise ConnectionResetError

    def again(number: int, error: Exception, tries: int) -> float | None:
        cancelled.set()
        return 1e9

    with pytest.raises(SendingCancelled):
        send_parts(path_source(CONTENT, tmp_path), send, again=again, cancelled=cancelled)


def test_ctrl_c_waits_for_no_part() -> None:
    hangs, let_go = threading.Event(), threading.Event()

    class Interrupted:
        plan = plan_of(len(CONTENT))
        reads_anywhere = False

        def contents(self, wanted: Callable[[int], bool]) -> Iterator[Content]:
            yield InMemory(1, CONTENT[:PART])
            assert hangs.wait(60)
            raise KeyboardInterrupt

    def send(part: Part) -> None:
        hangs.set()
        assert let_go.wait(60)

    with pytest.raises(KeyboardInterrupt):
        send_parts(Interrupted(), send)
    let_go.set()


def test_threads_end_with_the_call(tmp_path: Path) -> None:
    before = set(threading.enumerate())

    send_parts(path_source(CONTENT, tmp_path), Receiver(), algorithm=CRC32, stored=StoredBefore([1]))

    wait_until(lambda: set(threading.enumerate()) <= before, "the threads are gone")


_SEND_AND_HANG = """
import json, sys, threading
from pathlib import Path
from s3portal.transfer import TransferSettings, open_store, plan_parts
from s3portal.transfer.part_sources import PathSource
from s3portal.transfer.sending import send_parts
settings, path, key, upload_id = json.loads(sys.argv[1])
store = open_store(TransferSettings(**settings))
client = store.client()
arrived = threading.Semaphore(0)

def send(part):
    if part.number == 3:
        # When the first two have arrived, this process is to be killed.
        arrived.acquire()
        arrived.acquire()
        print("ready", flush=True)
    if part.number > 2:
        threading.Event().wait()
    client.upload_part(
        Bucket=store.bucket, Key=key, UploadId=upload_id, PartNumber=part.number, Body=part.read()
    )
    arrived.release()

plan = plan_parts(Path(path).stat().st_size)
send_parts(PathSource(Path(path), plan), send, at_a_time=3)
"""


def test_what_a_killed_process_has_sent_is_not_sent_again(
    s3_server: RunningServer, store: Store, begin: Callable[..., Upload], tmp_path: Path
) -> None:
    content = random.Random(2).randbytes(15 * MIB + 7)
    path = tmp_path / "file"
    path.write_bytes(content)
    upload = begin(len(content))
    settings = {
        name: getattr(store.settings, name)
        for name in ("s3_bucket", "s3_endpoint", "s3_access_key_id", "s3_secret_access_key")
    }
    given = json.dumps([settings, str(path), upload.key, upload.s3_upload_id])
    process = subprocess.Popen(
        [sys.executable, "-c", _SEND_AND_HANG, given], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGKILL)

    stored = list_parts(store, upload)
    there = [number for number in (1, 2, 3, 4) if number not in stored.missing(upload.plan)]
    sent_now: list[int] = []

    def send(part: Part) -> None:
        sent_now.append(part.number)
        arguments: Any = {"Bucket": store.bucket, "Key": upload.key, "UploadId": upload.s3_upload_id}
        store.client().upload_part(**arguments, PartNumber=part.number, Body=part.read())

    sent = send_parts(
        PathSource(path, upload.plan),
        send,
        stored=StoredBefore(there),
        algorithm=upload.checksum_algorithm,
    )
    completed = complete_upload(store, upload, sent.checksum())

    assert there == [1, 2]
    assert sorted(sent_now) == [3, 4]
    body = store.client().get_object(Bucket=store.bucket, Key=completed.key)["Body"].read()
    assert body == content
