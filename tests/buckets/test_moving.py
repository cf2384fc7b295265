"""A bucket gets another name, and nothing is deleted before all has arrived."""

import json

import pytest
from bucket_histories import histories


@pytest.fixture
def furnished(client):
    """A bucket with settings and thirty objects."""
    client.put_bucket_cors(
        Bucket="files",
        CORSConfiguration={
            "CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["https://a.example"]}]
        },
    )
    statement = {
        "Sid": "Read",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": "s3:GetObject",
        "Resource": ["arn:aws:s3:::files/open/*"],
    }
    client.put_bucket_policy(
        Bucket="files", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    )
    client.put_bucket_tagging(Bucket="files", Tagging={"TagSet": [{"Key": "cost", "Value": "lab"}]})
    for number in range(30):
        client.put_object(Bucket="files", Key=f"a/{number}", Body=b"x" * number, Metadata={"n": str(number)})


def keys(client, bucket):
    return [each["Key"] for each in client.list_objects_v2(Bucket=bucket).get("Contents", [])]


def test_settings_and_objects_come_along(s3portal, client, furnished, our_buckets):
    said = s3portal("bucket", "rename", "files", "archive", "--yes")
    assert said.code == 0, said.err
    assert "Compared: all 30 objects are the same." in said.out
    assert our_buckets() == ["archive"]
    assert len(keys(client, "archive")) == 30
    assert client.head_object(Bucket="archive", Key="a/7")["Metadata"] == {"n": "7"}
    policy = json.loads(client.get_bucket_policy(Bucket="archive")["Policy"])
    assert policy["Statement"][0]["Resource"] == ["arn:aws:s3:::archive/open/*"]
    assert client.get_bucket_tagging(Bucket="archive")["TagSet"] == [{"Key": "cost", "Value": "lab"}]
    assert client.get_bucket_cors(Bucket="archive")["CORSRules"][0]["AllowedOrigins"] == ["https://a.example"]


def test_block_public_access_comes_along_and_keeps_nothing_out(s3portal, client, our_buckets):
    """With BlockPublicAcls, Ceph RGW 16 takes no uploads, not even copies."""
    client.put_object(Bucket="files", Key="one", Body=b"1")
    block = dict.fromkeys(
        ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
    )
    client.put_public_access_block(Bucket="files", PublicAccessBlockConfiguration=block)
    said = s3portal("bucket", "rename", "files", "archive", "--yes")
    assert said.code == 0, said.err
    assert our_buckets() == ["archive"]
    found = client.get_public_access_block(Bucket="archive")["PublicAccessBlockConfiguration"]
    assert found == block
    assert keys(client, "archive") == ["one"]


def test_the_public_stays_out_while_objects_arrive_where_the_block_would_keep_the_owner_out(
    s3portal, client, server
):
    """IgnorePublicAcls comes before the first object, BlockPublicAcls after the last; a second move opens the
    block again."""
    server.faults.add("GetBucketOwnershipControls", status=501, code="NotImplemented")
    block = dict.fromkeys(("BlockPublicAcls", "BlockPublicPolicy"), True)
    client.put_public_access_block(Bucket="files", PublicAccessBlockConfiguration=block)
    for name in ("one", "two"):
        client.put_object(Bucket="files", Key=name, Body=b"1")
        begun = len(server.requests)
        said = s3portal("bucket", "move", "files", "archive", "--yes")
        assert said.code == 0, said.err
        order = [
            request.operation
            for request in server.requests[begun:]
            if request.operation in ("PutPublicAccessBlock", "CopyObject")
        ]
        assert order == ["PutPublicAccessBlock", "CopyObject", "PutPublicAccessBlock"]
    found = client.get_public_access_block(Bucket="archive")["PublicAccessBlockConfiguration"]
    assert {switch for switch, is_on in found.items() if is_on} == set(block)


def test_what_did_not_arrive_keeps_the_source(s3portal, client, server, furnished):
    server.faults.add("CopyObject", status=403, code="AccessDenied", every=10)
    said = s3portal("bucket", "rename", "files", "archive", "--yes")
    assert said.code == 1
    assert len(keys(client, "files")) == 30
    server.faults.clear()
    assert s3portal("bucket", "rename", "files", "archive", "--yes").code == 0
    assert len(keys(client, "archive")) == 30


def test_only_current_objects_are_moved_where_that_is_wanted(s3portal, client, furnished):
    client.put_bucket_versioning(Bucket="files", VersioningConfiguration={"Status": "Enabled"})
    client.put_object(Bucket="files", Key="a/1", Body=b"new")
    assert s3portal("bucket", "move", "files", "archive", "--yes", "--current-only").code == 0
    assert client.get_bucket_versioning(Bucket="archive")["Status"] == "Enabled"
    assert [len(versions) for versions in histories(client, "archive").values()] == [1] * 30
    assert client.get_object(Bucket="archive", Key="a/1")["Body"].read() == b"new"


def test_a_portal_is_switched_over_once_all_is_there(s3portal, client, furnished, tmp_path):
    ini = tmp_path / "ckan.ini"
    ini.write_text("[app:main]\nckanext.s3multipart.s3_bucket = files\nckan.site_url = https://x\n")
    ini.chmod(0o640)
    assert s3portal("bucket", "move", "files", "archive", "--yes", "--switch", ini).code == 0
    assert (
        ini.read_text() == "[app:main]\nckanext.s3multipart.s3_bucket = archive\nckan.site_url = https://x\n"
    )
    assert ini.stat().st_mode & 0o777 == 0o640
    said = s3portal("bucket", "move", "files", "archive", "--yes", "--switch", ini)
    assert said.code == 2
    assert "s3_bucket = files is not there" in said.err


def test_a_dry_run_makes_nothing(s3portal, client, furnished, our_buckets):
    assert s3portal("bucket", "rename", "files", "archive", "--dry-run").code == 0
    assert our_buckets() == ["files"]
