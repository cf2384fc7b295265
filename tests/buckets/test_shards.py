"""Several processes that each take a share do exactly the whole together, and nothing twice."""

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from bucket_commands import files, keys, let_acls_count
from killed_commands import run_killed

from s3portal.buckets.problems import Unusable
from s3portal.buckets.sharding import Shard, shard_of


@pytest.fixture
def in_three_processes(s3portal):
    """Runs a command with each share of three, all at once."""

    def run(*words):
        def share(number):
            arguments = [str(word) for word in words] + ["--shard", f"{number}/3"]
            return run_killed(arguments, dict(os.environ), lambda: False)

        with ThreadPoolExecutor(3) as threads:
            assert list(threads.map(share, (1, 2, 3))) == [False, False, False]

    return run


def of(server, operation, since):
    return [each for each in list(server.requests)[since:] if each.operation == operation]


def test_a_sync_up_and_its_deletions(in_three_processes, s3portal, server, client, folder):
    for number in range(9):
        client.put_object(Bucket="files", Key=f"old/{number}", Body=b"x")
    before = len(server.requests)
    in_three_processes("sync", folder, "s3://files", "--delete")
    assert keys(client) == sorted(files(folder), key=str.encode)
    sent = Counter(request.key for request in of(server, "PutObject", before))
    assert set(sent.values()) == {1}
    assert set(sent) == set(files(folder))


def test_copies_and_fetched_files(in_three_processes, s3portal, server, client, folder, tmp_path):
    s3portal("sync", folder, "s3://files")
    client.create_bucket(Bucket="other")
    before = len(server.requests)
    in_three_processes("sync", "s3://files", "s3://other")
    in_three_processes("sync", "s3://files", tmp_path / "down")
    assert keys(client, "other") == keys(client)
    assert files(tmp_path / "down") == files(folder)
    assert len(of(server, "CopyObject", before)) == len(of(server, "GetObject", before)) == 42


def test_acls(in_three_processes, s3portal, server, client, json_lines):
    let_acls_count(client, "files")
    for number in range(30):
        client.put_object(Bucket="files", Key=f"{number}", Body=b"x", ACL="public-read")
    found = [
        line["key"]
        for share in ("1/3", "2/3", "3/3")
        for line in json_lines("bucket", "acl", "audit", "files", "--shard", share)
        if line.get("public_by") == "ACL"
    ]
    assert sorted(found) == sorted(keys(client))
    before = len(server.requests)
    in_three_processes("bucket", "acl", "reset", "files", "--yes")
    assert sorted(each.key for each in of(server, "PutObjectAcl", before)) == sorted(keys(client))


def test_emptying(in_three_processes, s3portal, server, client):
    client.put_bucket_versioning(Bucket="files", VersioningConfiguration={"Status": "Enabled"})
    for number in range(60):
        client.put_object(Bucket="files", Key=f"{number % 30}", Body=b"x")
    in_three_processes("bucket", "empty", "files", "--yes")
    assert "Versions" not in client.list_object_versions(Bucket="files")


def test_emptying_a_share_leaves_the_others(s3portal, client):
    names = [f"{number}" for number in range(30)]
    for name in names:
        client.put_object(Bucket="files", Key=name, Body=b"x")
        client.create_multipart_upload(Bucket="files", Key=name)
    assert s3portal("bucket", "empty", "files", "--yes", "--shard", "2/3").code == 0
    left = sorted(name for name in names if not Shard(2, 3).has(name))
    assert 0 < len(left) < 30
    assert keys(client) == left
    assert sorted(each["Key"] for each in client.list_multipart_uploads(Bucket="files")["Uploads"]) == left


def test_checks(s3portal, json_lines, folder):
    found = [
        line["path"]
        for share in ("1/3", "2/3", "3/3")
        for line in json_lines("check", folder, "s3://files", "--shard", share)
        if "path" in line
    ]
    assert sorted(found) == files(folder)


def test_shares_are_about_equal_and_stay_as_they_are():
    shares = Counter(
        next(number for number in range(1, 8) if Shard(number, 7).has(f"media/{each:08}.jpg"))
        for each in range(7000)
    )
    assert min(shares.values()) > 850
    # Machines of different versions may work together: what share a key is in is fixed.
    found = [next(n for n in (1, 2, 3) if Shard(n, 3).has(key)) for key in ("a", "ä", "media/1.jpg")]
    assert found == [1, 3, 1]


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "a/b", "1/0", "-1/3"])
def test_what_is_no_share_is_refused(s3portal, folder, text):
    with pytest.raises(Unusable):
        shard_of(text)
    assert s3portal("sync", folder, "s3://files", "--shard", text).code == 2
