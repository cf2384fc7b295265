"""Several processes on one folder: each answers for all, whatever becomes of the others.

A worker that is stopped (SIGSTOP) accepts no connection, so a test decides which one answers.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import socket
import sys
import threading
from pathlib import Path

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from s3_callers import BUCKET, MIB, client_of, session_client, signed_headers
from two_workers import Workers, at_once
from versioned_buckets import listed, set_versioning
from waiting import wait_until

from s3portal.server.pytest_plugin import ROLE_ARN
from s3portal.server.storage import usage
from s3portal.server.storage.storage import Storage, StorageInUse

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
CONTENT = b"0123456789abcdef" * (MIB // 16)


@pytest.fixture
def workers(tmp_path):
    workers = Workers(tmp_path)
    yield workers
    if workers.process.poll() is None:
        workers.stop()


def test_what_one_worker_stored_the_other_serves_and_all_log_to_one_file(workers):
    first, second = workers.pids()
    with workers.only(first) as s3:
        s3.put_object(Bucket=BUCKET, Key="k", Body=CONTENT)
    with workers.only(second) as s3:
        assert s3.get_object(Bucket=BUCKET, Key="k")["Body"].read() == CONTENT
        s3.delete_object(Bucket=BUCKET, Key="k")
    assert workers.files() == []
    lines = [json.loads(line)["operation"] for line in workers.log.read_text().splitlines()]
    assert lines == ["PutObject", "GetObject", "DeleteObject"]


def test_a_clean_stop_leaves_the_folder_in_order_and_free(workers):
    with pytest.raises(StorageInUse, match="another server"):
        Storage(workers.root)
    client_of(workers).put_object(Bucket=BUCKET, Key="k", Body=CONTENT)
    assert workers.stop() == 0
    assert (workers.root / "lock").read_bytes() == b""
    Storage(workers.root).close()


def test_the_end_of_the_supervisor_ends_its_workers(workers):
    pids = workers.pids()
    workers.process.kill()
    workers.process.wait()
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), "the workers have ended")
    Storage(workers.root).close()


def test_one_upload_completed_by_both_is_one_object(workers):
    s3 = client_of(workers)
    target = {"Bucket": BUCKET, "Key": "k"}
    upload_id = s3.create_multipart_upload(**target)["UploadId"]
    part = s3.upload_part(**target, UploadId=upload_id, PartNumber=1, Body=CONTENT)
    listed = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    clients = [client_of(workers) for _ in range(8)]
    outcomes = at_once(
        8,
        lambda number: clients[number].complete_multipart_upload(
            **target, UploadId=upload_id, MultipartUpload=listed
        )["ETag"],
    )
    assert len(set(outcomes)) == 1
    assert outcomes[0].endswith('-1"')
    assert s3.get_object(**target)["Body"].read() == CONTENT


@pytest.mark.parametrize("content", [b"small", CONTENT], ids=["small", "large"])
def test_of_those_who_ask_for_a_new_key_one_gets_it(workers, content):
    clients = [client_of(workers) for _ in range(8)]
    outcomes = at_once(
        8,
        lambda number: clients[number].put_object(
            Bucket=BUCKET, Key="k", Body=content + bytes([number]), IfNoneMatch="*"
        )["ResponseMetadata"]["HTTPStatusCode"],
    )
    assert sorted(map(str, outcomes)) == ["200", *["PreconditionFailed"] * 7]
    wait_until(lambda: len(workers.files()) == (content == CONTENT), "what was refused has gone")


def test_no_version_of_either_worker_is_lost(workers):
    set_versioning(client_of(workers), "Enabled")

    def write(number):
        s3 = client_of(workers)
        if number % 4 == 3:
            return s3.delete_object(Bucket=BUCKET, Key="k")["VersionId"]
        return s3.put_object(Bucket=BUCKET, Key="k", Body=b"%d" % number)["VersionId"]

    made = at_once(24, write)
    found = listed(client_of(workers))
    assert sorted(version_id for _, version_id, *_ in found) == sorted(made)
    assert [version_id for _, version_id, _, is_current in found if is_current] == [max(made)]


def test_a_session_is_good_at_each_worker(workers):
    first, second = workers.pids()
    with workers.only(first):
        sts = client_of(workers, service="sts")
        credentials = sts.assume_role(RoleArn=ROLE_ARN, RoleSessionName="session")["Credentials"]
    for pid in (first, second):
        with workers.only(pid):
            session_client(workers, credentials).put_object(Bucket=BUCKET, Key=f"{pid}", Body=b"x")


def test_what_another_worker_reads_stays_until_it_has_read_it(workers):
    reader, other = workers.pids()
    parts = [bytes([number]) * 5 * MIB for number in range(4)]
    s3, target = client_of(workers), {"Bucket": BUCKET, "Key": "k"}
    upload_id = s3.create_multipart_upload(**target)["UploadId"]
    listed = [
        {"PartNumber": n, "ETag": s3.upload_part(**target, UploadId=upload_id, PartNumber=n, Body=p)["ETag"]}
        for n, p in enumerate(parts, 1)
    ]
    s3.complete_multipart_upload(**target, UploadId=upload_id, MultipartUpload={"Parts": listed})
    with workers.only(reader):
        answer = begin_download(workers, f"/{BUCKET}/k")
        assert answer.read(1) == b"\0"
    with workers.only(other) as s3:
        s3.delete_object(**target)
    assert len(workers.files()) == 4
    assert answer.read() == b"".join(parts)[1:]
    wait_until(lambda: workers.files() == [], "the blobs have gone")


def begin_download(workers, path):
    """Returns an answer of which no more than the buffers hold is sent before it is read."""
    connection = http.client.HTTPConnection("127.0.0.1", workers.port, timeout=120)
    connection.sock = socket.socket()
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    connection.sock.connect(("127.0.0.1", workers.port))
    connection.request("GET", path, headers=signed_headers(workers, "GET", workers.endpoint + path))
    return connection.getresponse()


def test_a_killed_worker_is_replaced_and_leaves_nothing(workers):
    s3 = client_of(workers)
    s3.put_object(Bucket=BUCKET, Key="there", Body=CONTENT)
    before = workers.files()
    path, body = f"/{BUCKET}/half", CONTENT * 2
    headers = signed_headers(workers, "PUT", workers.endpoint + path, {}, body)
    head = [f"PUT {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    for pid in workers.pids():
        with workers.only(pid), socket.create_connection(("127.0.0.1", workers.port)) as sock:
            lines = [*head, f"Content-Length: {len(body)}", "", ""]
            sock.sendall("\r\n".join(lines).encode() + body[:MIB])
            wait_until(lambda: len(workers.files()) == 2, "it is being written")
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda pid=pid: pid not in workers.pids(), "it has ended")
        wait_until(lambda: len(workers.pids()) == 2, "another took its place")
        wait_until(lambda: workers.files() == before, "the half has gone")
    s3 = client_of(workers)
    assert s3.get_object(Bucket=BUCKET, Key="there")["Body"].read() == CONTENT
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=BUCKET)["Contents"]] == ["there"]


def test_nothing_that_was_answered_is_lost_while_workers_are_killed(workers):
    known, stopping = {}, threading.Event()

    def write(number):
        chance = random.Random(number)
        while not stopping.is_set():
            key, content = f"{number}/{chance.randrange(3)}", chance.randbytes(chance.choice([10, 60_000]))
            try:
                client_of(workers).put_object(Bucket=BUCKET, Key=key, Body=content)
                known[key] = {content}
            except (ClientError, BotoCoreError):
                # The answer was lost, not necessarily the object.
                known.setdefault(key, {None}).add(content)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for round_number in range(3):
        victims = workers.pids()
        wait_until(lambda n=round_number: len(known) > 2 * n + 2, "something is stored")
        for pid in victims[:1]:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda pid=victims[0]: pid not in workers.pids(), "it has ended")
        wait_until(lambda: len(workers.pids()) == 2, "another took its place")
    stopping.set()
    for thread in threads:
        thread.join()
    s3 = client_of(workers)
    for key, possible in known.items():
        try:
            found = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        except s3.exceptions.NoSuchKey:
            found = None
        assert found in possible, key
    workers.stop()
    storage = Storage(workers.root)
    storage.sweep.run()
    with storage.database.read() as connection:
        rows = connection.execute("SELECT DISTINCT blob FROM parts WHERE blob IS NOT NULL").fetchall()
    assert sorted(workers.files()) == sorted(blob for (blob,) in rows)
    assert usage.of_bucket(storage, BUCKET) == usage.recounted(storage, BUCKET)
    storage.close()


def test_limits_are_shared_among_the_workers():
    from s3portal.server.http.limits import ConnectionLimits
    from s3portal.server.workers import share_of

    shared = share_of(ConnectionLimits(connections=1000, connections_per_address=31), 3)
    assert (shared.connections, shared.connections_per_address) == (334, 11)
    assert share_of(ConnectionLimits(), 2).unproven_per_address == 250
