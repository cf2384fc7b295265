"""The journal and the counters are written with the change itself: exact under races, refusals and kills."""

from __future__ import annotations

import random
import threading

from botocore.exceptions import ClientError
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from s3_callers import BUCKET, client_of

from s3portal.server.storage import buckets, journal, usage


def is_exact(storage, *names):
    return all(usage.of_bucket(storage, name) == usage.recounted(storage, name) for name in names)


def test_every_change_has_its_line_and_counts(s3_server):
    s3, storage = client_of(s3_server, "admin"), s3_server._server.storage
    start = journal.changes_after(storage, 0, 1000)[-1].sequence
    s3.create_bucket(Bucket="other-bucket")
    put = s3.put_object(Bucket="other-bucket", Key="k", Body=b"12345")
    s3.put_object(Bucket="other-bucket", Key="k", Body=b"1234567")
    s3.copy_object(Bucket="other-bucket", Key="copy", CopySource="other-bucket/k")
    target = {"Bucket": "other-bucket", "Key": "parts"}
    upload_id = s3.create_multipart_upload(**target)["UploadId"]
    for number, size in ((1, 20_000), (2, 7), (2, 5), (3, 1)):
        part = s3.upload_part(**target, UploadId=upload_id, PartNumber=number, Body=b"x" * size)
    assert usage.of_bucket(storage, "other-bucket") == usage.Usage(2, 14, 0, 0, 1, 20_006)
    s3.complete_multipart_upload(
        **target, UploadId=upload_id, MultipartUpload={"Parts": [{"PartNumber": 3, "ETag": part["ETag"]}]}
    )
    assert usage.of_bucket(storage, "other-bucket") == usage.Usage(3, 15, 0, 0, 0, 0)
    for key in ("k", "copy", "parts", "not there"):
        s3.delete_object(Bucket="other-bucket", Key=key)
    assert usage.of_bucket(storage, "other-bucket") == usage.Usage(0, 0, 0, 0, 0, 0)
    bucket_id = buckets.find(storage, "other-bucket").bucket_id
    s3.delete_bucket(Bucket="other-bucket")
    changes = journal.changes_after(storage, start, 1000)
    assert [(change.event, change.key, change.size_bytes) for change in changes] == [
        ("Bucket:Created", None, None),
        ("ObjectCreated:Put", "k", 5),
        ("ObjectCreated:Put", "k", 7),
        ("ObjectCreated:Copy", "copy", 7),
        ("ObjectCreated:CompleteMultipartUpload", "parts", 1),
        ("ObjectRemoved:Delete", "k", None),
        ("ObjectRemoved:Delete", "copy", None),
        ("ObjectRemoved:Delete", "parts", None),
        ("Bucket:Deleted", None, None),
    ]
    assert {change.bucket_id for change in changes} == {bucket_id}
    assert changes[1].etag == put["ETag"].strip('"')


def test_a_refused_change_has_no_line(s3_server, s3):
    storage = s3_server._server.storage
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"1")
    last = journal.changes_after(storage, 0, 1000)[-1]
    try:
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"22", IfNoneMatch="*")
    except ClientError as refused:
        assert refused.response["ResponseMetadata"]["HTTPStatusCode"] == 412
    assert journal.changes_after(storage, last.sequence, 10) == []
    assert usage.of_bucket(storage, BUCKET).object_bytes == 1


def test_the_journal_keeps_its_newest_lines(s3_server, s3, monkeypatch):
    storage = s3_server._server.storage
    monkeypatch.setattr(journal, "LINES_LIMIT", 4)
    monkeypatch.setattr(journal, "_TRIMMED_EVERY", 5)
    for number in range(20):
        s3.put_object(Bucket=BUCKET, Key=f"{number}")
    lines = journal.changes_after(storage, 0, 1000)
    assert 4 <= len(lines) < 4 + 5
    assert lines[-1].key == "19"
    assert [line.sequence for line in lines] == list(range(lines[0].sequence, lines[-1].sequence + 1))


def test_a_deleted_bucket_leaves_nothing_to_one_of_the_same_name(s3_server):
    s3, storage = client_of(s3_server, "admin"), s3_server._server.storage
    numbers = []
    for _ in range(2):
        s3.create_bucket(Bucket="again-bucket")
        s3.create_multipart_upload(Bucket="again-bucket", Key="k")
        buckets.put_setting(storage, "again-bucket", "kind", "document")
        numbers.append(buckets.find(storage, "again-bucket").bucket_id)
        s3.delete_bucket(Bucket="again-bucket")
    assert numbers[0] < numbers[1]
    s3.create_bucket(Bucket="again-bucket")
    assert set(buckets.find(storage, "again-bucket").settings) == {"ownershipControls"}
    assert usage.of_bucket(storage, "again-bucket") == usage.Usage(0, 0, 0, 0, 0, 0)


steps = st.lists(
    st.tuples(
        st.sampled_from(["put", "copy", "delete", "begin", "part", "complete", "abort"]),
        st.integers(0, 2),
        st.integers(0, 40_000),
    ),
    max_size=25,
)


@settings(max_examples=examples(40), deadline=None)
@given(steps)
def test_counters_are_those_of_a_recount_after_any_calls(shared_server, steps):
    s3, uploads = client_of(shared_server), []
    for step, number, size in steps:
        take(s3, uploads, step, f"{number}", size)
        assert is_exact(shared_server._server.storage, BUCKET)


def take(s3, uploads, step, key, size):
    """Makes one call; whether it is refused does not matter here."""
    upload = uploads[size % len(uploads)] if uploads else {"Bucket": BUCKET, "Key": key, "UploadId": "0" * 32}
    try:
        if step == "put":
            s3.put_object(Bucket=BUCKET, Key=key, Body=b"x" * size)
        elif step == "copy":
            s3.copy_object(Bucket=BUCKET, Key=f"{size % 3}", CopySource=f"{BUCKET}/{key}")
        elif step == "delete":
            s3.delete_object(Bucket=BUCKET, Key=key)
        elif step == "begin":
            begun = s3.create_multipart_upload(Bucket=BUCKET, Key=key)
            uploads.append({"Bucket": BUCKET, "Key": key, "UploadId": begun["UploadId"]})
        elif step == "part":
            s3.upload_part(**upload, PartNumber=size % 2 + 1, Body=b"x" * size)
        elif step == "complete":
            parts = [
                {"PartNumber": part["PartNumber"], "ETag": part["ETag"]}
                for part in s3.list_parts(**upload).get("Parts", [])
            ]
            s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts[-1:]})
        else:
            s3.abort_multipart_upload(**upload)
    except ClientError as refused:
        assert refused.response["ResponseMetadata"]["HTTPStatusCode"] < 500


def test_counters_are_exact_when_many_write_at_once(s3_server):
    storage = s3_server._server.storage

    def write(seed):
        s3, uploads, chance = client_of(s3_server), [], random.Random(seed)
        for _ in range(40):
            step = chance.choice(["put", "put", "copy", "delete", "begin", "part", "complete", "abort"])
            take(s3, uploads, step, f"{chance.randrange(3)}", chance.choice([0, 5, 20_000]))

    threads = [threading.Thread(target=write, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert is_exact(storage, BUCKET)
    assert usage.of_bucket(storage, BUCKET).objects <= 3
