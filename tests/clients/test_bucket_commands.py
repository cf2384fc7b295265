"""What our bucket commands did, as aws-cli and s5cmd see it; and what those wrote, as ours see it."""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from folders import contents

from s3portal.server.testing import RunningServer

Run = Callable[..., str]
OURS = [sys.executable, "-c", "from s3portal.cli import main; main()"]


@pytest.fixture
def s3portal(run: Run) -> Run:
    return lambda *words, **options: run(*OURS, *words, **options)


@pytest.fixture
def aws(run: Run, commands: Path) -> Run:
    return lambda *words, **options: run(commands / "aws", *words, **options)


@pytest.fixture
def s5cmd(run: Run, commands: Path, server: RunningServer) -> Run:
    return lambda *words: run(commands / "s5cmd", "--endpoint-url", server.endpoint, *words)


def keys_of(s5cmd: Run, bucket: str) -> Mapping[str, str]:
    """The keys of a bucket with their ETags, as s5cmd lists them."""
    entries = (json.loads(line) for line in s5cmd("--json", "ls", f"s3://{bucket}/*").splitlines())
    return {entry["key"].removeprefix(f"s3://{bucket}/"): entry["etag"] for entry in entries}


def test_a_sync_is_read_by_others_and_found_unchanged(
    s3portal: Run, aws: Run, s5cmd: Run, files, tmp_path: Path
) -> None:
    aws("s3", "mb", "s3://witness-sync")
    s3portal("sync", files.folder, "s3://witness-sync/data")
    assert {key.removeprefix("data/") for key in keys_of(s5cmd, "witness-sync")} == files.names
    assert aws("s3", "sync", files.folder, "s3://witness-sync/data") == ""
    for tool, folder in ((aws, "by-aws"), (s5cmd, "by-s5cmd")):
        words = ["s3", "cp", "--recursive", "s3://witness-sync/data/"] if tool is aws else ["cp"]
        tool(*words, *([] if tool is aws else ["s3://witness-sync/data/*"]), f"{tmp_path / folder}/")
        assert contents(tmp_path / folder) == contents(files.folder)


@pytest.mark.parametrize("tool", ["aws", "s5cmd"])
def test_what_others_wrote_is_compared_without_being_read(
    request: pytest.FixtureRequest, s3portal: Run, server: RunningServer, files, tool: str
) -> None:
    """The big file is a multipart upload with parts of 8 MiB (aws-cli) or 5 MiB, whose ETag is no MD5."""
    run_tool = request.getfixturevalue(tool)
    bucket = f"witness-by-{tool}"
    s3portal("bucket", "create", bucket)
    words = (
        ["s3", "sync", files.folder] if tool == "aws" else ["sync", "--part-size", "5", f"{files.folder}/"]
    )
    run_tool(*words, f"s3://{bucket}/")
    before = len(server.requests)
    assert "3 are the same, 0 differ" in s3portal("check", files.folder, f"s3://{bucket}")
    assert "GetObject" not in {request.operation for request in server.requests[before:]}
    assert "0 files sent" in s3portal("sync", files.folder, f"s3://{bucket}", "--checksum")


def test_a_move_is_the_same_bucket_to_others(s3portal: Run, aws: Run, s5cmd: Run, files) -> None:
    bucket = ("--bucket", "witness-old")
    aws("s3", "mb", "s3://witness-old")
    aws("s3api", "put-bucket-versioning", *bucket, "--versioning-configuration", "Status=Enabled")
    aws("s3", "cp", files.big, "s3://witness-old/big")
    for content in (files.small, files.odd):
        aws("s3", "cp", content, "s3://witness-old/k", "--metadata", "station=north")
    aws("s3", "rm", "s3://witness-old/k")
    before = keys_of(s5cmd, "witness-old")

    s3portal("bucket", "rename", "witness-old", "witness-new", "--yes")

    listed = aws("s3", "ls")
    assert "witness-new" in listed
    assert "witness-old" not in listed
    assert keys_of(s5cmd, "witness-new") == before
    found = json.loads(aws("s3api", "list-object-versions", "--bucket", "witness-new", "--prefix", "k"))
    assert [each["Size"] for each in found["Versions"]] == [12, 1000]
    assert [each["IsLatest"] for each in found["DeleteMarkers"]] == [True]
    named = ("--key", "k", "--version-id", found["Versions"][1]["VersionId"])
    head = json.loads(aws("s3api", "head-object", "--bucket", "witness-new", *named))
    assert head["Metadata"] == {"station": "north"}


def test_what_was_emptied_is_empty_to_others(s3portal: Run, aws: Run, s5cmd: Run, files) -> None:
    bucket = ("--bucket", "witness-empty")
    aws("s3", "mb", "s3://witness-empty")
    aws("s3api", "put-bucket-versioning", *bucket, "--versioning-configuration", "Status=Enabled")
    s5cmd("cp", f"{files.folder}/*", "s3://witness-empty/")
    s5cmd("rm", "s3://witness-empty/*")
    aws("s3api", "create-multipart-upload", *bucket, "--key", "half")
    s3portal("bucket", "empty", "witness-empty", "--yes")
    assert json.loads(aws("s3api", "list-object-versions", *bucket) or "{}").get("Versions", []) == []
    assert "DeleteMarkers" not in json.loads(aws("s3api", "list-object-versions", *bucket) or "{}")
    assert "Uploads" not in json.loads(aws("s3api", "list-multipart-uploads", *bucket) or "{}")
    # Nothing is in its way any more.
    aws("s3", "rb", "s3://witness-empty")


def test_what_was_made_private_is_private_to_others(s3portal: Run, aws: Run, files) -> None:
    bucket = ("--bucket", "witness-acls")
    aws("s3", "mb", "s3://witness-acls")
    aws(
        "s3api", "put-bucket-ownership-controls", *bucket,
        "--ownership-controls", "Rules=[{ObjectOwnership=ObjectWriter}]",
    )  # fmt: skip
    aws("s3", "cp", files.small, "s3://witness-acls/open", "--acl", "public-read")

    def grants() -> list[str]:
        acl = json.loads(aws("s3api", "get-object-acl", *bucket, "--key", "open"))
        return sorted(grant["Permission"] for grant in acl["Grants"])

    assert grants() == ["FULL_CONTROL", "READ"]
    s3portal("bucket", "acl", "reset", "witness-acls", "--yes")
    assert grants() == ["FULL_CONTROL"]
