"""What belongs to an object beside its content is kept from bucket to bucket, and set where asked for."""

from datetime import datetime, timedelta, timezone

import pytest
from bucket_commands import (
    files,
    keys,
    let_acls_count,
    offers_ownership,
    operations,
    require_ownership,
    require_storage_classes,
)
from foreign_store import is_foreign

from s3portal.buckets.sync import carrying, large
from s3portal.buckets.sync.wanted import grant_headers

DESCRIBED = {
    "ContentType": "text/x",
    "ContentEncoding": "gzip",
    "ContentLanguage": "de",
    "ContentDisposition": "attachment",
    "CacheControl": "no-store",
    "Metadata": {"who": "me"},
}
OPTIONS = (
    *("--content-type", "text/y", "--content-encoding", "br", "--content-language", "fr"),
    *("--content-disposition", "inline", "--cache-control", "max-age=3", "--metadata", "Who=you"),
)
ASKED_FOR = {
    "ContentType": "text/y",
    "ContentEncoding": "br",
    "ContentLanguage": "fr",
    "ContentDisposition": "inline",
    "CacheControl": "max-age=3",
}
EVERYONE = "http://acs.amazonaws.com/groups/global/AllUsers"
UNTIL = datetime(2040, 1, 31, tzinfo=timezone.utc)


@pytest.fixture(params=["in one request", "in parts"])
def in_one_or_in_parts(request, monkeypatch):
    """Each way in which an object may be made."""
    if request.param == "in parts":
        monkeypatch.setattr(carrying, "COPY_WHOLE_BYTES", 3)
        monkeypatch.setattr(carrying, "WHOLE_BYTES", 3)
        monkeypatch.setattr(large, "WHOLE_BYTES", 3)


@pytest.fixture
def with_acls(client):
    """Two buckets whose ACLs are on."""
    client.create_bucket(Bucket="other")
    for bucket in ("files", "other"):
        let_acls_count(client, bucket)


@pytest.fixture
def with_locks(client):
    """Two buckets whose objects can be locked."""
    for bucket in ("locked", "archive"):
        client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)


def described(client, bucket, key):
    head = client.head_object(Bucket=bucket, Key=key)
    return {name: head.get(name) for name in DESCRIBED}


def tags(client, bucket, key):
    found = client.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]
    return {tag["Key"]: tag["Value"] for tag in found}


def strangers(client, bucket, key):
    grants = client.get_object_acl(Bucket=bucket, Key=key)["Grants"]
    return [(each["Grantee"]["URI"], each["Permission"]) for each in grants if "URI" in each["Grantee"]]


@pytest.mark.usefixtures("in_one_or_in_parts")
def test_description_and_tags_are_kept_from_bucket_to_bucket(s3portal, client):
    client.create_bucket(Bucket="other")
    client.put_object(Bucket="files", Key="a", Body=b"content", Tagging="k=v%20w", **DESCRIBED)
    assert s3portal("sync", "s3://files", "s3://other").code == 0
    assert described(client, "other", "a") == DESCRIBED
    assert tags(client, "other", "a") == {"k": "v w"}


@pytest.mark.usefixtures("in_one_or_in_parts")
def test_description_and_tags_are_kept_from_store_to_store(s3portal, client, other_store):
    other_store.put_object(Bucket="elsewhere", Key="a", Body=b"content", Tagging="k=v%20w", **DESCRIBED)
    assert s3portal("sync", "s3://elsewhere", "s3://files", "--source-profile", "other").code == 0
    assert described(client, "files", "a") == DESCRIBED
    assert tags(client, "files", "a") == {"k": "v w"}


@pytest.mark.usefixtures("in_one_or_in_parts")
def test_what_is_asked_for_replaces_what_would_be_kept_and_the_rest_stays(s3portal, client):
    client.create_bucket(Bucket="other")
    kept = {**DESCRIBED, "Metadata": {"who": "me", "where": "here"}}
    client.put_object(Bucket="files", Key="a", Body=b"content", Tagging="k=v", **kept)
    said = s3portal("sync", "s3://files", "s3://other", "--content-type", "text/y", "--metadata", "who=you")
    assert said.code == 0, said.err
    assert described(client, "other", "a") == {
        **DESCRIBED,
        "ContentType": "text/y",
        "Metadata": {"who": "you", "where": "here"},
    }
    assert s3portal("cp", "s3://files/a", "s3://other/b", "--tags", "x=1 + 2=3", "--tags", "y=").code == 0
    assert tags(client, "other", "b") == {"x": "1 + 2=3", "y": ""}
    assert described(client, "other", "b")["ContentType"] == "text/x"


@pytest.mark.usefixtures("in_one_or_in_parts")
@pytest.mark.parametrize("command", ["sync", "cp"])
def test_what_is_asked_for_is_set_on_upload(s3portal, client, tmp_path, command):
    require_storage_classes(client)
    source = tmp_path / "source"
    source.mkdir()
    (source / "a.csv").write_bytes(b"content")
    places = (source, "s3://files") if command == "sync" else (source / "a.csv", "s3://files/a.csv")
    said = s3portal(command, *places, *OPTIONS, "--tags", "k=v", "--storage-class", "STANDARD_IA")
    assert said.code == 0, said.err
    head = client.head_object(Bucket="files", Key="a.csv")
    assert {name: head[name] for name in ASKED_FOR} == ASKED_FOR
    assert head["Metadata"]["who"] == "you"
    assert "mtime" in head["Metadata"]
    assert head["StorageClass"] == "STANDARD_IA"
    assert tags(client, "files", "a.csv") == {"k": "v"}


@pytest.mark.usefixtures("in_one_or_in_parts")
def test_the_storage_class_is_kept_where_that_is_asked_for(s3portal, client):
    require_storage_classes(client)
    client.create_bucket(Bucket="other")
    client.put_object(Bucket="files", Key="a", Body=b"content", StorageClass="STANDARD_IA")
    s3portal("sync", "s3://files", "s3://other/standard")
    s3portal("sync", "s3://files", "s3://other/kept", "--keep-storage-class")
    assert "StorageClass" not in client.head_object(Bucket="other", Key="standard/a")
    assert client.head_object(Bucket="other", Key="kept/a")["StorageClass"] == "STANDARD_IA"


@pytest.mark.usefixtures("in_one_or_in_parts", "with_acls")
def test_acls_are_kept_where_that_is_asked_for(s3portal, server, client):
    client.put_object(Bucket="files", Key="public", Body=b"content", ACL="public-read")
    client.put_object(Bucket="files", Key="private", Body=b"content")
    assert s3portal("sync", "s3://files", "s3://other/p").code == 0
    assert strangers(client, "other", "p/public") == []
    said = s3portal("sync", "s3://files", "s3://other/kept", "--keep-acl")
    assert said.code == 0, said.err
    assert strangers(client, "other", "kept/public") == [(EVERYONE, "READ")]
    assert strangers(client, "other", "kept/private") == []
    owner = client.get_object_acl(Bucket="other", Key="kept/public")
    assert owner["Owner"]["ID"] in [each["Grantee"].get("ID") for each in owner["Grants"]]


@pytest.mark.usefixtures("in_one_or_in_parts", "with_acls")
def test_a_canned_acl_is_set(s3portal, client, tmp_path):
    (tmp_path / "a").write_bytes(b"content")
    client.put_object(Bucket="files", Key="b", Body=b"content")
    assert s3portal("cp", tmp_path / "a", "s3://other/a", "--acl", "public-read").code == 0
    assert s3portal("cp", "s3://files/b", "s3://other/b", "--acl", "public-read").code == 0
    assert strangers(client, "other", "a") == strangers(client, "other", "b") == [(EVERYONE, "READ")]


@pytest.mark.usefixtures("in_one_or_in_parts", "with_locks")
def test_retention_and_legal_hold_are_kept_where_that_is_asked_for(s3portal, client):
    client.put_object(
        Bucket="locked", Key="a", Body=b"content",
        ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=UNTIL, ObjectLockLegalHoldStatus="ON",
    )  # fmt: skip
    client.put_object(Bucket="locked", Key="b", Body=b"content")
    said = s3portal("sync", "s3://locked", "s3://archive", "--keep-retention")
    assert said.code == 0, said.err
    head = client.head_object(Bucket="archive", Key="a")
    assert (head["ObjectLockMode"], head["ObjectLockRetainUntilDate"]) == ("GOVERNANCE", UNTIL)
    assert head["ObjectLockLegalHoldStatus"] == "ON"
    assert "ObjectLockMode" not in client.head_object(Bucket="archive", Key="b")


@pytest.mark.usefixtures("in_one_or_in_parts", "with_locks")
def test_retention_and_legal_hold_are_set(s3portal, client, tmp_path):
    (tmp_path / "a").write_bytes(b"content")
    said = s3portal(
        "cp", tmp_path / "a", "s3://locked/a", "--retention", "governance:2040-01-31", "--legal-hold"
    )
    assert said.code == 0, said.err
    head = client.head_object(Bucket="locked", Key="a")
    assert (head["ObjectLockMode"], head["ObjectLockRetainUntilDate"]) == ("GOVERNANCE", UNTIL)
    assert head["ObjectLockLegalHoldStatus"] == "ON"
    client.put_object(Bucket="locked", Key="free", Body=b"content")
    # Ceph RGW 16 gives a copy the retention of its source, and nobody may shorten that.
    copied = "free" if is_foreign() else "a"
    assert (
        s3portal("cp", f"s3://locked/{copied}", "s3://archive/a", "--retention", "governance:30d").code == 0
    )
    until = client.head_object(Bucket="archive", Key="a")["ObjectLockRetainUntilDate"]
    assert timedelta(days=29) < until - datetime.now(timezone.utc) <= timedelta(days=30)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--retention", "governance:30d"), "has no Object Lock"),
        (("--acl", "public-read"), "has its ACLs switched off"),
        (("--keep-acl",), "--keep-acl: files have none"),
        (("--keep-retention",), "--keep-retention: files have none"),
        (("--retention", "sometimes:30d"), "the mode is governance or compliance"),
        (("--retention", "governance:2001-01-01"), "over already"),
        (("--retention", "governance:tomorrow"), "30d or 2030-01-31"),
        (("--tags", "x"), "write NAME=VALUE"),
        (("--metadata", "a b=c"), "a name has ASCII letters"),
        (("--metadata", "a=ä"), "one line of ASCII characters"),
        (("--content-type", "text/x\r\nx-amz-acl: public-read"), "one line of ASCII characters"),
        (("--acl", "private", "--keep-acl"), "exclude each other"),
    ],
)
def test_what_cannot_be_had_is_refused_before_anything_is_written(s3portal, client, folder, options, words):
    if offers_ownership(client):
        client.put_bucket_ownership_controls(
            Bucket="files", OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
        )
    elif "ACLs switched off" in words:
        require_ownership(client)
    said = s3portal("sync", folder, "s3://files", *options)
    assert said.code == 2
    assert words in said.err
    assert keys(client) == []


def test_files_of_this_machine_have_nothing_of_the_kind(s3portal, client, tmp_path):
    client.put_object(Bucket="files", Key="a", Body=b"x")
    said = s3portal("sync", "s3://files", tmp_path / "down", "--tags", "a=b")
    assert said.code == 2
    assert "these options are for buckets" in said.err
    assert files(tmp_path / "down") == []


def test_nothing_is_asked_that_a_copy_takes_along_by_itself(s3portal, server, client):
    client.create_bucket(Bucket="other")
    client.put_object(Bucket="files", Key="a", Body=b"x", Tagging="k=v", **DESCRIBED)
    before = len(server.requests)
    s3portal("sync", "s3://files", "s3://other", "--storage-class", "STANDARD_IA")
    assert operations(server, before) == {"ListObjectsV2": 2, "CopyObject": 1}


def test_a_store_is_looked_at_once_for_whether_it_takes_tags(s3portal, server, client):
    """Ceph RGW does not."""
    client.create_bucket(Bucket="other")
    for number in range(100):
        client.put_object(Bucket="files", Key=f"{number:03}", Body=b"x", Tagging="k=v")
    before = len(server.requests)
    s3portal("sync", "s3://files", "s3://other", "--tags", "k=w")
    asked = operations(server, before)
    # Of those that are copied at the same time each may be the first.
    assert 2 <= asked.pop("GetObjectTagging") <= 2 * 32
    assert asked == {"ListObjectsV2": 2, "CopyObject": 100}


def test_grants_name_everyone_that_an_acl_lets_in_and_the_new_owner():
    acl = {
        "Owner": {"ID": "mine"},
        "Grants": [
            {"Grantee": {"ID": "mine", "Type": "CanonicalUser"}, "Permission": "FULL_CONTROL"},
            {"Grantee": {"ID": "friend", "Type": "CanonicalUser"}, "Permission": "READ"},
            {"Grantee": {"URI": EVERYONE, "Type": "Group"}, "Permission": "READ"},
        ],
    }
    assert grant_headers(acl, "theirs") == {
        "x-amz-grant-full-control": 'id="theirs"',
        "x-amz-grant-read": f'id="friend", uri="{EVERYONE}"',
    }
    assert grant_headers({**acl, "Grants": acl["Grants"][:1]}, "theirs") == {}
