"""aws-cli."""

import json
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from folders import contents

Run = Callable[..., str]


@pytest.fixture
def aws(run: Run, commands: Path) -> Run:
    return lambda *words, **options: run(commands / "aws", *words, **options)


def test_a_folder_goes_there_and_comes_back(aws: Run, files, tmp_path: Path) -> None:
    aws("s3", "mb", "s3://aws-folder")
    aws("s3", "sync", files.folder, "s3://aws-folder/data")
    listed = aws("s3", "ls", "--recursive", "s3://aws-folder/data/")
    assert {line.split(None, 3)[3].removeprefix("data/") for line in listed.splitlines()} == files.names

    aws("s3", "sync", "s3://aws-folder/data", tmp_path / "back")
    assert contents(tmp_path / "back") == contents(files.folder)
    assert aws("s3", "sync", files.folder, "s3://aws-folder/data") == ""

    aws("s3", "rb", "--force", "s3://aws-folder")
    assert "aws-folder" not in aws("s3", "ls")


@pytest.mark.parametrize("name", ["small", "big"])
def test_files_are_copied_moved_and_removed(aws: Run, files, tmp_path: Path, name: str) -> None:
    bucket = f"aws-copies-{name}"
    file = getattr(files, name)
    aws("s3", "mb", f"s3://{bucket}")
    aws("s3", "cp", file, f"s3://{bucket}/file", "--metadata", "station=north")
    aws("s3", "cp", f"s3://{bucket}/file", f"s3://{bucket}/copy")
    aws("s3", "mv", f"s3://{bucket}/copy", f"s3://{bucket}/moved")
    aws("s3", "cp", f"s3://{bucket}/moved", tmp_path / "moved")
    assert (tmp_path / "moved").read_bytes() == file.read_bytes()
    # Version 1 of aws-cli copies big files by parts, without their metadata.
    copied = "moved" if name == "small" else "file"
    head = json.loads(aws("s3api", "head-object", "--bucket", bucket, "--key", copied))
    assert head["Metadata"] == {"station": "north"}

    aws("s3", "rm", "--recursive", f"s3://{bucket}")
    assert aws("s3", "ls", f"s3://{bucket}") == ""


def test_a_presigned_url_is_a_link_for_everybody(aws: Run, files) -> None:
    aws("s3", "mb", "s3://aws-links")
    aws("s3", "cp", files.small, "s3://aws-links/São Tomé/a+b.csv")
    # Without this, version 1 of aws-cli signs links by the old version of signatures (docs/server.md).
    aws("configure", "set", "default.s3.signature_version", "s3v4")
    url = aws("s3", "presign", "s3://aws-links/São Tomé/a+b.csv").strip()
    with urllib.request.urlopen(url, timeout=60) as answer:
        assert answer.read() == files.small.read_bytes()


def test_versions_tags_and_a_policy(aws: Run, files) -> None:
    bucket = ("--bucket", "aws-settings")
    aws("s3", "mb", "s3://aws-settings")
    aws("s3api", "put-bucket-versioning", *bucket, "--versioning-configuration", "Status=Enabled")
    for content in (files.small, files.odd):
        aws("s3api", "put-object", *bucket, "--key", "k", "--body", content, "--tagging", "station=north")
    versions = json.loads(aws("s3api", "list-object-versions", *bucket))["Versions"]
    assert [version["Size"] for version in versions] == [12, 1000]
    tags = json.loads(aws("s3api", "get-object-tagging", *bucket, "--key", "k"))["TagSet"]
    assert tags == [{"Key": "station", "Value": "north"}]

    statement = {"Effect": "Deny", "Principal": "*", "Action": "s3:DeleteObjectVersion"}
    policy = {
        "Version": "2012-10-17",
        "Statement": [{**statement, "Resource": "arn:aws:s3:::aws-settings/*"}],
    }
    aws("s3api", "put-bucket-policy", *bucket, "--policy", json.dumps(policy))
    named = ("--key", "k", "--version-id", versions[0]["VersionId"])
    aws("s3api", "delete-object", *bucket, *named, exit_code=255)
    aws("s3api", "delete-bucket-policy", *bucket)
    aws("s3api", "delete-object", *bucket, *named)
    assert json.loads(aws("s3api", "head-object", *bucket, "--key", "k"))["ContentLength"] == 1000
