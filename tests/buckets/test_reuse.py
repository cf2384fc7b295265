"""What the target has under another name is copied there, by equal checksums alone."""

import os

import pytest
from bucket_commands import TIME_S, keys, operations

from s3portal.buckets.sync import carrying, large
from s3portal.buckets.sync.content_index import ContentIndex, Known
from s3portal.buckets.sync.entries import Entry


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    return folder


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (TIME_S, TIME_S))


def test_a_renamed_file_is_copied_on_the_server_and_then_its_old_name_is_deleted(
    s3portal, server, client, root
):
    write(root / "old.csv", b"content")
    s3portal("sync", root, "s3://files/p", "--tags", "a=b")
    (root / "old.csv").rename(root / "new.txt")
    before = len(server.requests)
    said = s3portal("sync", root, "s3://files/p", "--reuse", "--delete")
    assert "0 files sent (0 bytes), 1 copied within the store (7 bytes saved)" in said.out
    assert operations(server, before) == {"ListObjectsV2": 1, "CopyObject": 1, "DeleteObjects": 1}
    assert keys(client) == ["p/new.txt"]
    # It says of itself what it would have said if it had been sent.
    head = client.head_object(Bucket="files", Key="p/new.txt")
    assert head["ContentType"] == "text/plain"
    assert float(head["Metadata"]["mtime"]) == TIME_S
    assert client.get_object_tagging(Bucket="files", Key="p/new.txt")["TagSet"] == []


def test_duplicates_are_sent_once(s3portal, server, client, root):
    for number in range(10):
        write(root / f"{number}", b"the same")
    write(root / "other", b"the else")
    said = s3portal("sync", root, "s3://files", "--reuse", "--verify")
    assert "2 files sent" in said.out
    assert "9 copied" in said.out
    assert operations(server)["PutObject"] == 2
    assert said.code == 0, said.err


def test_the_plan_says_what_is_reused_and_saved(s3portal, json_lines, client, root):
    write(root / "old", b"content")
    s3portal("sync", root, "s3://files")
    (root / "old").rename(root / "new")
    write(root / "one", b"twice")
    write(root / "two", b"twice")
    said = s3portal("sync", root, "s3://files", "--reuse", "--delete", "--dry-run")
    assert "copy new from old (new)" in said.out
    assert "send one (new)" in said.out
    assert "copy two from one (new)" in said.out
    assert "copy 2 within the store (saves 12 bytes), delete 1" in said.out
    assert keys(client) == ["old"]
    planned = json_lines("sync", root, "s3://files", "--reuse", "--dry-run")
    assert planned[-1]["saved_bytes"] == 12
    assert {line["path"]: line.get("from") for line in planned[:-1]} == {
        "new": "old",
        "one": None,
        "two": "one",
    }


def test_size_and_time_alone_reuse_nothing(s3portal, server, root):
    write(root / "old", b"content")
    s3portal("sync", root, "s3://files")
    write(root / "new", b"another")
    before = len(server.requests)
    assert "1 files sent" in s3portal("sync", root, "s3://files", "--reuse").out
    assert operations(server, before) == {"ListObjectsV2": 1, "PutObject": 1}


def test_large_files_are_compared_by_the_etag_of_their_parts(s3portal, server, client, root, tmp_path):
    content = os.urandom(33 * 1024 * 1024)
    write(root / "a", content)
    write(root / "b", content)
    write(root / "c", content[::-1])
    said = s3portal("sync", root, "s3://files", "--reuse", "--verify")
    assert "2 files sent" in said.out
    assert "1 copied" in said.out
    assert said.code == 0, said.err
    # Those that another program has sent, in parts of its own size.
    client.upload_file(str(root / "a"), "files", "theirs")
    for key in "ab":
        client.delete_object(Bucket="files", Key=key)
    before = len(server.requests)
    said = s3portal("sync", root, "s3://files", "--reuse")
    assert "0 files sent" in said.out
    assert "2 copied" in said.out
    assert operations(server, before)["UploadPart"] == 0
    assert client.get_object(Bucket="files", Key="b")["Body"].read() == content


def test_beyond_what_one_copy_takes_parts_are_copied(s3portal, server, client, root, monkeypatch):
    monkeypatch.setattr(carrying, "COPY_WHOLE_BYTES", 10 * 1024 * 1024)
    monkeypatch.setattr(large, "COPY_PART_BYTES", 6 * 1024 * 1024)
    content = os.urandom(15 * 1024 * 1024)
    write(root / "old.csv", content)
    s3portal("sync", root, "s3://files")
    (root / "old.csv").rename(root / "new.txt")
    before = len(server.requests)
    assert "1 copied" in s3portal("sync", root, "s3://files", "--reuse").out
    assert operations(server, before)["UploadPartCopy"] == 3
    found = client.get_object(Bucket="files", Key="new.txt")
    assert found["Body"].read() == content
    assert found["ContentType"] == "text/plain"


def test_from_another_store_what_is_there_is_not_fetched(s3portal, server, client, other_store):
    other_store.put_object(Bucket="elsewhere", Key="a", Body=b"content", ContentType="text/x")
    client.put_object(Bucket="files", Key="old", Body=b"content")
    said = s3portal("sync", "s3://elsewhere", "s3://files", "--source-profile", "other", "--reuse")
    assert "1 copied" in said.out
    assert client.get_object(Bucket="files", Key="a")["ContentType"] == "text/x"


def test_a_twin_that_changes_meanwhile_is_no_twin(s3portal, server, client, root):
    """Two names change places: once one has its new content, the other's is to be had nowhere."""
    write(root / "a", b"one")
    write(root / "b", b"two")
    s3portal("sync", root, "s3://files")
    for name, content in (("a", b"two"), ("b", b"one")):
        (root / name).write_bytes(content)
        os.utime(root / name, (4_000_000_000, 4_000_000_000))
    assert s3portal("sync", root, "s3://files", "--reuse", "--verify").code == 0
    assert client.get_object(Bucket="files", Key="a")["Body"].read() == b"two"
    assert client.get_object(Bucket="files", Key="b")["Body"].read() == b"one"


def test_folders_have_no_store_that_copies(s3portal, client, root):
    said = s3portal("sync", "s3://files", root, "--reuse")
    assert said.code == 2
    assert "--reuse is for targets in a bucket" in said.err


def test_the_index_gives_back_the_listing_in_the_order_of_keys_while_it_grows():
    listed = [Entry(f"{number:05}é", number % 7, 0.0, "") for number in range(2500)]
    with ContentIndex() as index:
        index.fill(listed)
        seen = []
        for entry in index.listed():
            seen.append(entry)
            index.add(Known(Entry(f"{entry.path}/new", 1, 0.0, "")))
        assert seen == listed
