"""A bucket as a whole: made, shown, examined, counted."""

import pytest
from bucket_commands import offers_ownership
from foreign_store import is_foreign


def test_a_new_bucket_is_private_and_removes_unfinished_uploads(s3portal, client):
    said = s3portal("bucket", "create", "new", "--versioning", "--keep-days", "30", "--yes")
    assert said.code == 0
    block = client.get_public_access_block(Bucket="new")["PublicAccessBlockConfiguration"]
    # With this one, Ceph RGW 16 refuses every upload.
    assert {name for name, on in block.items() if not on} <= ({"BlockPublicAcls"} if is_foreign() else set())
    client.put_object(Bucket="new", Key="k", Body=b"x")
    if offers_ownership(client):
        controls = client.get_bucket_ownership_controls(Bucket="new")["OwnershipControls"]
        assert controls["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    rules = client.get_bucket_lifecycle_configuration(Bucket="new")["Rules"]
    assert {rule["ID"] for rule in rules} == {
        "s3portal: abort unfinished uploads",
        "s3portal: remove former versions",
    }


def test_making_it_again_adds_what_is_missing(s3portal, client):
    client.put_object(Bucket="files", Key="kept", Body=b"")
    said = s3portal("bucket", "create", "files", "--origin", "https://data.example.org", "--yes")
    assert said.code == 0
    assert "There already: files" in said.out
    assert client.get_bucket_cors(Bucket="files")["CORSRules"][0]["AllowedOrigins"] == [
        "https://data.example.org"
    ]
    assert client.list_objects_v2(Bucket="files")["KeyCount"] == 1


def test_a_store_without_some_settings_still_gets_its_bucket(s3portal, client, server):
    server.faults.add("PutPublicAccessBlock", status=501, code="NotImplemented")
    server.faults.add("PutBucketLifecycleConfiguration", status=501, code="NotImplemented")
    assert s3portal("bucket", "create", "new", "--yes").code == 0
    client.head_bucket(Bucket="new")


def test_where_nothing_listens_no_bucket_is_made_and_the_address_is_named(s3portal):
    said = s3portal("bucket", "create", "new", "--endpoint", "http://127.0.0.1:1", "--yes")
    assert said.code == 3
    assert "nothing listens there" in said.err
    assert "check address and port" in said.err


@pytest.mark.parametrize("name", ["s3://files", "files", "s3://files/"])
def test_a_bucket_is_named_as_a_url_or_plainly(s3portal, name):
    assert s3portal("bucket", "show", name).code == 0


@pytest.mark.parametrize(("name", "words"), [((), "name the bucket"), (("s3://files/x",), "without a path")])
def test_what_is_no_bucket_is_said(s3portal, name, words):
    said = s3portal("bucket", "show", *name)
    assert said.code == 2
    assert words in said.err


def test_the_doctor_tries_it_and_looks_at_the_settings(s3portal, client):
    said = s3portal("bucket", "doctor", "files")
    assert "s3portal bucket versioning on files --keep-days 30" in said.out
    assert "s3portal bucket lifecycle recommended files" in said.out
    assert "Traceback" not in said.out
    assert client.list_objects_v2(Bucket="files")["KeyCount"] == 0


def test_the_doctor_names_a_missing_bucket_once(s3portal):
    said = s3portal("bucket", "doctor", "nowhere")
    assert said.code == 1
    assert said.out.count("there is no bucket nowhere") == 1


def test_usage_by_folder(json_lines, client):
    for key, size in (("a/1", 10), ("a/b/2", 20), ("c", 5)):
        client.put_object(Bucket="files", Key=key, Body=b"x" * size)
    upload = client.create_multipart_upload(Bucket="files", Key="d")["UploadId"]
    client.upload_part(Bucket="files", Key="d", UploadId=upload, PartNumber=1, Body=b"x" * 7)
    rows = {row["folder"]: (row["objects"], row["bytes"]) for row in json_lines("bucket", "usage", "files")}
    assert rows == {
        "(no folder)": (1, 5),
        "a/": (2, 30),
        "(unfinished uploads)": (1, 7),
        "total": (3, 42),
    }


def test_young_uploads_are_not_aborted(s3portal, client):
    client.create_multipart_upload(Bucket="files", Key="going-on")
    assert "Nothing to change" in s3portal("bucket", "uploads", "abort", "files", "--yes").out
    said = s3portal("bucket", "uploads", "abort", "files", "--older-than", "0", "--yes")
    assert said.code == 0
    assert "Uploads" not in client.list_multipart_uploads(Bucket="files")
