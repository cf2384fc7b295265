"""Buckets are remembered between requests, and nobody is served by what a bucket was."""

from __future__ import annotations

import os

import pytest
from s3_callers import BUCKET, code_of

from s3portal.server.storage import buckets, versioning
from s3portal.server.storage.known_buckets import KnownBuckets, new_mark
from s3portal.server.storage.records import Bucket, Versioning
from s3portal.server.storage.storage import Storage
from s3portal.server.wire.errors import S3Error


def bucket(name, number=1):
    return Bucket(number, name, "000000000000", 0, {})


class Reads:
    """Counts how often a bucket is read; ``number`` is what it is read with."""

    def __init__(self):
        self.count = 0
        self.number = 1

    def __call__(self):
        self.count += 1
        return bucket("a", self.number)


def test_a_bucket_is_read_once_until_one_changes():
    known, reads = KnownBuckets(new_mark()), Reads()
    assert known.find("a", reads) is known.find("a", reads)
    assert reads.count == 1
    with known.changing():
        reads.number = 2
    assert known.find("a", reads).bucket_id == 2


def test_what_was_read_while_a_change_was_made_is_not_kept():
    known, reads = KnownBuckets(new_mark()), Reads()
    with known.changing():
        known.find("a", reads)
    known.find("a", reads)
    assert reads.count == 2


def test_a_change_that_fails_is_a_change_too():
    """Nobody knows what became of it."""
    known, reads = KnownBuckets(new_mark()), Reads()
    known.find("a", reads)
    with pytest.raises(KeyError), known.changing():
        raise KeyError
    known.find("a", reads)
    assert reads.count == 2


def test_processes_share_the_mark():
    mark, reads = new_mark(), Reads()
    known = KnownBuckets(mark)
    known.find("a", reads)
    pid = os.fork()
    if pid == 0:
        KnownBuckets(mark).forget()
        os._exit(0)
    os.waitpid(pid, 0)
    known.find("a", reads)
    assert reads.count == 2


def test_what_is_not_there_is_not_remembered():
    known = KnownBuckets(new_mark())

    def missing():
        raise S3Error("NoSuchBucket")

    with pytest.raises(S3Error):
        known.find("a", missing)
    assert known.find("a", lambda: bucket("a")).name == "a"


def test_only_so_many_are_kept():
    known = KnownBuckets(new_mark())
    for number in range(1000):
        known.find(str(number), lambda: bucket("x"))
    assert len(known._kept) <= 256


def test_every_change_of_a_bucket_is_seen_at_once(tmp_path):
    storage = Storage(tmp_path)
    buckets.create(storage, "one")
    assert buckets.find(storage, "one").cors is None
    buckets.set_cors(storage, "one", "[]")
    assert buckets.find(storage, "one").cors == "[]"
    versioning.put(storage, "one", Versioning.ENABLED)
    assert buckets.find(storage, "one").versioning is Versioning.ENABLED
    buckets.delete(storage, "one")
    with pytest.raises(S3Error):
        buckets.find(storage, "one")
    buckets.create(storage, "one")
    assert buckets.find(storage, "one").cors is None
    storage.close()


def test_a_policy_counts_from_its_answer_on(s3):
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"x")
    deny = (
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": '
        f'"s3:GetObject", "Resource": "arn:aws:s3:::{BUCKET}/*"}}]}}'
    )
    for _ in range(10):
        s3.put_bucket_policy(Bucket=BUCKET, Policy=deny)
        assert code_of(s3.get_object, Bucket=BUCKET, Key="k") == "AccessDenied"
        s3.delete_bucket_policy(Bucket=BUCKET)
        assert s3.get_object(Bucket=BUCKET, Key="k")["Body"].read() == b"x"
