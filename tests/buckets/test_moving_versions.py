"""A bucket that keeps versions gets another name: all versions, markers and locks come along, in order."""

from datetime import datetime, timedelta, timezone

import pytest
from bucket_commands import let_acls_count, require_storage_classes
from bucket_histories import histories, write_versions

from s3portal.buckets.listing import ListedVersion
from s3portal.buckets.moved_versions import OtherHistory, missing, oldest_first

KEYS = [f"k/{number}" for number in range(8)]
LATER = datetime(2100, 1, 1, tzinfo=timezone.utc)


@pytest.fixture
def versions(client):
    write_versions(client, "files", KEYS)
    return histories(client, "files")


def test_versions_and_markers_come_along_in_order(s3portal, client, versions, our_buckets):
    said = s3portal("bucket", "rename", "files", "archive", "--yes")
    assert said.code == 0, said.err
    assert our_buckets() == ["archive"]
    assert histories(client, "archive") == versions
    assert client.get_bucket_versioning(Bucket="archive")["Status"] == "Enabled"


def test_a_second_move_adds_what_came_meanwhile(s3portal, client, versions):
    assert s3portal("bucket", "move", "files", "archive", "--yes").code == 0
    client.put_object(Bucket="files", Key="k/1", Body=b"new")
    client.delete_object(Bucket="files", Key="k/2")
    said = s3portal("bucket", "move", "files", "archive", "--yes")
    assert "Copied 2 versions and markers." in said.out
    assert histories(client, "archive") == histories(client, "files")


def test_answers_that_are_lost_double_nothing(s3portal, client, server, versions, monkeypatch):
    monkeypatch.setattr("s3portal.buckets.parallel.time.sleep", lambda _: None)
    server.faults.add("CopyObject", lose_answer=True, every=3)
    server.faults.add("DeleteObject", lose_answer=True, every=2)
    server.faults.add("CopyObject", status=503, every=4)
    assert s3portal("bucket", "move", "files", "archive", "--yes").code == 0
    server.faults.clear()
    assert histories(client, "archive") == versions


def test_suspended_versioning_stays_suspended(s3portal, client, versions):
    client.put_bucket_versioning(Bucket="files", VersioningConfiguration={"Status": "Suspended"})
    client.put_object(Bucket="files", Key="k/1", Body=b"null")
    assert s3portal("bucket", "move", "files", "archive", "--yes").code == 0
    assert client.get_bucket_versioning(Bucket="archive")["Status"] == "Suspended"
    assert histories(client, "archive") == histories(client, "files")
    # Run again, it does not begin from the start.
    assert "Copied 0 versions" in s3portal("bucket", "move", "files", "archive", "--yes").out


def test_what_the_target_has_otherwise_is_left_and_nothing_is_deleted(s3portal, client, versions):
    client.create_bucket(Bucket="archive")
    client.put_bucket_versioning(Bucket="archive", VersioningConfiguration={"Status": "Enabled"})
    client.put_object(Bucket="archive", Key="k/1", Body=b"of someone else")
    said = s3portal("bucket", "rename", "files", "archive", "--yes")
    assert said.code == 1
    assert "k/1: the target has other versions of this key" in said.err
    assert histories(client, "files") == versions
    assert histories(client, "archive") == {**versions, "k/1": [b"of someone else"]}


def test_content_of_the_same_size_is_compared_before_anything_is_deleted(s3portal, client, versions):
    client.create_bucket(Bucket="archive")
    client.put_bucket_versioning(Bucket="archive", VersioningConfiguration={"Status": "Enabled"})
    client.put_object(Bucket="archive", Key="k/1", Body=b"0 of x/x")
    said = s3portal("bucket", "rename", "files", "archive", "--yes")
    assert said.code == 1
    assert "k/1 differs" in said.err
    assert histories(client, "files") == versions


def test_uploads_that_no_one_finished_are_named_or_ended(s3portal, client, versions, our_buckets):
    client.create_multipart_upload(Bucket="files", Key="half/done")
    said = s3portal("bucket", "move", "files", "archive", "--yes")
    assert said.code == 3
    assert "half/done" in said.err
    assert our_buckets() == ["files"]
    said = s3portal("bucket", "move", "files", "archive", "--yes", "--abort-uploads")
    assert said.code == 0
    assert "Ended: 1 unfinished uploads." in said.out
    assert not client.list_multipart_uploads(Bucket="files").get("Uploads")


def test_retention_and_legal_holds_come_along_and_keep_the_source(s3portal, client):
    client.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    for key in ("held", "kept", "free"):
        client.put_object(Bucket="locked", Key=key, Body=b"1")
        client.put_object(Bucket="locked", Key=key, Body=b"2")
    client.put_object_legal_hold(Bucket="locked", Key="held", LegalHold={"Status": "ON"})
    client.put_object_retention(
        Bucket="locked", Key="kept", Retention={"Mode": "GOVERNANCE", "RetainUntilDate": LATER}
    )
    rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 3}}
    configuration = {"ObjectLockEnabled": "Enabled", "Rule": rule}
    client.put_object_lock_configuration(Bucket="locked", ObjectLockConfiguration=configuration)

    said = s3portal("bucket", "rename", "locked", "archive", "--yes")

    assert said.code == 3
    assert "Object Lock keeps 2 versions in locked until 2100-01-01" in said.err
    assert histories(client, "locked") == histories(client, "archive")
    assert client.get_object_lock_configuration(Bucket="archive")["ObjectLockConfiguration"] == configuration
    assert client.head_object(Bucket="archive", Key="held")["ObjectLockLegalHoldStatus"] == "ON"
    kept = client.head_object(Bucket="archive", Key="kept")
    assert (kept["ObjectLockMode"], kept["ObjectLockRetainUntilDate"]) == ("GOVERNANCE", LATER)
    assert "ObjectLockMode" not in client.head_object(Bucket="archive", Key="free")


def test_acls_and_storage_classes_come_along(s3portal, client):
    require_storage_classes(client)
    let_acls_count(client, "files")
    client.put_bucket_versioning(Bucket="files", VersioningConfiguration={"Status": "Enabled"})
    client.put_object(Bucket="files", Key="open", Body=b"", ACL="public-read", StorageClass="STANDARD_IA")
    client.put_object(Bucket="files", Key="closed", Body=b"")
    assert s3portal("bucket", "move", "files", "archive", "--yes").code == 0
    acls = {
        key: [grant["Permission"] for grant in client.get_object_acl(Bucket="archive", Key=key)["Grants"]]
        for key in ("open", "closed")
    }
    assert acls == {"open": ["FULL_CONTROL", "READ"], "closed": ["FULL_CONTROL"]}
    assert client.head_object(Bucket="archive", Key="open")["StorageClass"] == "STANDARD_IA"


def listed(body, seconds=0, *, latest=False, marker=False):
    when = LATER + timedelta(seconds=seconds)
    return ListedVersion("k", body, len(body), latest, marker, body, when)


def test_markers_that_are_listed_apart_take_their_place_by_their_time():
    one, two, gone = listed("1", 1), listed("2", 3, latest=True), listed("", 2, marker=True)
    assert oldest_first([two, one, gone]) == [one, gone, two]


@pytest.mark.parametrize(
    ("theirs", "rest"),
    [([], ["a", "bb", "c"]), (["a"], ["bb", "c"]), (["a", "bb", "c"], []), (["x", "a", "bb", "c", "yy"], [])],
)
def test_what_is_missing_follows_what_is_there(theirs, rest):
    ours = [listed("a"), listed("bb"), listed("c")]
    assert [each.version_id for each in missing(ours, [listed(each) for each in theirs])] == rest


@pytest.mark.parametrize("theirs", [["bb"], ["a", "c"], ["a", "bb", "dd"]])
def test_another_order_is_refused(theirs):
    with pytest.raises(OtherHistory):
        missing([listed("a"), listed("bb"), listed("c")], [listed(each) for each in theirs])
