"""Links, odd names, folders that hang, keys that lead out: named, while the rest continues."""

import os
import threading
from pathlib import Path

import pytest
from bucket_commands import files, keys

from s3portal.buckets.sync.local_files import written_beside


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


def test_the_holes_of_a_sparse_file_are_zeros(s3portal, client, tmp_path):
    source, size = tmp_path / "source", 20 * 1024 * 1024
    source.mkdir()
    for name, at in (("small", 70_000), ("large", size)):
        with (source / name).open("wb") as file:
            file.truncate(at)
            file.write(b"begins")
    assert s3portal("sync", source, "s3://files", "--verify").code == 0
    assert s3portal("sync", "s3://files", tmp_path / "down").code == 0
    assert (tmp_path / "down" / "large").read_bytes() == b"begins" + bytes(size - 6)
    assert client.head_object(Bucket="files", Key="small")["ContentLength"] == 70_000


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


def test_what_a_killed_run_left_beside_a_file_is_written_over_unless_another_process_is_at_it(tmp_path):
    path = tmp_path / "a"
    with pytest.raises(OSError, match="killed"), written_beside(path, 1.0) as file:
        file.write(b"half of what a killed run wrote")
        (name,) = files(tmp_path)
        (tmp_path / name).rename(tmp_path / "left")
        raise OSError("killed")
    (tmp_path / "left").rename(tmp_path / name)
    with written_beside(path, 1.0) as file:
        file.write(b"first")
        assert files(tmp_path) == [name]
        with written_beside(path, 1.0) as other:
            other.write(b"second")
            assert len(files(tmp_path)) == 2
        assert path.read_bytes() == b"second"
    assert path.read_bytes() == b"first"
    assert files(tmp_path) == ["a"]
