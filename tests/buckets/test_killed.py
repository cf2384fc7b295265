"""Killed at any moment: the next run finishes, and nothing is lost, doubled or half done.

The long form, by hand:  S3PORTAL_KILLS=50 bin/test core -- tests/buckets/test_killed.py
"""

import os
import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from bucket_commands import let_acls_count
from bucket_histories import histories, write_versions
from killed_commands import run_killed

KILLS = int(os.environ.get("S3PORTAL_KILLS", "2"))
CONTENTS = {f"{'a-b' if number % 3 else 'a'}/{number:03}": b"%d," % number * 50 for number in range(120)}
LARGE = random.Random(1).randbytes(34 * 1024 * 1024)


@pytest.fixture
def killed_now_and_then(server, s3portal):
    """Runs a command, killed after a random number of requests, ``KILLS`` times; then to its end. ``after``
    looks at what there is after each time."""
    # A cut off connection is as bad as a kill, and other code meets it.
    chance = random.Random(os.environ.get("S3PORTAL_KILLS_SEED", "7"))

    def run(*arguments, most_requests, after=lambda: None, kills_at_least=1):
        kills = 0
        for _ in range(KILLS):
            stop_at = len(server.requests) + chance.randrange(1, most_requests)
            if chance.random() < 0.3:
                server.faults.add("*", drop=True, probability=0.02)
            kills += run_killed(
                [str(word) for word in arguments],
                dict(os.environ),
                lambda stop_at=stop_at: len(server.requests) >= stop_at,
            )
            server.faults.clear()
            after()
        assert kills >= kills_at_least
        said = s3portal(*arguments)
        assert said.code == 0, said.err
        after()

    return run


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "source"
    for name, content in {**CONTENTS, "large": LARGE}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def fill(client, contents, **arguments):
    with ThreadPoolExecutor(8) as threads:
        puts = [
            threads.submit(client.put_object, Bucket="files", Key=key, Body=body, **arguments)
            for key, body in contents.items()
        ]
        assert all(put.result() for put in puts)


def objects(client, bucket):
    found = {}
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for each in page.get("Contents", ()):
            found[each["Key"]] = client.get_object(Bucket=bucket, Key=each["Key"])["Body"].read()
    return found


def whole_or_not_at_all(found):
    wanted = {**CONTENTS, "large": LARGE}
    assert [name for name, content in found.items() if wanted[name] != content] == []


def test_sync_up(killed_now_and_then, client, folder):
    killed_now_and_then(
        "sync",
        folder,
        "s3://files",
        most_requests=125,
        after=lambda: whole_or_not_at_all(objects(client, "files")),
    )
    assert objects(client, "files").keys() == {*CONTENTS, "large"}


def test_sync_down(killed_now_and_then, s3portal, folder, tmp_path):
    s3portal("sync", folder, "s3://files")
    target = tmp_path / "target"

    def files():
        return {
            str(path.relative_to(target)): path.read_bytes()
            for path in target.rglob("*")
            if path.is_file() and not path.name.endswith(".s3portal-part")
        }

    killed_now_and_then(
        "sync", "s3://files", target, most_requests=125, after=lambda: whole_or_not_at_all(files())
    )
    assert files().keys() == {*CONTENTS, "large"}


def test_emptying(killed_now_and_then, client):
    client.put_bucket_versioning(Bucket="files", VersioningConfiguration={"Status": "Enabled"})
    fill(client, {f"{number:04}": b"" for number in range(1100)})
    killed_now_and_then("bucket", "empty", "files", "--yes", most_requests=4)
    assert "Versions" not in client.list_object_versions(Bucket="files")


def test_resetting_acls(killed_now_and_then, client, json_lines):
    let_acls_count(client, "files")
    fill(client, {f"{number:03}": b"" for number in range(150)}, ACL="public-read")
    killed_now_and_then("bucket", "acl", "reset", "files", "--yes", most_requests=150)
    assert not [
        line for line in json_lines("bucket", "acl", "audit", "files") if line.get("public_by") == "ACL"
    ]


def test_renaming(killed_now_and_then, s3portal, client, folder):
    s3portal("sync", folder, "s3://files")

    def nothing_is_lost():
        names = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
        found = {}
        for name in names:
            found.update(objects(client, name))
        whole_or_not_at_all(found)
        assert found.keys() == {*CONTENTS, "large"}

    killed_now_and_then(
        "bucket", "move", "files", "archive", "--yes", most_requests=140, after=nothing_is_lost
    )
    assert s3portal("bucket", "rename", "files", "archive", "--yes").code == 0
    assert objects(client, "archive").keys() == {*CONTENTS, "large"}


def test_renaming_with_versions(killed_now_and_then, s3portal, client, our_buckets):
    write_versions(client, "files", [f"{number:02}" for number in range(20)])
    wanted = histories(client, "files")

    def a_beginning_of_each_is_there():
        names = our_buckets()
        found = histories(client, "archive") if "archive" in names else {}
        assert all(versions == wanted[key][: len(versions)] for key, versions in found.items())
        assert histories(client, "files") == wanted

    killed_now_and_then(
        "bucket", "move", "files", "archive", "--yes", most_requests=90, after=a_beginning_of_each_is_there
    )
    assert histories(client, "archive") == wanted
    killed_now_and_then("bucket", "rename", "files", "archive", "--yes", most_requests=60, kills_at_least=0)
    assert our_buckets() == ["archive"]
    assert histories(client, "archive") == wanted
