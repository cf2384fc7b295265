"""RenameObject: one object, a new key, nothing else changes; whole or not at all."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from s3_callers import BUCKET, MIB, client_allowed, code_of, refusal_of, signed_send

from s3portal.server.storage import renaming, usage

TARGET = {"Bucket": BUCKET, "Key": "new é+ name"}


@pytest.fixture
def stored(s3):
    return s3.put_object(
        Bucket=BUCKET, Key="old é", Body=b"x" * MIB, Metadata={"a": "1"}, Tagging="t=1", ContentType="text/x"
    )


def rename(s3, **options):
    return s3.rename_object(**{**TARGET, "RenameSource": "old%20%C3%A9", **options})


def test_everything_moves_along_and_nothing_is_left(s3_server, s3, stored):
    before = s3.head_object(Bucket=BUCKET, Key="old é", ChecksumMode="ENABLED")
    rename(s3)
    after = s3.head_object(**TARGET, ChecksumMode="ENABLED")
    for answer in (before, after):
        del answer["ResponseMetadata"]
    assert after == before
    assert s3.get_object(**TARGET)["Body"].read() == b"x" * MIB
    assert s3.get_object_tagging(**TARGET)["TagSet"] == [{"Key": "t", "Value": "1"}]
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=BUCKET)["Contents"]] == [TARGET["Key"]]
    storage = s3_server._server.storage
    assert usage.of_bucket(storage, BUCKET) == usage.recounted(storage, BUCKET)


def test_what_had_the_name_is_gone_with_its_bytes(s3, stored, tmp_path):
    s3.put_object(**TARGET, Body=b"y" * MIB)
    rename(s3)
    assert s3.get_object(**TARGET)["Body"].read() == b"x" * MIB
    assert len([path for path in (tmp_path / "s3" / "blobs").rglob("*") if path.is_file()]) == 1


def test_conditions_of_the_source(s3, stored):
    past, future = (datetime.now(timezone.utc) + timedelta(days=days) for days in (-1, 1))
    for wrong in (
        {"SourceIfMatch": '"other"'},
        {"SourceIfNoneMatch": stored["ETag"]},
        {"SourceIfNoneMatch": "*"},
        {"SourceIfModifiedSince": future},
        {"SourceIfUnmodifiedSince": past},
    ):
        assert code_of(rename, s3=s3, **wrong) == "PreconditionFailed", wrong
    right = {"SourceIfMatch": stored["ETag"], "SourceIfModifiedSince": past}
    rename(s3, **right)


def test_conditions_of_the_target(s3, stored):
    past, future = (datetime.now(timezone.utc) + timedelta(days=days) for days in (-1, 1))
    assert code_of(rename, s3=s3, DestinationIfMatch='"any"') == "PreconditionFailed"
    assert code_of(rename, s3=s3, DestinationIfModifiedSince=past) == "PreconditionFailed"
    etag = s3.put_object(**TARGET, Body=b"y")["ETag"]
    for wrong in (
        {"DestinationIfNoneMatch": "*"},
        {"DestinationIfMatch": '"other"'},
        {"DestinationIfModifiedSince": future},
        {"DestinationIfUnmodifiedSince": past},
    ):
        assert code_of(rename, s3=s3, **wrong) == "PreconditionFailed", wrong
    assert s3.get_object(**TARGET)["Body"].read() == b"y"
    rename(s3, DestinationIfMatch=etag)


def test_who_repeats_a_request_by_its_token_gets_the_same_answer(s3, stored):
    rename(s3, ClientToken="once")
    rename(s3, ClientToken="once")
    assert code_of(rename, s3=s3, ClientToken="other") == "NoSuchKey"
    mismatch = refusal_of(rename, s3=s3, ClientToken="once", Key="elsewhere")
    assert (mismatch.status, mismatch.code) == (400, "IdempotencyParameterMismatch")


@pytest.mark.parametrize("before", [f"{BUCKET}/", f"/{BUCKET}/"])
def test_a_source_may_name_its_bucket_where_nothing_is_called_so(s3, stored, before):
    s3.put_object(Bucket=BUCKET, Key=f"{before}taken", Body=b"long")
    s3.put_object(Bucket=BUCKET, Key="taken", Body=b"short")
    rename(s3, RenameSource=f"{before}taken")
    assert s3.get_object(**TARGET)["Body"].read() == b"long"
    rename(s3, RenameSource=f"{before}old%20%C3%A9", ClientToken="once")
    rename(s3, RenameSource=f"{before}old%20%C3%A9", ClientToken="once")
    assert s3.get_object(**TARGET)["Body"].read() == b"x" * MIB
    for elsewhere in ("another-bucket/taken", before, f"x/{BUCKET}/taken"):
        assert code_of(rename, s3=s3, RenameSource=elsewhere) == "NoSuchKey"


def test_what_cannot_be_renamed(s3_server, s3, stored):
    assert code_of(rename, s3=s3, RenameSource="nothing") == "NoSuchKey"
    assert code_of(rename, s3=s3, Key="old é") == "InvalidRequest"
    assert code_of(rename, s3=s3, RenameSource="%ff") == "InvalidArgument"
    assert signed_send(s3_server, "PUT", f"/{BUCKET}/x?renameObject")[0] == 400
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    assert code_of(rename, s3=s3) == "InvalidRequest"


def test_versioning_that_is_turned_on_meanwhile_is_noticed(s3_server, s3, stored, monkeypatch):
    """Between the decision, which reads the bucket, and the change itself."""
    rename_stored = renaming.rename

    def turn_on_first(*arguments):
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        rename_stored(*arguments)

    monkeypatch.setattr(renaming, "rename", turn_on_first)
    assert code_of(rename, s3=s3) == "InvalidRequest"
    assert s3.get_object(Bucket=BUCKET, Key="old é")["Body"].read() == b"x" * MIB


@pytest.mark.parametrize("missing", ["s3:PutObject", "s3:GetObject", "s3:DeleteObject"])
def test_it_needs_all_three_permissions(s3_server, s3, stored, missing):
    actions = {"s3:PutObject", "s3:GetObject", "s3:DeleteObject"} - {missing}
    assert code_of(rename, s3=client_allowed(s3_server, *actions)) == "AccessDenied"
