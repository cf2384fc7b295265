"""What ACLs make public is found, made private, and given back."""

import json

import pytest
from bucket_commands import let_acls_count


@pytest.fixture
def with_acls(client):
    """A bucket whose ACLs count, with 40 objects of which three are public."""
    let_acls_count(client, "files")
    for number in range(40):
        public = {"ACL": "public-read"} if number in (3, 17, 39) else {}
        client.put_object(Bucket="files", Key=f"image/{number:02}", Body=b"", **public)


def public_keys(json_lines):
    return sorted(
        line["key"]
        for line in json_lines("bucket", "acl", "audit", "files")
        if line.get("public_by") == "ACL"
    )


def test_public_objects_are_named_with_the_reason(s3portal, json_lines, with_acls):
    assert public_keys(json_lines) == ["image/03", "image/17", "image/39"]
    said = s3portal("bucket", "acl", "audit", "files")
    assert said.code == 1
    assert "image/17: everyone may READ" in said.out


def test_where_settings_decide_no_acl_is_read(s3portal, server, with_acls, client):
    client.put_bucket_ownership_controls(
        Bucket="files", OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    )
    before = len(server.requests)
    said = s3portal("bucket", "acl", "audit", "files")
    assert said.code == 0
    assert "ACLs are off" in said.out
    operations = {request.operation for request in server.requests[before:]}
    assert not operations & {"GetObjectAcl", "ListObjectsV2"}
    before = len(server.requests)
    assert "Nothing to do" in s3portal("bucket", "acl", "reset", "files").out
    assert len(server.requests) - before == 1


def test_a_public_policy_is_named(s3portal, client):
    s3portal("bucket", "policy", "set-public-read", "files", "--yes")
    said = s3portal("bucket", "acl", "audit", "files")
    assert said.code == 1
    assert "The policy lets everyone in" in said.out


def test_a_reset_takes_one_request_an_object(s3portal, json_lines, server, with_acls):
    before = len(server.requests)
    said = s3portal("bucket", "acl", "reset", "files", "--yes")
    assert said.code == 0
    operations = [request.operation for request in server.requests[before:]]
    assert operations.count("PutObjectAcl") == 40
    assert len(operations) == 42  # and what says that ACLs count, and a page of the listing
    assert "GetObjectAcl" not in operations
    assert public_keys(json_lines) == []


def test_a_report_is_the_way_back(s3portal, json_lines, server, with_acls, tmp_path):
    report = tmp_path / "acls.jsonl"
    assert s3portal("bucket", "acl", "reset", "files", "--report", report, "--yes").code == 0
    assert sorted(json.loads(line)["key"] for line in report.read_text().splitlines()) == [
        "image/03",
        "image/17",
        "image/39",
    ]
    assert public_keys(json_lines) == []
    # It is the way back, so it is not written over.
    again = s3portal("bucket", "acl", "reset", "files", "--report", report, "--yes")
    assert again.code == 2
    assert s3portal("bucket", "acl", "undo", "files", report, "--yes").code == 0
    assert public_keys(json_lines) == ["image/03", "image/17", "image/39"]


def test_former_versions_have_acls_of_their_own(s3portal, client, with_acls):
    client.put_bucket_versioning(Bucket="files", VersioningConfiguration={"Status": "Enabled"})
    client.put_object(Bucket="files", Key="image/03", Body=b"new")
    s3portal("bucket", "acl", "reset", "files", "--yes")
    old = {"Bucket": "files", "Key": "image/03", "VersionId": "null"}
    assert len(client.get_object_acl(**old)["Grants"]) == 2
    assert s3portal("bucket", "acl", "reset", "files", "--all-versions", "--yes").code == 0
    assert len(client.get_object_acl(**old)["Grants"]) == 1


def test_what_failed_is_the_next_runs_input(s3portal, server, json_lines, with_acls, tmp_path):
    failures = tmp_path / "failures.jsonl"
    server.faults.add("PutObjectAcl", status=403, code="AccessDenied", first=5)
    said = s3portal("bucket", "acl", "reset", "files", "--failures", failures, "--yes")
    assert said.code == 1
    assert len(failures.read_text().splitlines()) == 5
    before = len(server.requests)
    said = s3portal("bucket", "acl", "reset", "files", "--from-failures", failures, "--yes")
    assert said.code == 0
    assert [request.operation for request in server.requests[before:]].count("PutObjectAcl") == 5
    assert public_keys(json_lines) == []


def test_a_bucket_that_its_own_acl_opens_fails_the_audit(s3portal, client):
    let_acls_count(client, "files")
    client.put_bucket_acl(Bucket="files", ACL="public-read")
    said = s3portal("bucket", "acl", "audit", "files")
    assert said.code == 1
    assert "The bucket's own ACL: everyone may READ." in said.out
