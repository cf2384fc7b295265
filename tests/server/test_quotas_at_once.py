"""Quotas of buckets with many writers, several workers, and any calls whatever."""

from __future__ import annotations

import json
import random
import sys

import pytest
from botocore.exceptions import ClientError
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from quota_callers import ask, upload, used
from s3_callers import BUCKET, client_of
from two_workers import Workers, at_once
from versioned_buckets import set_versioning

from s3portal.server.pytest_plugin import server_config
from s3portal.server.storage import quotas, usage
from s3portal.server.storage.records import Quota
from s3portal.server.storage.storage import Storage
from s3portal.server.testing import RunningServer


class TestManyWriters:
    def test_64_writers_fill_a_quota_and_never_exceed_it(self, s3_server, limit):
        limit(max_bytes=20_000, max_objects=1000)
        outcomes = fill(s3_server, lambda number: 100 + 17 * (number % 64))
        assert "QuotaExceeded" in outcomes
        left = 20_000 - used(s3_server)
        # Whoever was refused would not have fitted, and what is left can be used.
        assert 0 <= left < 100 + 17 * 63
        client_of(s3_server).put_object(Bucket=BUCKET, Key="last", Body=b"x" * left)
        assert used(s3_server) == 20_000

    @pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
    def test_64_writers_and_two_workers(self, tmp_path):
        workers = Workers(tmp_path)
        try:
            body = b'{"max_bytes": 20000, "max_objects": 1000}'
            assert ask(workers, "PUT", f"/{BUCKET}?quota", body)[0] == 204
            outcomes = fill(workers, lambda number: 100 + 17 * (number % 64))
            assert "QuotaExceeded" in outcomes
            left = 20_000 - json.loads(ask(workers, "GET", f"/{BUCKET}?quota")[1])["usage"]["bytes"]
            assert 0 <= left < 100 + 17 * 63
            client_of(workers).put_object(Bucket=BUCKET, Key="last", Body=b"x" * left)
        finally:
            workers.stop()
        storage = Storage(workers.root)
        assert usage.of_bucket(storage, BUCKET) == usage.recounted(storage, BUCKET)
        assert usage.of_bucket(storage, BUCKET).object_bytes == 20_000
        storage.close()

    def test_a_count_of_objects_is_as_exact(self, s3_server, limit):
        limit(max_objects=37)
        outcomes = fill(s3_server, lambda number: 10)
        assert outcomes.count("stored") == 37
        assert usage.of_bucket(s3_server._server.storage, BUCKET).objects == 37


def fill(server, size_of):
    """Lets 64 writers store an object each, twice over; returns what became of each."""
    clients = [client_of(server) for _ in range(64)]
    outcomes = []

    def write(number):
        size = size_of(number)
        clients[number % 64].put_object(Bucket=BUCKET, Key=f"{number}", Body=b"x" * size)
        return "stored"

    for start in (0, 64):
        outcomes += at_once(64, lambda number, start=start: write(start + number))
    return outcomes


steps = st.lists(
    st.tuples(
        st.sampled_from(["put", "copy", "delete", "upload", "part", "version", "mark"]),
        st.integers(0, 2),
        st.integers(0, 40_000),
    ),
    max_size=20,
)


@settings(max_examples=examples(25), deadline=None)
@given(steps, st.sampled_from(["", "Enabled", "Suspended"]))
def test_no_calls_whatever_exceed_a_quota_and_the_counters_are_right(quota_server, calls, versioning):
    """The users' counters are those of a recount, too."""
    storage = quota_server._server.storage
    s3, chance = client_of(quota_server), random.Random(7)
    if versioning:
        set_versioning(s3, versioning)
    for step, number, size in calls:
        take(s3, step, f"{number}", size, chance)
        assert used(quota_server) <= 60_000
        counted = usage.of_bucket(storage, BUCKET)
        assert counted.objects + counted.versions <= 4
        assert counted.upload_bytes <= 60_000
        with storage.database.snapshot() as connection:
            stored = usage.users_in(connection)
            right = usage.recounted_users_in(connection)
        assert {writer: u for writer, u in stored.items() if u != usage.NOTHING} == {
            writer: u for writer, u in right.items() if u != usage.NOTHING
        }


@pytest.fixture(scope="module")
def quota_server(tmp_path_factory):
    with RunningServer(tmp_path_factory.mktemp("quota") / "s3", server_config()) as server:
        quotas.put_of_bucket(server._server.storage, BUCKET, Quota(60_000, 4))
        yield server


def take(s3, step, key, size, chance):
    """Makes one call; whether it is refused does not matter here."""
    try:
        if step == "put":
            s3.put_object(Bucket=BUCKET, Key=key, Body=b"x" * size)
        elif step == "copy":
            s3.copy_object(Bucket=BUCKET, Key=f"{size % 3}", CopySource=f"{BUCKET}/{key}")
        elif step == "delete":
            for version in s3.list_object_versions(Bucket=BUCKET, Prefix=key).get("Versions", [])[:1]:
                s3.delete_object(Bucket=BUCKET, Key=key, VersionId=version["VersionId"])
        elif step == "mark":
            s3.delete_object(Bucket=BUCKET, Key=key)
        elif step == "version":
            set_versioning(s3, chance.choice(["Enabled", "Suspended"]))
        elif step == "upload":
            s3.complete_multipart_upload(**upload(s3, key, b"x" * size))
        else:
            upload(s3, key, b"x" * size)
    except ClientError as refused:
        assert refused.response["ResponseMetadata"]["HTTPStatusCode"] < 500
