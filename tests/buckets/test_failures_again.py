"""What a run could not do, another does from its report, and nothing else."""

import json
import os

import pytest
from bucket_commands import TIME_S, files, keys, operations


@pytest.fixture
def report(tmp_path):
    return tmp_path / "failed.jsonl"


def named(report):
    return [json.loads(line)["key"] for line in report.read_text().splitlines()]


def write_report(report, *failures):
    report.write_text("".join(json.dumps({"reason": "x", **each}) + "\n" for each in failures))


def test_sync_takes_up_what_failed_without_listing_anything(s3portal, server, client, folder, report):
    server.faults.add("PutObject", status=403, code="AccessDenied", first=3)
    assert s3portal("sync", folder, "s3://files/p", "--failures", report).code == 1
    server.faults.clear()
    assert len(named(report)) == 3
    (folder / "meanwhile").write_bytes(b"new")
    before = len(server.requests)
    said = s3portal("sync", folder, "s3://files/p", "--from-failures", report)
    assert "3 files sent" in said.out
    assert operations(server, before) == {"HeadObject": 3, "PutObject": 3}
    assert set(keys(client)) == {f"p/{name}" for name in files(folder)} - {"p/meanwhile"}


def test_sync_down_and_between_buckets_too(s3portal, server, client, folder, report, tmp_path):
    s3portal("sync", folder, "s3://files")
    client.create_bucket(Bucket="other")
    for target, operation in ((tmp_path / "down", "GetObject"), ("s3://other", "CopyObject")):
        server.faults.add(operation, status=403, code="AccessDenied", first=3)
        s3portal("sync", "s3://files", target, "--failures", report)
        server.faults.clear()
        before = len(server.requests)
        said = s3portal("sync", "s3://files", target, "--from-failures", report)
        assert "3 files sent" in said.out
        assert operations(server, before)["ListObjectsV2"] == 0
    assert files(tmp_path / "down") == files(folder)
    assert keys(client, "other") == keys(client)


def test_a_folder_that_failed_is_looked_through(s3portal, client, folder, report):
    write_report(report, {"key": "a-b/"}, {"key": "a-b/01.csv"}, {"key": "a.txt"})
    assert s3portal("sync", folder, "s3://files", "--from-failures", report).code == 0
    assert set(keys(client)) == {"a.txt", *(name for name in files(folder) if name.startswith("a-b/"))}
    write_report(report, {"key": "."})
    assert s3portal("sync", folder, "s3://files", "--from-failures", report).code == 0
    assert len(keys(client)) == 42


def test_what_is_gone_by_now_is_named_and_deleted_only_where_asked_for(s3portal, client, folder, report):
    s3portal("sync", folder, "s3://files")
    (folder / "a.txt").unlink()
    write_report(report, {"key": "a.txt"})
    said = s3portal("sync", folder, "s3://files", "--from-failures", report)
    assert said.code == 0
    assert "Left out: a.txt: is not there any more" in said.err
    assert len(keys(client)) == 42
    said = s3portal("sync", folder, "s3://files", "--from-failures", report, "--delete", "--reuse")
    assert "1 deleted" in said.out
    assert "a.txt" not in keys(client)
    assert len(keys(client)) == 41


def test_each_mapping_takes_what_failed_of_its_own(s3portal, server, client, folder, report, tmp_path):
    mappings = tmp_path / "mappings"
    mappings.write_text(f"{folder}/a\ts3://files/one\n{folder}/a\ts3://files/two\n")
    server.faults.add("PutObject", status=403, code="AccessDenied", first=1)
    s3portal("sync", "--mappings", mappings, "--failures", report)
    server.faults.clear()
    before = len(server.requests)
    s3portal("sync", "--mappings", mappings, "--from-failures", report)
    assert operations(server, before) == {"HeadObject": 1, "PutObject": 1}


@pytest.mark.parametrize("path", ["../outside", "/etc/passwd", "link/x"])
def test_a_report_leads_out_of_no_folder(s3portal, client, folder, report, tmp_path, path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "x").write_bytes(b"x")
    (folder / "link").symlink_to(tmp_path / "outside")
    write_report(report, {"key": path})
    assert s3portal("sync", folder, "s3://files", "--from-failures", report).code == 1
    assert keys(client) == []


def test_a_key_that_has_no_place_in_the_target_fails_once(s3portal, client, report, tmp_path):
    client.put_object(Bucket="files", Key="../out", Body=b"x")
    assert s3portal("sync", "s3://files", tmp_path / "down", "--failures", report).code == 1
    again = s3portal("sync", "s3://files", tmp_path / "down", "--from-failures", report)
    assert "1 failed" in again.err
    assert not (tmp_path / "out").exists()


def test_check_compares_what_is_named(s3portal, json_lines, server, folder, report):
    s3portal("sync", folder, "s3://files")
    for name in ("a.txt", "a/00.csv"):
        (folder / name).write_bytes(b"other")
    write_report(report, {"key": "a.txt"})
    found = json_lines("check", folder, "s3://files", "--from-failures", report)
    assert [line["path"] for line in found if "path" in line] == ["a.txt"]


def test_cp_repeats_what_failed(s3portal, server, client, folder, report, monkeypatch):
    server.faults.add("PutObject", status=403, code="AccessDenied", first=1)
    monkeypatch.chdir(folder)
    assert s3portal("cp", "a.txt", "s3://files/b.txt", "--failures", report).code == 3
    server.faults.clear()
    monkeypatch.chdir("/")
    said = s3portal("cp", "--from-failures", report)
    assert said.code == 0, said.err
    assert keys(client) == ["b.txt"]
    write_report(report, {"key": "a.txt"})
    assert s3portal("cp", "--from-failures", report).code == 2
    write_report(report, {"key": "/nowhere", "target": "s3://files/x"})
    assert s3portal("cp", "--from-failures", report).code == 1


@pytest.mark.parametrize("command", [("rm", "s3://files/a/"), ("bucket", "empty", "files", "--prefix", "a/")])
def test_removals_take_up_what_failed(s3portal, server, client, report, command):
    client.put_bucket_versioning(Bucket="files", VersioningConfiguration={"Status": "Enabled"})
    versions = [
        client.put_object(Bucket="files", Key=key, Body=b"x")["VersionId"]
        for key in ("a/1", "a/1", "a/2", "b/1")
    ]
    write_report(
        report,
        {"key": "a/1", "version_id": versions[0]},
        {"key": "a/2", "version_id": versions[2]},
        {"key": "b/1", "version_id": versions[3]},
    )
    before = len(server.requests)
    said = s3portal(*command, "--from-failures", report, "--dry-run")
    assert "2 objects and versions" in said.out
    assert s3portal(*command, "--from-failures", report, "--yes").code == 0
    assert operations(server, before) == {"DeleteObjects": 1}
    left = client.list_object_versions(Bucket="files")["Versions"]
    assert [each["VersionId"] for each in left] == [versions[1], versions[3]]


def test_rm_writes_a_report(s3portal, client, report):
    client.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    for key in "ab":
        client.put_object(Bucket="locked", Key=f"x/{key}", Body=b"x", ObjectLockLegalHoldStatus="ON")
    words = ("rm", "s3://locked/x/", "--recursive", "--all-versions", "--yes", "--failures", report)
    assert s3portal(*words).code == 1
    assert sorted(named(report)) == ["x/a", "x/b"]


def test_move_copies_what_failed_and_compares_everything(s3portal, server, client, folder, report):
    s3portal("sync", folder, "s3://files")
    server.faults.add("CopyObject", status=403, code="AccessDenied", first=2)
    assert s3portal("bucket", "move", "files", "archive", "--yes", "--failures", report).code == 1
    server.faults.clear()
    before = len(server.requests)
    said = s3portal("bucket", "move", "files", "archive", "--yes", "--from-failures", report)
    assert said.code == 0, said.err
    assert operations(server, before)["CopyObject"] == 2
    assert "all 42 objects are the same" in said.out


def test_a_report_is_not_overwritten_while_it_is_read(s3portal, folder, report):
    write_report(report, {"key": "a.txt"})
    said = s3portal("sync", folder, "s3://files", "--from-failures", report, "--failures", report)
    assert said.code == 2
    assert "is what this run reads" in said.err
    assert named(report) == ["a.txt"]


def test_files_named_in_order_and_once(s3portal, server, client, tmp_path, report):
    """Names that sort differently as text and as keys."""
    source = tmp_path / "source"
    names = ["ÿ", "a-b", "a/b", "é", "a.txt", "\U0001f600", "\uffee"]
    for name in names:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(b"x")
        os.utime(source / name, (TIME_S, TIME_S))
    write_report(report, *({"key": name} for name in names + names))
    assert s3portal("sync", source, "s3://files", "--from-failures", report).code == 0
    assert operations(server)["PutObject"] == len(names)
    assert "0 files sent" in s3portal("sync", source, "s3://files").out
