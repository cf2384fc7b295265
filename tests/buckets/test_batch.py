"""What AWS takes for S3 Batch Operations: manifests and requests for jobs."""

import csv
import io
import json
import tracemalloc
from urllib.parse import unquote

import botocore.session
import pytest
from botocore.validate import ParamValidator
from bucket_commands import let_acls_count

from s3portal.buckets import estimate
from s3portal.buckets.batch_manifest import read_line, write_manifest
from s3portal.buckets.listing import ListedVersion

ODD = ["a", "ä ö+%&.txt", 'quo"te,comma', "line\nbreak", "deep/er/x"]
ROLE = "arn:aws:iam::123456789012:role/batch"
COMMON = ("--manifest", "s3://files/manifest.csv", "--account", "123456789012", "--batch-role", ROLE)


@pytest.fixture
def is_aws_own():
    """Whether AWS's own model of CreateJob takes a request."""
    shape = (
        botocore.session.get_session().get_service_model("s3control").operation_model("CreateJob").input_shape
    )

    def check(request):
        report = ParamValidator().validate(request, shape)
        assert not report.has_errors(), report.generate_report()
        return True

    return check


def rows(path):
    return list(csv.reader(io.StringIO(path.read_text("ascii"))))


def test_a_manifest_names_every_object_with_its_key_encoded(s3portal, client, tmp_path):
    for key in ODD:
        client.put_object(Bucket="files", Key=key, Body=b"x")
    said = s3portal("bucket", "batch", "manifest", "files", tmp_path / "m.csv")
    assert said.code == 0, said.err
    assert "5 objects (5 bytes) are in" in said.out
    found = rows(tmp_path / "m.csv")
    assert [(bucket, unquote(key)) for bucket, key in found] == [
        ("files", key) for key in sorted(ODD, key=str.encode)
    ]
    assert s3portal("bucket", "batch", "manifest", "files", tmp_path / "n.csv", "--prefix", "deep/").code == 0
    assert rows(tmp_path / "n.csv") == [["files", "deep/er/x"]]


def test_versions_are_named_where_asked_for(s3portal, client, tmp_path):
    client.put_bucket_versioning(Bucket="files", VersioningConfiguration={"Status": "Enabled"})
    ids = [client.put_object(Bucket="files", Key="a", Body=b"x")["VersionId"] for _ in range(2)]
    client.put_object(Bucket="files", Key="gone", Body=b"x")
    client.delete_object(Bucket="files", Key="gone")
    path = tmp_path / "m.csv"
    s3portal("bucket", "batch", "manifest", "files", path, "--version-ids")
    assert rows(path) == [["files", "a", ids[1]]]
    s3portal("bucket", "batch", "manifest", "files", path, "--all-versions")
    assert [row[:2] for row in rows(path)] == [["files", "a"], ["files", "a"], ["files", "gone"]]
    assert {row[2] for row in rows(path)} >= set(ids)


def test_of_nothing_no_manifest_is_written(s3portal, tmp_path):
    said = s3portal("bucket", "batch", "manifest", "files", tmp_path / "m.csv")
    assert said.code == 3
    assert list(tmp_path.glob("*.csv")) == []


def test_shares_of_a_manifest_are_the_whole(s3portal, client, tmp_path):
    for number in range(20):
        client.put_object(Bucket="files", Key=f"{number}", Body=b"x")
    keys = []
    for share in ("1/2", "2/2"):
        s3portal("bucket", "batch", "manifest", "files", tmp_path / "m.csv", "--shard", share)
        keys += [row[1] for row in rows(tmp_path / "m.csv")]
    assert sorted(keys) == sorted(str(number) for number in range(20))


def test_a_manifest_takes_constant_memory():
    class Counting(io.RawIOBase):
        size = 0

        def write(self, content):
            self.size += len(content)
            return len(content)

    file = Counting()
    tracemalloc.start()
    objects = (ListedVersion(f"media/{number:09}", "", 1) for number in range(200_000))
    *_, written = write_manifest("files", objects, file)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert written.objects == 200_000
    assert file.size == 200_000 * len("files,media/000000000\n")
    assert peak_bytes < 2_000_000


@pytest.mark.parametrize(
    ("operation", "options", "expected"),
    [
        (
            "copy",
            ("--to", "s3://archive/old/", "--storage-class", "GLACIER_IR", "--tags", "a=b"),
            {
                "S3PutObjectCopy": {
                    "TargetResource": "arn:aws:s3:::archive",
                    "TargetKeyPrefix": "old",
                    "MetadataDirective": "COPY",
                    "StorageClass": "GLACIER_IR",
                    "NewObjectTagging": [{"Key": "a", "Value": "b"}],
                }
            },
        ),
        ("tags", ("--tags", "a=b"), {"S3PutObjectTagging": {"TagSet": [{"Key": "a", "Value": "b"}]}}),
        ("delete-tags", (), {"S3DeleteObjectTagging": {}}),
        (
            "acl",
            ("--acl", "private"),
            {"S3PutObjectAcl": {"AccessControlPolicy": {"CannedAccessControlList": "private"}}},
        ),
        (
            "restore",
            ("--days", "3"),
            {"S3InitiateRestoreObject": {"ExpirationInDays": 3, "GlacierJobTier": "BULK"}},
        ),
        (
            "retention",
            ("--retention", "compliance:2040-01-31"),
            {
                "S3PutObjectRetention": {
                    "Retention": {"Mode": "COMPLIANCE", "RetainUntilDate": "2040-01-31T00:00:00Z"}
                }
            },
        ),
        ("legal-hold", ("--off",), {"S3PutObjectLegalHold": {"LegalHold": {"Status": "OFF"}}}),
    ],
)
def test_jobs_are_what_aws_takes(s3portal, client, is_aws_own, operation, options, expected):
    etag = client.put_object(Bucket="files", Key="manifest.csv", Body=b"files,a,v1\n")["ETag"].strip('"')
    said = s3portal(
        "bucket", "batch", "job", "files", operation, *COMMON, *options, "--report-to", "s3://ops/reports/"
    )
    assert said.code == 0, said.err
    request = json.loads(said.out)
    assert is_aws_own(request)
    assert request["Operation"] == expected
    assert request["Manifest"] == {
        "Spec": {"Format": "S3BatchOperations_CSV_20180820", "Fields": ["Bucket", "Key", "VersionId"]},
        "Location": {"ObjectArn": "arn:aws:s3:::files/manifest.csv", "ETag": etag},
    }
    assert request["Report"]["Bucket"] == "arn:aws:s3:::ops"
    assert request["ConfirmationRequired"] is True
    again = s3portal(
        "bucket", "batch", "job", "files", operation, *COMMON, *options, "--report-to", "s3://ops/reports/"
    )
    assert json.loads(again.out)["ClientRequestToken"] == request["ClientRequestToken"]


@pytest.mark.parametrize(
    ("manifest", "operation", "options", "code", "words"),
    [
        (None, "acl", ("--acl", "private"), 3, "s3portal cp manifest.csv"),
        (b"other,a\n", "acl", ("--acl", "private"), 2, "is about other"),
        (b"no manifest at all\n", "acl", ("--acl", "private"), 2, "no line of a manifest"),
        (b"files,a\n", "copy", (), 2, "--to"),
        (b"files,a\n", "tags", (), 2, "--tags NAME=VALUE"),
        (b"files,a\n", "acl", (), 2, "--acl private"),
        (b"files,a\n", "retention", (), 2, "governance or compliance"),
        (b"files,a\n", "delete-tags", ("--account", "12"), 2, "12 digits"),
        (b"files,a\n", "delete-tags", ("--batch-role", "me"), 2, "arn:aws:iam"),
    ],
)
def test_what_makes_no_job_is_said(s3portal, client, manifest, operation, options, code, words):
    if manifest is not None:
        client.put_object(Bucket="files", Key="manifest.csv", Body=manifest)
    said = s3portal("bucket", "batch", "job", "files", operation, *COMMON, *options)
    assert said.code == code
    assert words in said.err


def test_lines_are_read_as_they_are_written():
    file = io.BytesIO()
    for _ in write_manifest("files", [ListedVersion(key, "v") for key in ODD], file):
        pass
    lines = file.getvalue().decode().splitlines()
    assert [read_line(line) for line in lines] == [("files", key, "v") for key in ODD]


def test_commands_say_when_there_is_a_better_way(s3portal, client, folder, monkeypatch):
    assert "--shard" not in s3portal("sync", folder, "s3://files/before").err
    monkeypatch.setattr(estimate, "MANY_OBJECTS", 40)
    said = s3portal("sync", folder, "s3://files/p")
    assert said.err.count("100 million take") == 1
    assert "s3portal bucket batch --help" in said.err
    let_acls_count(client, "files")
    assert "ownership enforce" in s3portal("bucket", "acl", "reset", "files", "--yes").err
    assert "lifecycle rule" in s3portal("bucket", "empty", "files", "--yes").err
