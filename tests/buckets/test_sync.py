"""A sync makes one place like another, in few requests, and deletes only what is certain."""

import json
import os
import threading
from collections import Counter
from pathlib import Path

import boto3
import pytest

from s3portal.buckets.sync.carrying import Carrier
from s3portal.server.testing import RunningServer

TIME_S = 1_700_000_000


@pytest.fixture
def folder(tmp_path):
    """Forty files in folders whose names sort differently as folders and as keys."""
    root = tmp_path / "source"
    for number in range(40):
        path = root / ("a-b" if number % 3 else "a") / f"{number:02}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"%d," % number * 100)
        os.utime(path, (TIME_S, TIME_S))
    (root / "a.txt").write_bytes(b"")
    (root / "ä ö+%&.txt").write_bytes(b"x")
    return root


def operations(server, since=0):
    return Counter(request.operation for request in list(server.requests)[since:])


def keys(client, bucket="files", prefix=""):
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [each["Key"] for page in pages for each in page.get("Contents", [])]


def files(root):
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


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


def test_a_folder_that_cannot_be_listed_stops_deletion_but_not_the_rest(
    s3portal, client, folder, monkeypatch
):
    s3portal("sync", folder, "s3://files")
    (folder / "new").write_bytes(b"x")
    really = os.scandir

    def scandir(path):
        if str(path).endswith("a-b"):
            raise PermissionError(13, "Permission denied", str(path))
        return really(path)

    monkeypatch.setattr("s3portal.buckets.sync.walking.os.scandir", scandir)
    said = s3portal("sync", folder, "s3://files", "--delete")
    assert said.code == 3
    assert "nothing was deleted" in said.err
    assert len(keys(client)) == 43
    assert "new" in keys(client)


def test_a_folder_that_hangs_is_named_and_the_rest_continues(s3portal, client, folder, monkeypatch):
    released = threading.Event()
    really = os.scandir

    def scandir(path):
        if str(path).endswith("a-b"):
            released.wait(30)
        return really(path)

    monkeypatch.setattr("s3portal.buckets.sync.walking.os.scandir", scandir)
    said = s3portal("sync", folder, "s3://files", "--folder-timeout", "0.2")
    released.set()
    assert said.code == 1
    assert "a-b/: did not answer for 0.2 seconds" in said.err
    assert len(keys(client)) == len([name for name in files(folder) if not name.startswith("a-b")])


def test_links_sockets_and_odd_names_by_rule(s3portal, client, folder, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_bytes(b"x")
    (folder / "link").symlink_to(outside)
    (folder / "loop").symlink_to(folder)
    os.mkfifo(folder / "pipe")
    said = s3portal("sync", folder, "s3://files")
    assert said.code == 0
    assert "Left out: link: a symbolic link" in said.err
    assert not [key for key in keys(client) if key.startswith(("link", "loop", "pipe"))]
    said = s3portal("sync", folder, "s3://files", "--follow-symlinks")
    assert "loop: is a link to a folder that it is in" in said.err
    assert [key for key in keys(client) if key.startswith(("link", "loop"))] == ["link/file"]


def test_a_name_that_is_not_utf8_is_named_and_the_rest_continues(s3portal, client, folder):
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff.txt")).write_bytes(b"x")
    said = s3portal("sync", folder, "s3://files")
    assert said.code == 1
    assert "\\xff.txt: has a name that is not UTF-8" in said.err
    assert len(keys(client)) == 42


@pytest.mark.parametrize("key", ["../outside", "a/../../outside", "/etc/x", "a//b", "a/./b", "a\0b"])
def test_keys_that_would_leave_the_folder_are_refused_one_by_one(s3portal, client, tmp_path, key):
    target = tmp_path / "in" / "target"
    target.mkdir(parents=True)
    try:
        client.put_object(Bucket="files", Key=key, Body=b"bad")
    except client.exceptions.ClientError:
        pytest.skip("the server itself takes no such key")
    client.put_object(Bucket="files", Key="good", Body=b"good")
    said = s3portal("sync", "s3://files", target)
    assert said.code == 1
    assert files(tmp_path / "in") == ["target/good"]


def test_a_link_in_the_target_leads_nothing_out_of_it(s3portal, client, tmp_path):
    outside, target = tmp_path / "outside", tmp_path / "target"
    outside.mkdir()
    target.mkdir()
    (target / "a").symlink_to(outside)
    client.put_object(Bucket="files", Key="a/b", Body=b"x")
    said = s3portal("sync", "s3://files", target)
    assert said.code == 1
    assert "symbolic link" in said.err
    assert files(outside) == []


def test_what_is_both_file_and_folder_is_named(s3portal, client, tmp_path):
    for key in ("a", "a/b", "c"):
        client.put_object(Bucket="files", Key=key, Body=b"x")
    said = s3portal("sync", "s3://files", tmp_path / "target")
    assert said.code == 1
    assert len(files(tmp_path / "target")) == 2
    assert "c" in files(tmp_path / "target")


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
    monkeypatch.setattr("s3portal.buckets.sync.requests.time.sleep", lambda _: None)
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


def test_check_names_what_differs_and_changes_nothing(s3portal, json_lines, client, folder):
    s3portal("sync", folder, "s3://files")
    assert s3portal("check", folder, "s3://files").code == 0
    changed = folder / "a" / "00.csv"
    changed.write_bytes(changed.read_bytes()[::-1])
    os.utime(changed, (TIME_S, TIME_S))
    (folder / "a" / "03.csv").unlink()
    (folder / "new").write_bytes(b"x")
    said = s3portal("check", folder, "s3://files")
    assert said.code == 1
    differing = {
        line["path"]: line["difference"]
        for line in json_lines("check", folder, "s3://files")
        if "path" in line
    }
    assert differing == {"a/00.csv": "other content", "a/03.csv": "not in the source", "new": "missing"}
    # By time, which was put back, the changed file looks the same.
    assert "a/00.csv" not in s3portal("sync", folder, "s3://files", "--dry-run").out
    assert (
        "send a/00.csv (other content)"
        in s3portal("sync", folder, "s3://files", "--dry-run", "--checksum").out
    )


def test_check_understands_the_etags_of_parts(s3portal, client, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    content = os.urandom(17 * 1024 * 1024)
    (source / "large").write_bytes(content)
    upload = client.create_multipart_upload(Bucket="files", Key="large")["UploadId"]
    parts = []
    for number, at in enumerate(range(0, len(content), 6 * 1024 * 1024), 1):
        body = content[at : at + 6 * 1024 * 1024]
        sent = client.upload_part(Bucket="files", Key="large", UploadId=upload, PartNumber=number, Body=body)
        parts.append({"PartNumber": number, "ETag": sent["ETag"]})
    client.complete_multipart_upload(
        Bucket="files", Key="large", UploadId=upload, MultipartUpload={"Parts": parts}
    )
    assert s3portal("check", source, "s3://files").code == 0
    (source / "large").write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert s3portal("check", source, "s3://files").code == 1


def test_check_as_csv(s3portal, client, folder):
    (folder / '=cmd|"x"').write_bytes(b"x")
    said = s3portal("check", folder, "s3://files", "--csv")
    lines = said.out.splitlines()
    assert lines[0] == "path,difference"
    assert '"\'=cmd|""x""",missing' in lines


@pytest.fixture
def other_store(tmp_path, monkeypatch):
    """Another server, with keys of its own in a profile."""
    config = {
        "users": [
            {
                "name": "other",
                "access_key_id": "other-key",
                "secret_access_key": "other-secret",
                "policy": {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]},
            }
        ],
        "buckets": [{"name": "elsewhere"}],
    }
    with RunningServer(tmp_path / "other", config) as server:
        (tmp_path / "aws-config").write_text(
            f"[profile other]\nendpoint_url = {server.endpoint}\nregion = us-east-1\n"
        )
        (tmp_path / "aws-credentials").write_text(
            "[other]\naws_access_key_id = other-key\naws_secret_access_key = other-secret\n"
        )
        yield boto3.client(
            "s3",
            endpoint_url=server.endpoint,
            aws_access_key_id="other-key",
            aws_secret_access_key="other-secret",
            region_name="us-east-1",
        )


def test_from_another_store_objects_go_through_memory_with_what_belongs_to_them(
    s3portal, client, other_store
):
    large = os.urandom(33 * 1024 * 1024)
    described = {"ContentType": "text/x", "CacheControl": "no-store", "Metadata": {"who": "me"}}
    other_store.put_object(Bucket="elsewhere", Key="small", Body=b"content", **described)
    other_store.put_object(Bucket="elsewhere", Key="large", Body=large, **described)
    said = s3portal("sync", "s3://elsewhere", "s3://files/p", "--source-profile", "other", "--verify")
    assert said.code == 0, said.err
    assert "Verified: 2 are the same, 0 differ." in said.out
    for key, content in (("p/small", b"content"), ("p/large", large)):
        found = client.get_object(Bucket="files", Key=key)
        assert found["Body"].read() == content
        assert {name: found[name] for name in described} == described


def test_several_mappings_in_one_run(s3portal, client, folder, tmp_path):
    mappings = tmp_path / "mappings"
    mappings.write_text(f"# old and new\n{folder}/a\ts3://files/images\n{folder}/a-b\ts3://files/labels\n")
    assert s3portal("sync", "--mappings", mappings).code == 0
    assert {key.split("/")[0] for key in keys(client)} == {"images", "labels"}
    mappings.write_text(f"{folder}/a s3://files/images\n")
    said = s3portal("sync", "--mappings", mappings)
    assert said.code == 2
    assert "entry 1: write a source, a tab, a target" in said.err


def test_verifying_finds_what_a_comparison_by_time_does_not(s3portal, client, folder):
    s3portal("sync", folder, "s3://files")
    changed = folder / "a" / "00.csv"
    changed.write_bytes(changed.read_bytes()[::-1])
    os.utime(changed, (TIME_S, TIME_S))
    assert s3portal("sync", folder, "s3://files").code == 0
    said = s3portal("sync", folder, "s3://files", "--verify")
    assert said.code == 1
    assert "a/00.csv differs" in said.err


def test_keys_with_dots_as_folders_are_copied_like_others(s3portal, client):
    client.create_bucket(Bucket="copy")
    for key in (".", "..", "../x", "a/./b", "a/../b", "a//b", "/c"):
        client.put_object(Bucket="files", Key=key, Body=key.encode())
    said = s3portal("sync", "s3://files", "s3://copy", "--verify")
    assert said.code == 0, said.err
    assert keys(client, "copy") == keys(client)
    assert client.get_object(Bucket="copy", Key="a/../b")["Body"].read() == b"a/../b"


def test_names_as_long_as_a_file_system_allows_come_down(s3portal, client, tmp_path):
    name = "字" * 85
    client.put_object(Bucket="files", Key=name, Body=b"x")
    said = s3portal("sync", "s3://files", tmp_path / "here")
    assert said.code == 0, said.err
    assert [path.name for path in (tmp_path / "here").iterdir()] == [name]


def test_a_bucket_of_the_same_name_at_another_store_is_another_place(s3portal, client, other_store):
    other_store.create_bucket(Bucket="files")
    other_store.put_object(Bucket="files", Key="a", Body=b"x")
    said = s3portal("sync", "s3://files", "s3://files", "--source-profile", "other")
    assert said.code == 0, said.err
    assert keys(client) == ["a"]


def test_a_missing_permission_is_named_with_the_file(s3portal, monkeypatch, folder):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "reader-key")
    said = s3portal("sync", folder, "s3://files/p")
    assert said.code == 1
    assert "this needs s3:PutObject on arn:aws:s3:::files/p/*" in said.err


def test_a_report_that_cannot_be_written_is_named(s3portal, monkeypatch, folder, tmp_path):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "reader-key")
    said = s3portal("sync", folder, "s3://files/p", "--report", tmp_path / "nowhere" / "report")
    assert said.code == 2
    assert f"{tmp_path / 'nowhere' / 'report'}: No such file or directory" in said.err
