"""kill -9 at any moment under a mixed load of everything that can be written, with one process and with two.

The short form runs with the other tests. The long one, 200 kills each, is run by hand, and takes some ten
minutes:

    S3PORTAL_KILLS=200 python -m pytest tests/server/test_kills.py
"""

from __future__ import annotations

import os
import random
import threading

import pytest
from kept_state import read_bucket
from killed_server import KilledServer, require_no_leftovers
from mixed_load import KINDS, Writer
from s3_callers import client_of
from writing_steps import Step

from s3portal.server.upkeep.checking import check_folder

KILLS = int(os.environ.get("S3PORTAL_KILLS", "5"))
WRITERS = 3


class Load:
    """Writers that stop once the server is gone."""

    def __init__(self, s3, writers, *, kill_after):
        self._left, self._lock = kill_after, threading.Lock()
        self.enough, self.stopping = threading.Event(), threading.Event()
        self._threads = [writer.start_with(s3, self.stopping, self._count) for writer in writers]

    def _count(self):
        with self._lock:
            self._left -= 1
            if self._left <= 0:
                self.enough.set()

    def join(self):
        self.stopping.set()
        for thread in self._threads:
            thread.join()


@pytest.mark.parametrize("workers", [1, 2])
def test_what_was_answered_is_there_after_every_kill(tmp_path, workers):
    chance = random.Random(f"{workers} {KILLS}")
    server = KilledServer(tmp_path, workers=workers, script="busy_server.py")
    writers = [Writer(number, KILLS * 100 + number) for number in range(WRITERS)]
    s3 = server.start("admin")
    try:
        for writer in writers:
            writer.prepare(s3)
        for _ in range(KILLS):
            load = Load(s3, writers, kill_after=chance.randrange(1, 60))
            assert load.enough.wait(timeout=300)
            # Anywhere within the requests that are under way.
            threading.Event().wait(chance.uniform(0, 0.02))
            victim = chance.choice(["all", "all", "supervisor", "worker"]) if workers > 1 else "all"
            server.kill(victim)
            load.join()
            for writer in writers:
                assert writer.failure is None, writer.failure
            if victim != "worker":
                if chance.random() < 0.1:
                    # While it puts its folder in order.
                    server.kill_while_starting(chance.uniform(0.05, 0.6))
                s3 = server.start("admin")
            for writer in writers:
                writer.check(s3)
    finally:
        server.kill()
    if KILLS >= 100:
        assert set.union(*(writer.steps_done for writer in writers)) == KINDS
    # The next start removes what the last kill left.
    server.start("admin")
    server.kill()
    assert require_no_leftovers(server.root)
    report = check_folder(server.root, deep=True)
    assert report.findings == []


class TestTheChecker:
    """It would notice."""

    @pytest.fixture
    def s3(self, s3_server):
        return client_of(s3_server, "admin")

    @pytest.fixture
    def writer(self, s3):
        writer = Writer(0, 1)
        writer.prepare(s3)
        load = Load(s3, [writer], kill_after=150)
        assert load.enough.wait(timeout=300)
        load.join()
        assert writer.failure is None
        writer.check(s3)
        return writer

    def test_what_others_did(self, s3, writer):
        changes = [
            lambda: s3.put_object(Bucket=writer.plain, Key="a", Body=b"of another"),
            lambda: s3.delete_object(Bucket=writer.plain, Key="seed"),
            lambda: s3.create_multipart_upload(Bucket=writer.plain, Key="a"),
            lambda: s3.put_bucket_tagging(
                Bucket=writer.plain, Tagging={"TagSet": [{"Key": "mark", "Value": "of another"}]}
            ),
            lambda: s3.put_object(Bucket=writer.locked, Key="a", Body=b"of another"),
            lambda: s3.delete_object(Bucket=writer.locked, Key="a"),
            lambda: s3.put_object_tagging(
                Bucket=writer.locked, Key="new", Tagging={"TagSet": [{"Key": "t", "Value": "z"}]}
            ),
            lambda: s3.put_object_acl(Bucket=writer.locked, Key="new", ACL="public-read"),
            lambda: s3.put_object_legal_hold(Bucket=writer.locked, Key="new", LegalHold={"Status": "ON"}),
        ]
        s3.put_object(Bucket=writer.locked, Key="new", Body=b"x")
        writer.known[writer.locked] = read_bucket(s3, writer.locked)
        for change in changes:
            change()
            with pytest.raises(AssertionError, match="found:"):
                writer.check(s3)
            for bucket in (writer.plain, writer.locked):
                writer.known[bucket] = read_bucket(s3, bucket)
            writer.check(s3)

    def test_half_of_a_change(self, s3, writer):
        """A renaming that left its object in both places."""
        s3.put_object(Bucket=writer.plain, Key="a", Body=b"x")
        s3.delete_object(Bucket=writer.plain, Key="b/c")
        before = writer.known[writer.plain] = read_bucket(s3, writer.plain)
        (version,) = before.versions["a"]
        writer.in_flight = Step(
            writer.plain, lambda: None, lambda answer: before.with_key("a", ()).with_key("b/c", (version,))
        )
        s3.copy_object(Bucket=writer.plain, Key="b/c", CopySource={"Bucket": writer.plain, "Key": "a"})
        with pytest.raises(AssertionError, match="found:"):
            writer.check(s3)
        s3.delete_object(Bucket=writer.plain, Key="a")
        writer.check(s3)
