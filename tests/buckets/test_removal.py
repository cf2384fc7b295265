"""Emptying and deleting: all of it, nothing by accident, and what is locked is named."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import pytest


def fill(client, objects):
    """Two versions of each object, a marker, and an unfinished upload."""
    client.put_bucket_versioning(Bucket="files", VersioningConfiguration={"Status": "Enabled"})

    def put(number):
        for version in range(2):
            client.put_object(Bucket="files", Key=f"a/{number:04}", Body=b"x" * (version + 1))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(put, range(objects)))
    client.delete_object(Bucket="files", Key="a/0000")
    client.create_multipart_upload(Bucket="files", Key="b/unfinished")


@pytest.fixture
def filled(client):
    fill(client, 20)


def left(client):
    found = client.list_object_versions(Bucket="files")
    uploads = client.list_multipart_uploads(Bucket="files").get("Uploads", [])
    return len(found.get("Versions", [])) + len(found.get("DeleteMarkers", [])) + len(uploads)


def test_a_dry_run_counts_and_removes_nothing(json_lines, client, filled):
    (line,) = json_lines("bucket", "empty", "files", "--dry-run")
    assert line == {"bucket": "files", "versions": 40, "markers": 1, "uploads": 1, "size_bytes": 60}
    assert left(client) == 42


def test_everything_goes_in_few_requests(s3portal, client, server):
    fill(client, 505)
    before = len(server.requests)
    said = s3portal("bucket", "empty", "files", "--yes")
    assert said.code == 0
    assert "1,010 objects and versions (1,515 bytes), 1 markers of deletion, 1 unfinished uploads" in said.out
    operations = [request.operation for request in server.requests][before:]
    assert operations.count("DeleteObjects") == 2
    assert len(operations) == 6  # two pages, two deletions, the list of uploads, and one abort
    assert left(client) == 0


def test_the_name_is_typed_before_anything_goes(s3portal, client, filled, monkeypatch, our_buckets):
    monkeypatch.setattr("s3portal.buckets.commands.console.sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("s3portal.buckets.commands.console.Console._require_terminal", lambda self: None)
    said = s3portal("bucket", "delete", "files", "--empty", typed="file\n")
    assert said.code == 3
    assert "nothing was changed" in said.err
    assert "40 objects and versions" in said.err + said.out
    assert left(client) == 42
    assert s3portal("bucket", "delete", "files", "--empty", typed="files\n").code == 0
    assert our_buckets() == []


def test_a_bucket_that_is_not_empty_is_not_deleted(s3portal, client):
    client.put_object(Bucket="files", Key="k", Body=b"")
    said = s3portal("bucket", "delete", "files", "--yes")
    assert said.code == 3
    assert "--empty" in said.err


def test_what_is_locked_is_named_and_the_rest_goes(s3portal, client, tmp_path):
    client.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    until = datetime.now(timezone.utc) + timedelta(days=1)
    for number in range(3):
        client.put_object(Bucket="locked", Key=f"free/{number}", Body=b"")
    client.put_object(
        Bucket="locked", Key="kept", Body=b"", ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=until
    )
    report = tmp_path / "failed.jsonl"
    said = s3portal("bucket", "delete", "locked", "--empty", "--yes", "--report", report)
    assert said.code == 1
    assert "Object Lock keeps it" in said.err
    (line,) = [json.loads(line) for line in report.read_text().splitlines()]
    assert line["key"] == "kept"
    assert [each["Key"] for each in client.list_object_versions(Bucket="locked")["Versions"]] == ["kept"]
    assert s3portal("bucket", "delete", "locked", "--empty", "--yes", "--bypass-governance").code == 0


@pytest.mark.parametrize("code", ["SlowDown", "InternalError"])
def test_a_store_that_is_busy_is_asked_again(s3portal, client, server, filled, code, monkeypatch):
    monkeypatch.setattr("s3portal.buckets.parallel.time.sleep", lambda _: None)
    server.faults.add("DeleteObjects", status=503, code=code, first=3)
    assert s3portal("bucket", "empty", "files", "--yes").code == 0
    assert left(client) == 0


def test_uploads_that_a_store_keeps_a_bucket_for_are_ended(s3portal, client, server, filled):
    server.faults.add("DeleteBucket", status=409, code="BucketNotEmpty", first=1)
    said = s3portal("bucket", "delete", "files", "--empty", "--yes")
    assert said.code == 0, said.err
    assert "1 unfinished uploads" in said.out
    assert client.list_buckets()["Buckets"] == []


def test_a_bucket_is_deleted_with_no_request_too_many(s3portal, client, server):
    fill(client, 20)
    before = len(server.requests)
    assert s3portal("bucket", "delete", "files", "--empty", "--yes").code == 0
    operations = [request.operation for request in server.requests][before:]
    assert operations == ["ListObjectVersions", "DeleteObjects", "DeleteBucket"]


def test_only_what_begins_with_the_prefix_goes(s3portal, client):
    for key in ("a/1", "ab", "b"):
        client.put_object(Bucket="files", Key=key, Body=b"")
    assert s3portal("bucket", "empty", "files", "--prefix", "a/", "--yes").code == 0
    assert [each["Key"] for each in client.list_objects_v2(Bucket="files")["Contents"]] == ["ab", "b"]


@pytest.mark.parametrize("key", ["a b", "ä/ö", "<&>'\"", "new\nline", "+%20", "a\x01b"])
def test_odd_keys_go_too(s3portal, client, key):
    client.put_object(Bucket="files", Key=key, Body=b"")
    assert s3portal("bucket", "empty", "files", "--yes").code == 0
    assert left(client) == 0
