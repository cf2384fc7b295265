"""kill -9 at any moment: what was answered 200 is there, nothing half-written is, nothing is left over."""

from __future__ import annotations

import hashlib
import random
import threading

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from killed_server import KilledServer, files_below, require_no_leftovers
from s3_callers import BUCKET, MIB

from s3portal.server.pytest_plugin import server_config
from s3portal.server.storage.storage import StorageInUse
from s3portal.server.testing import RunningServer

ROUNDS = 6


@pytest.fixture
def server(tmp_path):
    server = KilledServer(tmp_path)
    yield server
    server.kill()


class Writer(threading.Thread):
    """Puts, overwrites, deletes and uploads in parts until the server is gone; remembers what was answered.

    ``answered`` is what must be there; ``asked`` what may be there as well, for the call in flight.
    """

    def __init__(self, s3, number, memory, after_answers, enough):
        super().__init__()
        self.s3, self.number, self.memory = s3, number, memory
        self.after_answers, self.enough = after_answers, enough
        self.random = random.Random(number + len(memory))

    def run(self):
        answers = 0
        try:
            while True:
                key = f"{self.number}/{self.random.randrange(4)}"
                self.write(key, self.random.randbytes(self.random.choice([0, 10, 3000, 400_000])))
                answers += 1
                if answers == self.after_answers:
                    self.enough.set()
        except (BotoCoreError, ClientError, OSError):
            return

    def write(self, key, content):
        choice = self.random.random()
        if choice < 0.2:
            content = None
        self.memory.setdefault(key, [None]).append(content)
        if content is None:
            self.s3.delete_object(Bucket=BUCKET, Key=key)
        elif choice < 0.7:
            self.s3.put_object(Bucket=BUCKET, Key=key, Body=content)
        else:
            target = {"Bucket": BUCKET, "Key": key}
            upload_id = self.s3.create_multipart_upload(**target)["UploadId"]
            part = self.s3.upload_part(**target, UploadId=upload_id, PartNumber=1, Body=content)
            listed = [{"PartNumber": 1, "ETag": part["ETag"]}]
            self.s3.complete_multipart_upload(**target, UploadId=upload_id, MultipartUpload={"Parts": listed})
        # Answered: nothing before this may ever be seen again.
        self.memory[key] = [content]


def content_of(s3, key):
    try:
        return s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    except s3.exceptions.NoSuchKey:
        return None


def test_what_was_answered_survives_and_nothing_else_is_seen(server):
    memory = {}
    for _ in range(ROUNDS):
        s3 = server.start()
        for key, possible in memory.items():
            found = content_of(s3, key)
            assert found in possible, key
            memory[key] = [found]
        listed = {entry["Key"] for entry in s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])}
        assert listed == {key for key, (content,) in memory.items() if content is not None}
        enough = threading.Event()
        server.kill_under(
            [Writer(s3, number, memory, 6 + number, enough) for number in range(3)], once=enough
        )
    # The next start removes what the last kill left: only blobs that a row knows remain.
    server.start()
    server.kill()
    assert require_no_leftovers(server.root)


def test_an_upload_goes_on_after_a_kill_where_it_was(server):
    s3 = server.start()
    target = {"Bucket": BUCKET, "Key": "big"}
    pieces = [bytes([number]) * 5 * MIB for number in range(4)]
    upload_id = s3.create_multipart_upload(**target)["UploadId"]
    for number in (1, 2):
        s3.upload_part(**target, UploadId=upload_id, PartNumber=number, Body=pieces[number - 1])
    server.kill()

    s3 = server.start()
    stored = s3.list_parts(**target, UploadId=upload_id)["Parts"]
    assert [(part["PartNumber"], part["Size"]) for part in stored] == [(1, 5 * MIB), (2, 5 * MIB)]
    for number in (3, 4):
        s3.upload_part(**target, UploadId=upload_id, PartNumber=number, Body=pieces[number - 1])
    listed = [
        {"PartNumber": part["PartNumber"], "ETag": part["ETag"]}
        for part in s3.list_parts(**target, UploadId=upload_id)["Parts"]
    ]
    s3.complete_multipart_upload(**target, UploadId=upload_id, MultipartUpload={"Parts": listed})
    content = s3.get_object(**target)["Body"].read()
    assert hashlib.sha256(content).digest() == hashlib.sha256(b"".join(pieces)).digest()


def test_only_one_server_works_in_a_folder(tmp_path):
    with RunningServer(tmp_path / "s3", server_config()), pytest.raises(StorageInUse, match="another server"):
        RunningServer(tmp_path / "s3", server_config())
    with RunningServer(tmp_path / "s3", server_config()):
        pass


def test_leftovers_are_swept_and_strangers_files_left_alone(tmp_path):
    root = tmp_path / "s3"
    with RunningServer(root, server_config()) as server:
        from s3_callers import client_of

        client_of(server).put_object(Bucket=BUCKET, Key="k", Body=b"content" * MIB)
    (blob,) = (path for path in (root / "blobs").rglob("*") if path.is_file())
    orphan = root / "blobs" / "00" / ("0" * 32 + ".1.00000000")
    half_written = root / "incoming" / ("0" * 32 + ".2.00000000")
    strange = root / "blobs" / "00" / "notes.txt"
    strange.parent.mkdir(exist_ok=True)
    for path in (orphan, half_written, strange):
        path.write_bytes(b"x")
    # As after a crash: a server that ended well leaves nothing to sweep.
    (root / "lock").write_bytes(b"running\n")
    with RunningServer(root, server_config()) as server:
        assert client_of(server).get_object(Bucket=BUCKET, Key="k")["Body"].read() == b"content" * MIB
    assert blob.exists()
    assert strange.exists()
    assert not orphan.exists()
    assert not half_written.exists()


def test_a_full_disk_is_an_error_that_says_so_and_leaves_nothing(s3_server, s3, tmp_path, monkeypatch):
    import errno
    import os

    from s3_callers import refusal_of

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        refusal = refusal_of(s3.put_object, Bucket=BUCKET, Key="k", Body=b"x" * MIB)
    assert (refusal.status, refusal.code) == (507, "InsufficientStorage")
    assert files_below(tmp_path / "s3") == set()
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"x")
