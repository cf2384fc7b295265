"""Two syncs of one target at once are noticed, and one that was killed is not mistaken for one that runs."""

import json
import os
import threading

import pytest
from bucket_commands import files, keys
from killed_commands import run_killed

from s3portal.buckets.sync import announcing
from s3portal.buckets.sync.claims import MARKER, Claim


@pytest.fixture
def while_one_runs(server, s3portal):
    """Runs a command while another one waits for an operation to be let through."""

    def run(operation, first, second):
        hold = server.faults.hold(operation)
        ended = []
        thread = threading.Thread(
            target=lambda: ended.append(run_killed(words(first), dict(os.environ), lambda: False))
        )
        thread.start()
        hold.wait_for(1)
        said = s3portal(*second)
        hold.release()
        thread.join()
        assert ended == [False]
        return said

    return run


def words(arguments):
    return [str(word) for word in arguments]


def killed_while(server, operation, *arguments):
    hold = server.faults.hold(operation)
    assert run_killed(words(arguments), dict(os.environ), lambda: hold.held >= 1)
    server.faults.clear()
    server.wait_until_idle()


@pytest.mark.parametrize("target", ["s3://files/p", "s3://files/p/", "s3://files/p/deeper", "s3://files"])
def test_a_second_sync_of_a_bucket_is_refused(while_one_runs, client, folder, target):
    sync = ("sync", folder, "s3://files/p")
    said = while_one_runs("PutObject", sync, ("sync", folder, target))
    assert said.code == 3
    assert "s3://files/p/ is being synced by" in said.err
    assert "(process " in said.err
    assert " since 20" in said.err
    assert len(keys(client)) == 42


def test_a_second_sync_of_a_folder_is_refused(while_one_runs, s3portal, client, folder, tmp_path):
    s3portal("sync", folder, "s3://files")
    down = ("sync", "s3://files", tmp_path / "down")
    said = while_one_runs("GetObject", down, down)
    assert said.code == 3
    assert f"{tmp_path}/down/ is being synced by" in said.err
    assert files(tmp_path / "down") == files(folder)


def test_another_target_is_another(while_one_runs, s3portal, client, folder, tmp_path):
    s3portal("sync", folder, "s3://files")
    down = ("sync", "s3://files", tmp_path / "down")
    said = while_one_runs("GetObject", down, ("sync", folder, "s3://files/p"))
    assert said.code == 0, said.err


def test_shares_of_one_target_do_not_meet():
    def claim(target, shard):
        return Claim(target, shard, "me", "here", 1, "now")

    assert not claim("e s3://a/p/", "1/3").meets(claim("e s3://a/p/", "2/3"))
    assert claim("e s3://a/p/", "1/3").meets(claim("e s3://a/p/", "1/3"))
    assert claim("e s3://a/p/", "1/3").meets(claim("e s3://a/p/", "2/4"))
    assert claim("e s3://a/p/", "1/1").meets(claim("e s3://a/", "1/1"))
    assert not claim("e s3://a/p/", "1/1").meets(claim("e s3://a/p-2/", "1/1"))
    assert not claim("e s3://a/", "1/1").meets(claim("other s3://a/", "1/1"))


def test_one_that_was_killed_is_named_and_stops_nothing(s3portal, server, client, folder, tmp_path):
    killed_while(server, "PutObject", "sync", folder, "s3://files")
    said = s3portal("sync", folder, "s3://files")
    assert said.code == 0
    assert "ended before it was through" in said.err
    killed_while(server, "GetObject", "sync", "s3://files", tmp_path / "down")
    said = s3portal("sync", "s3://files", tmp_path / "down")
    assert said.code == 0
    assert "ended before it was through" in said.err
    said = s3portal("sync", "s3://files", tmp_path / "down")
    assert "ended before" not in said.err
    assert files(tmp_path / "down") == files(folder)


def test_an_announced_sync_is_noticed_from_anywhere(s3portal, server, client, folder, monkeypatch, tmp_path):
    hold = server.faults.hold("CopyObject")
    client.create_bucket(Bucket="source")
    client.put_object(Bucket="source", Key="a", Body=b"x")
    sync = ("sync", "s3://source", "s3://files/p", "--announce")
    thread = threading.Thread(target=lambda: run_killed(words(sync), dict(os.environ), lambda: False))
    thread.start()
    hold.wait_for(1)
    # What another machine remembers is elsewhere.
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another machine"))
    for announce in ((), ("--announce",)):
        said = s3portal("sync", folder, "s3://files/p", *announce)
        assert said.code == 3
        assert "s3://files/p/ is being synced by" in said.err
    hold.release()
    thread.join()
    assert keys(client) == ["p/a"]
    said = s3portal("sync", folder, "s3://files/p", "--announce", "--delete")
    assert said.code == 0, said.err
    assert sorted(keys(client)) == sorted(f"p/{name}" for name in files(folder))


def test_a_marker_of_a_killed_sync_is_recognised(s3portal, client, folder, monkeypatch):
    marker = {
        "target": "x s3://files/",
        "shard": "1/1",
        "user": "me",
        "host": "elsewhere",
        "process": 1,
        "since": "then",
    }
    client.put_object(Bucket="files", Key=MARKER, Body=json.dumps(marker).encode())
    said = s3portal("sync", folder, "s3://files")
    assert said.code == 3
    assert f"s3portal rm s3://files/{MARKER}" in said.err
    monkeypatch.setattr(announcing, "_STALE_S", -1.0)
    said = s3portal("sync", folder, "s3://files", "--delete")
    assert said.code == 0, said.err
    assert "me on elsewhere (process 1) since then ended before it was through" in said.err
    said = s3portal("sync", folder, "s3://files", "--announce")
    assert said.code == 0, said.err
    assert MARKER not in keys(client)


def test_a_marker_is_neither_sent_nor_fetched_nor_a_difference(s3portal, client, folder, tmp_path):
    s3portal("sync", folder, "s3://files")
    client.put_object(Bucket="files", Key=MARKER, Body=b"no JSON")
    assert s3portal("check", folder, "s3://files").code == 0
    assert s3portal("sync", "s3://files", tmp_path / "down").code == 0
    assert files(tmp_path / "down") == files(folder)


def test_where_nothing_can_be_marked_a_sync_works_all_the_same(
    s3portal, client, folder, monkeypatch, tmp_path
):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    assert s3portal("sync", folder, "s3://files").code == 0


def test_a_planted_link_is_not_followed(s3portal, client, tmp_path):
    client.put_object(Bucket="files", Key="a", Body=b"x")
    (tmp_path / "down").mkdir()
    (tmp_path / "precious").write_bytes(b"precious")
    (tmp_path / "down" / MARKER).symlink_to(tmp_path / "precious")
    s3portal("sync", "s3://files", tmp_path / "down")
    assert (tmp_path / "precious").read_bytes() == b"precious"
