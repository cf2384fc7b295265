"""A sync makes one place like another, in few requests, and deletes only what is certain."""

import json
import os

import pytest
from bucket_commands import TIME_S, files, keys, operations, require_reader

from s3portal.buckets.sync.carrying import Carrier


@pytest.mark.parametrize(("source_end", "target"), [("", "p"), ("/", "p"), ("", "p/"), ("/", "p/")])
def test_slashes_at_the_end_change_nothing(s3portal, client, folder, source_end, target):
    assert s3portal("sync", f"{folder}{source_end}", f"s3://files/{target}").code == 0
    assert sorted(keys(client)) == sorted(f"p/{name}" for name in files(folder))


def test_up_takes_a_request_a_file_and_one_for_the_listing(s3portal, server, folder):
    assert s3portal("sync", folder, "s3://files").code == 0
    assert operations(server) == {"ListObjectsV2": 1, "PutObject": 42}


def test_again_unchanged_takes_the_listing_alone(s3portal, server, folder):
    s3portal("sync", folder, "s3://files")
    before = len(server.requests)
    said = s3portal("sync", folder, "s3://files")
    assert "0 files sent" in said.out
    assert operations(server, before) == {"ListObjectsV2": 1}


def test_what_changed_is_sent_and_nothing_else(s3portal, server, client, folder):
    s3portal("sync", folder, "s3://files")
    (folder / "a.txt").write_bytes(b"longer")
    newer = folder / "a" / "00.csv"
    newer.write_bytes(newer.read_bytes()[::-1])
    os.utime(newer, (4_000_000_000, 4_000_000_000))
    before = len(server.requests)
    assert "2 files sent" in s3portal("sync", folder, "s3://files").out
    assert operations(server, before)["PutObject"] == 2
    assert client.get_object(Bucket="files", Key="a/00.csv")["Body"].read() == newer.read_bytes()


def test_objects_keep_type_and_time(s3portal, client, folder):
    s3portal("sync", folder, "s3://files")
    head = client.head_object(Bucket="files", Key="a/00.csv")
    assert head["ContentType"] == "text/csv"
    assert float(head["Metadata"]["mtime"]) == TIME_S


def test_down_and_again(s3portal, server, folder, tmp_path):
    s3portal("sync", folder, "s3://files/p")
    target = tmp_path / "target"
    before = len(server.requests)
    assert s3portal("sync", "s3://files/p", target).code == 0
    assert operations(server, before) == {"ListObjectsV2": 1, "GetObject": 42}
    assert files(target) == files(folder)
    assert all((target / name).read_bytes() == (folder / name).read_bytes() for name in files(folder))
    before = len(server.requests)
    assert "0 files sent" in s3portal("sync", "s3://files/p", target).out
    assert operations(server, before) == {"ListObjectsV2": 1}


def test_bucket_to_bucket_copies_on_the_server_with_all_that_belongs_to_an_object(
    s3portal, server, client, folder
):
    client.create_bucket(Bucket="other")
    client.put_object(
        Bucket="files", Key="a", Body=b"x", ContentType="text/x", CacheControl="no-store",
        Metadata={"who": "me"}, Tagging="k=v",
    )  # fmt: skip
    before = len(server.requests)
    assert s3portal("sync", "s3://files", "s3://other/b").code == 0
    assert operations(server, before) == {"ListObjectsV2": 2, "CopyObject": 1}
    head = client.head_object(Bucket="other", Key="b/a")
    assert (head["ContentType"], head["CacheControl"], head["Metadata"]) == (
        "text/x",
        "no-store",
        {"who": "me"},
    )
    assert client.get_object_tagging(Bucket="other", Key="b/a")["TagSet"] == [{"Key": "k", "Value": "v"}]


def test_large_files_go_in_parts_both_ways(s3portal, server, client, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    content = os.urandom(40 * 1024 * 1024 + 7)
    (source / "large.bin").write_bytes(content)
    assert s3portal("sync", source, "s3://files").code == 0
    counted = operations(server)
    assert counted["UploadPart"] == 3
    assert counted["CompleteMultipartUpload"] == 1
    assert s3portal("sync", "s3://files", tmp_path / "down").code == 0
    assert (tmp_path / "down" / "large.bin").read_bytes() == content


def test_nothing_is_deleted_unless_asked_for(s3portal, client, folder):
    client.put_object(Bucket="files", Key="extra", Body=b"")
    s3portal("sync", folder, "s3://files")
    assert "extra" in keys(client)
    assert "1 deleted" in s3portal("sync", folder, "s3://files", "--delete").out
    assert "extra" not in keys(client)


def test_too_many_deletions_are_refused_and_none_is_made(s3portal, client, folder):
    s3portal("sync", folder, "s3://files")
    for path in folder.rglob("*.csv"):
        path.unlink()
    said = s3portal("sync", folder, "s3://files", "--delete", "--max-delete", "39")
    assert said.code == 3
    assert "more than 39 files" in said.err
    assert len(keys(client)) == 42
    assert s3portal("sync", folder, "s3://files", "--delete", "--max-delete", "40").code == 0
    assert len(keys(client)) == 2


@pytest.mark.parametrize("there_before", [False, True])
def test_what_someone_else_writes_meanwhile_is_not_overwritten(
    s3portal, client, folder, monkeypatch, there_before
):
    if there_before:
        client.put_object(Bucket="files", Key="a.txt", Body=b"older and longer")
    really = Carrier.carry

    def carry(self, entry, there):
        client.put_object(Bucket="files", Key="a.txt", Body=b"someone else's")
        really(self, entry, there)

    monkeypatch.setattr(Carrier, "carry", carry)
    said = s3portal("sync", folder, "s3://files", "--include", "/a.txt")
    assert said.code == 1
    assert "changed in the target by someone else" in said.err
    assert client.get_object(Bucket="files", Key="a.txt")["Body"].read() == b"someone else's"


def test_a_busy_store_is_waited_for(s3portal, server, client, folder, monkeypatch):
    monkeypatch.setattr("s3portal.buckets.parallel.time.sleep", lambda _: None)
    server.faults.add("PutObject", status=503, every=3)
    server.faults.add("PutObject", drop=True, every=7)
    assert s3portal("sync", folder, "s3://files").code == 0
    assert len(keys(client)) == 42


def test_answers_that_break_off_or_are_damaged_are_fetched_again(
    s3portal, server, client, tmp_path, monkeypatch
):
    monkeypatch.setattr("s3portal.buckets.sync.fetching.time.sleep", lambda _: None)
    content = os.urandom(300_000)
    client.put_object(Bucket="files", Key="a", Body=content)
    server.faults.add("GetObject", cut_body_at=1000, first=1)
    server.faults.add("GetObject", corrupt=True, first=2)
    assert s3portal("sync", "s3://files", tmp_path / "target").code == 0
    assert (tmp_path / "target" / "a").read_bytes() == content


def test_what_fails_is_reported_and_nothing_half_is_left(s3portal, server, client, folder, tmp_path):
    server.faults.add("PutObject", status=403, code="AccessDenied", first=3)
    report = tmp_path / "failed.jsonl"
    said = s3portal("sync", folder, "s3://files", "--report", report)
    assert said.code == 1
    assert len([json.loads(line)["key"] for line in report.read_text().splitlines()]) == 3
    assert len(keys(client)) == 39
    assert s3portal("sync", folder, "s3://files").code == 0
    assert len(keys(client)) == 42


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--include", "*.txt"), {"a.txt", "b/c.txt"}),
        (("--exclude", "*.txt"), {"b/d.csv", "e.csv"}),
        (("--include", "b"), {"b/c.txt", "b/d.csv"}),
        (("--include", "/*.csv"), {"e.csv"}),
        (("--include", "b/*", "--exclude", "*.csv"), {"b/c.txt"}),
        (("--include", "**c*"), {"b/c.txt", "b/d.csv", "e.csv"}),
    ],
)
def test_patterns(s3portal, client, tmp_path, options, expected):
    root = tmp_path / "source"
    for name in ("a.txt", "b/c.txt", "b/d.csv", "e.csv"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    assert s3portal("sync", root, "s3://files", *options).code == 0
    assert set(keys(client)) == expected


def test_a_list_of_files(s3portal, client, folder, tmp_path):
    listed = tmp_path / "list"
    listed.write_text("# wanted\na/00.csv\n\na.txt\nmissing\n")
    assert s3portal("sync", folder, "s3://files", "--files-from", listed).code == 0
    assert keys(client) == ["a.txt", "a/00.csv"]


def test_a_dry_run_says_what_would_happen_and_where(s3portal, client, folder):
    said = s3portal("sync", folder, "s3://files/p", "--dry-run")
    assert f"What is in {folder} would come directly under s3://files/p/." in said.out
    assert "send a/00.csv (new)" in said.out
    assert "Would send 42 files" in said.out
    assert keys(client) == []


@pytest.mark.parametrize(
    ("source", "target", "words"),
    [
        ("{}", "{}", "both are folders"),
        ("s3://files/a", "s3://files/a/b", "one within the other"),
        ("s3://files", "s3://files", "one within the other"),
        ("{}/nowhere", "s3://files", "No such file"),
        ("{}/a.txt", "s3://files", "s3portal cp"),
        ("s3://", "{}", "write s3://BUCKET"),
    ],
)
def test_what_cannot_be_synced_is_said(s3portal, folder, source, target, words):
    said = s3portal("sync", source.format(folder), target.format(folder))
    assert said.code == 2
    assert words in said.err


def test_a_missing_permission_is_named_with_the_file(s3portal, monkeypatch, folder):
    require_reader()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "reader-key")
    said = s3portal("sync", folder, "s3://files/p")
    assert said.code == 1
    assert "this needs s3:PutObject on arn:aws:s3:::files/p/*" in said.err


def test_a_report_that_cannot_be_written_is_named(s3portal, monkeypatch, folder, tmp_path):
    require_reader()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "reader-key")
    said = s3portal("sync", folder, "s3://files/p", "--report", tmp_path / "nowhere" / "report")
    assert said.code == 2
    assert f"{tmp_path / 'nowhere' / 'report'}: No such file or directory" in said.err


def test_a_file_that_changed_is_written_over_what_was_sent_before(s3portal, client, folder):
    assert s3portal("sync", folder, "s3://files").code == 0
    (folder / "a.txt").write_bytes(b"longer than before")
    said = s3portal("sync", folder, "s3://files")
    assert (said.code, said.err) == (0, "")
    assert client.get_object(Bucket="files", Key="a.txt")["Body"].read() == b"longer than before"
    client.create_bucket(Bucket="copies")
    client.put_object(Bucket="copies", Key="a.txt", Body=b"old")
    assert s3portal("sync", "s3://files", "s3://copies").code == 0
    assert client.get_object(Bucket="copies", Key="a.txt")["Body"].read() == b"longer than before"
