"""Each setting is shown, changed beside what others have put there, and not changed twice."""

import json
import re

import pytest
from bucket_commands import let_acls_count, offers_ownership, require_ownership, require_reader
from foreign_store import is_foreign

OTHERS = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "Others",
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::000000000001:root"},
            "Action": "s3:GetObject",
            "Resource": "arn:aws:s3:::files/*",
        }
    ],
}


def policy_of(client):
    return json.loads(client.get_bucket_policy(Bucket="files")["Policy"])


def test_a_referer_policy_names_both_schemes_and_leaves_other_statements(s3portal, client):
    client.put_bucket_policy(Bucket="files", Policy=json.dumps(OTHERS))
    said = s3portal("bucket", "policy", "set-referer", "files", "--domain", "coral.example", "--yes")
    assert said.code == 0
    [warning] = said.err.splitlines()
    assert "easily forged" in warning
    assert "Better: links that expire" in warning
    assert "a CDN that alone may read the bucket (s3portal bucket policy set-cloudfront)" in warning
    others, ours = policy_of(client)["Statement"]
    assert others == OTHERS["Statement"][0]
    assert ours["Condition"] == {
        "StringLike": {"aws:Referer": ["http://coral.example/*", "https://coral.example/*"]}
    }


DISTRIBUTION = "arn:aws:cloudfront::123456789012:distribution/EDFDVBD632BHDS5"


def test_a_distribution_is_let_in_while_public_access_is_blocked(s3portal, client):
    client.put_bucket_policy(Bucket="files", Policy=json.dumps(OTHERS))
    s3portal("bucket", "public-access", "block", "files", "--yes")
    command = ("bucket", "policy", "set-cloudfront", "files", "--prefix", "media/", "--yes")

    said = s3portal(*command, "--distribution", DISTRIBUTION)
    if is_foreign() and said.code == 3:
        # Ceph RGW takes a policy for a service for a public one.
        assert "Block Public Access is on (BlockPublicPolicy)" in said.err
        assert policy_of(client) == OTHERS
        return
    assert said.code == 0, said.err

    others, ours = policy_of(client)["Statement"]
    assert others == OTHERS["Statement"][0]
    assert ours == {
        "Sid": "S3portalAllowCloudFront",
        "Effect": "Allow",
        "Principal": {"Service": "cloudfront.amazonaws.com"},
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::files/media/*",
        "Condition": {"StringEquals": {"aws:SourceArn": DISTRIBUTION}},
    }
    refused = s3portal(*command, "--distribution", "EDFDVBD632BHDS5")
    assert (refused.code, "write its ARN" in refused.err) == (2, True)


def test_the_same_command_again_changes_nothing(s3portal, server):
    command = ("bucket", "policy", "set-referer", "files", "--domain", "coral.example", "--yes")
    s3portal(*command)
    written = [request.operation for request in server.requests].count("PutBucketPolicy")
    assert "Nothing to change" in s3portal(*command).out
    assert [request.operation for request in server.requests].count("PutBucketPolicy") == written == 1


@pytest.mark.parametrize("domain", ["http://coral.example", "coral.example/pages", "*", "a b", ""])
def test_what_is_no_domain_is_refused(s3portal, domain):
    said = s3portal("bucket", "policy", "set-referer", "files", "--domain", domain, "--yes")
    assert said.code == 2
    assert "write a host such as www.example.org" in said.err


def test_under_block_public_access_a_public_policy_is_refused_before_it_is_sent(s3portal, client, server):
    assert s3portal("bucket", "public-access", "block", "files", "--yes").code == 0
    said = s3portal("bucket", "policy", "set-public-read", "files", "--yes")
    assert said.code == 3
    assert "s3portal bucket public-access unblock files --policies" in said.err
    assert s3portal("bucket", "public-access", "unblock", "files", "--policies", "--yes").code == 0
    assert s3portal("bucket", "policy", "set-public-read", "files", "--prefix", "open/", "--yes").code == 0
    assert policy_of(client)["Statement"][0]["Resource"] == "arn:aws:s3:::files/open/*"


def test_one_statement_is_removed_by_its_sid_and_a_wrong_sid_names_the_right_ones(s3portal, client):
    client.put_bucket_policy(Bucket="files", Policy=json.dumps(OTHERS))
    s3portal("bucket", "policy", "set-referer", "files", "--domain", "coral.example", "--yes")
    said = s3portal("bucket", "policy", "remove", "files", "--sid", "Other", "--yes")
    assert said.code == 2
    assert "Others, S3portalAllowReferer" in said.err
    assert s3portal("bucket", "policy", "remove", "files", "--sid", "S3portalAllowReferer", "--yes").code == 0
    assert policy_of(client) == OTHERS


def test_a_policy_from_a_file_replaces_all_and_its_mistakes_have_a_line(s3portal, client, tmp_path):
    file = tmp_path / "policy.json"
    file.write_text(json.dumps(OTHERS))
    assert s3portal("bucket", "policy", "set", "files", file, "--yes").code == 0
    assert policy_of(client) == OTHERS
    file.write_text('{"Statement": [\n {"Effect": "Allow",}\n]}')
    said = s3portal("bucket", "policy", "set", "files", file, "--yes")
    assert said.code == 2
    assert "line 2" in said.err


def test_a_dry_run_shows_the_difference_and_changes_nothing(s3portal, client):
    said = s3portal("bucket", "versioning", "on", "files", "--keep-days", "30", "--dry-run")
    assert said.code == 0
    assert '+"Enabled"' in said.out
    assert "nothing was changed" in said.out
    assert "Status" not in client.get_bucket_versioning(Bucket="files")


def test_without_yes_nobody_who_can_answer_means_no(s3portal, client):
    said = s3portal("bucket", "versioning", "on", "files")
    assert said.code == 2
    assert "--yes" in said.err
    assert "Status" not in client.get_bucket_versioning(Bucket="files")


def test_versioning_comes_with_a_limit_and_can_be_suspended(s3portal, client):
    assert s3portal("bucket", "versioning", "on", "files", "--keep-days", "30", "--yes").code == 0
    assert client.get_bucket_versioning(Bucket="files")["Status"] == "Enabled"
    (rule,) = client.get_bucket_lifecycle_configuration(Bucket="files")["Rules"]
    assert rule["NoncurrentVersionExpiration"]["NoncurrentDays"] == 30
    assert s3portal("bucket", "versioning", "off", "files", "--yes").code == 0
    assert client.get_bucket_versioning(Bucket="files")["Status"] == "Suspended"


def test_the_recommended_rules_join_those_of_others(s3portal, client):
    others = {"ID": "logs", "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 9}}
    client.put_bucket_lifecycle_configuration(Bucket="files", LifecycleConfiguration={"Rules": [others]})
    assert s3portal("bucket", "lifecycle", "recommended", "files", "--yes").code == 0
    rules = client.get_bucket_lifecycle_configuration(Bucket="files")["Rules"]
    assert [rule["ID"] for rule in rules] == ["logs", "s3portal: abort unfinished uploads"]
    assert s3portal("bucket", "lifecycle", "remove", "files", "--id", "logs", "--yes").code == 0
    (rule,) = client.get_bucket_lifecycle_configuration(Bucket="files")["Rules"]
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 8}


def test_a_rule_that_deletes_files_is_pointed_out(s3portal, tmp_path):
    file = tmp_path / "rules.json"
    rule = {"ID": "all", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 9}}
    file.write_text(json.dumps({"Rules": [rule]}))
    said = s3portal("bucket", "lifecycle", "set", "files", file, "--yes")
    assert said.code == 0
    assert "deletes files after 9 days" in said.err


def test_cors_rules_for_a_portal_and_for_all_readers(s3portal, client):
    command = (
        "bucket",
        "cors",
        "set",
        "files",
        "--origin",
        "https://data.example.org",
        "--public-read",
        "--yes",
    )
    assert s3portal(*command).code == 0
    portal, everyone = client.get_bucket_cors(Bucket="files")["CORSRules"]
    assert portal["AllowedOrigins"] == ["https://data.example.org"]
    assert "PUT" in portal["AllowedMethods"]
    assert everyone["AllowedMethods"] == ["GET", "HEAD"]
    assert everyone["AllowedOrigins"] == ["*"]
    assert "Nothing to change" in s3portal(*command).out
    assert s3portal("bucket", "cors", "remove", "files", "--yes").code == 0
    assert s3portal("bucket", "cors", "show", "files").out.strip() == "[]"


def test_ownership_is_not_enforced_while_the_buckets_own_acl_lets_others_in(s3portal, client):
    require_ownership(client)
    let_acls_count(client, "files")
    client.put_bucket_acl(Bucket="files", ACL="public-read")
    said = s3portal("bucket", "ownership", "enforce", "files", "--yes")
    assert said.code == 3
    assert "everyone may READ" in said.err
    assert s3portal("bucket", "acl", "reset", "files", "--bucket-only", "--yes").code == 0
    assert s3portal("bucket", "ownership", "enforce", "files", "--yes").code == 0
    assert s3portal("bucket", "ownership", "show", "files").out.startswith(
        "Object Ownership of files: BucketOwnerEnforced"
    )


def test_encryption_is_shown_and_a_key_belongs_to_kms(s3portal, json_lines):
    found = json_lines("bucket", "encryption", "show", "files")
    if not found:
        # What a store lacks is said as that, and written nowhere.
        for command in (("show", "files"), ("set", "files", "AES256", "--yes")):
            said = s3portal("bucket", "encryption", *command)
            assert (said.code, "this store has no default encryption" in said.err) == (3, True)
        return
    (shown,) = found
    assert shown["Rules"][0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    said = s3portal("bucket", "encryption", "set", "files", "AES256", "--key", "k", "--yes")
    assert said.code == 2
    assert "aws:kms" in said.err


def test_what_the_store_lacks_is_said_as_that(s3portal, server):
    server.faults.add("GetBucketCors", status=501, code="NotImplemented")
    said = s3portal("bucket", "cors", "show", "files")
    assert said.code == 3
    assert "this store has no CORS rules" in said.err
    shown = s3portal("bucket", "show", "files").out
    assert "not offered by this store" in shown


def test_a_missing_permission_is_named(s3portal, monkeypatch):
    require_reader()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "reader-key")
    said = s3portal("bucket", "policy", "show", "files")
    assert said.code == 3
    assert "s3:GetBucketPolicy" in said.err


def test_a_bucket_that_is_not_there_is_named(s3portal):
    said = s3portal("bucket", "show", "nowhere")
    assert said.code == 3
    assert "there is no bucket nowhere" in said.err


def test_a_wrong_secret_is_no_missing_permission(s3portal, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    said = s3portal("bucket", "show", "files")
    assert said.code == 3
    # Ceph RGW with STS does not say which of the two is wrong.
    assert re.search("check (AWS_ACCESS_KEY_ID and )?AWS_SECRET_ACCESS_KEY", said.err)


@pytest.mark.parametrize(
    ("command", "content", "words"),
    [
        (("policy", "set", "files"), b"\xff", "cannot be read"),
        (("policy", "set", "files"), b'{"Statement": 5}', '"Statement" is a list of JSON objects'),
        (("policy", "set", "files"), b'{"Statement": [5]}', '"Statement" is a list of JSON objects'),
        (("lifecycle", "set", "files"), b"\xff", "cannot be read"),
        (("lifecycle", "set", "files"), b"[1", "line 1: this is not JSON"),
        (("lifecycle", "set", "files"), b'["x"]', 'write {"Rules": [{...}]}'),
        (("lifecycle", "set", "files"), b'[{"x": 1}]', "Missing required parameter"),
        (("cors", "set", "files", "--file"), b"[5]", 'write {"CORSRules": [{...}]}'),
    ],
)
def test_a_file_that_cannot_be_set_is_named(s3portal, tmp_path, command, content, words):
    file = tmp_path / "document.json"
    file.write_bytes(content)
    said = s3portal("bucket", *command, file, "--yes")
    assert said.code == 2
    assert words in said.err
    assert "--endpoint" not in said.err


def test_rules_that_are_there_in_another_order_are_not_changed(s3portal):
    s3portal("bucket", "lifecycle", "recommended", "files", "--yes")
    s3portal("bucket", "versioning", "on", "files", "--keep-days", "30", "--yes")
    assert "Nothing to change" in s3portal("bucket", "lifecycle", "recommended", "files").out


def test_a_lock_that_cannot_be_added_is_refused(s3portal):
    said = s3portal("bucket", "create", "files", "--object-lock")
    assert said.code == 3
    assert "without Object Lock" in said.err
    assert s3portal("bucket", "create", "locked", "--object-lock").code == 0
    assert s3portal("bucket", "create", "locked", "--object-lock").code == 0


def test_a_name_that_no_bucket_can_have_is_said(s3portal):
    said = s3portal("bucket", "create", "Not_A_Name")
    assert said.code == 2
    assert "small letters, digits, dots and hyphens" in said.err


def test_object_ownership_that_the_store_lacks_is_said_as_that(s3portal, client):
    if offers_ownership(client):
        pytest.skip("needs a store that takes GET ?ownershipControls for ListObjects, as Ceph RGW 16 does")
    assert "this store has no Object Ownership" in s3portal("bucket", "ownership", "show", "files").out
    said = s3portal("bucket", "ownership", "enforce", "files", "--yes")
    assert (said.code, "this store has no Object Ownership" in said.err) == (3, True)
