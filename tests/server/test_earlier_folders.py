"""A folder that an earlier release wrote is read as if this one had written it."""

from __future__ import annotations

import pytest
from earlier_folder import SCHEMAS, ask_again, recorded, unpack
from s3_callers import BUCKET, client_of

from s3portal.server.pytest_plugin import server_config
from s3portal.server.testing import RunningServer


@pytest.fixture(params=SCHEMAS)
def folder(request, tmp_path):
    unpack(tmp_path, request.param)
    return tmp_path


def as_then():
    """The configuration of the tests, but the buckets keep the CORS rules that they have."""
    config = server_config()
    for bucket in config["buckets"]:
        del bucket["cors"]
    return config


def test_everything_is_answered_as_the_release_that_wrote_it_did(folder):
    exchanges = recorded(folder)["exchanges"]
    assert len(exchanges) > 100
    with RunningServer(folder / "s3", as_then()) as server:
        for exchange in exchanges:
            assert ask_again(server, exchange) == exchange


def test_unfinished_uploads_are_finished(folder):
    with RunningServer(folder / "s3", as_then()) as server:
        s3 = client_of(server, "admin")
        for upload in recorded(folder)["uploads"]:
            target = {name: upload[name] for name in ("Bucket", "Key", "UploadId")}
            sums = {"ChecksumAlgorithm": "SHA1"} if any("ChecksumSHA1" in p for p in upload["Parts"]) else {}
            last = s3.upload_part(**target, PartNumber=10, Body=b"last", **sums)
            given = {"PartNumber": 10, "ETag": last["ETag"]}
            given |= {name: value for name, value in last.items() if name == "ChecksumSHA1"}
            # Only the last part may be small.
            parts = [*upload["Parts"][:1], given]
            s3.complete_multipart_upload(**target, MultipartUpload={"Parts": parts})
            found = s3.get_object(Bucket=upload["Bucket"], Key=upload["Key"])
            assert found["Body"].read()[-4:] == b"last"
            assert found["Metadata"] == {"of": upload["Key"]}
        assert "Uploads" not in s3.list_multipart_uploads(Bucket=BUCKET)


def test_what_the_kill_left_is_removed(folder):
    root = folder / "s3"
    assert any((root / "incoming").iterdir())
    before = {path.name for path in (root / "blobs").rglob("*") if path.is_file()}
    with RunningServer(root, as_then()) as server:
        with server._server.storage.database.read() as connection:
            known = {blob for (blob,) in connection.execute("SELECT blob FROM parts WHERE blob IS NOT NULL")}
        assert {path.name for path in (root / "blobs").rglob("*") if path.is_file()} == known
    # The three parts of the object that was read while it was replaced.
    assert len(before - known) == 3
    assert not any((root / "incoming").iterdir())
