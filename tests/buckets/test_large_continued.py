"""A large file that was under way when a run was killed or interrupted is continued, not begun again."""

import os
import random

import pytest
from bucket_commands import files, operations
from killed_commands import PART_BYTES, run_interrupted, run_killed, small_parts

MIB = 1024 * 1024
#: The least that S3 takes.
PART = 5 * MIB
CONTENT = random.Random(13).randbytes(6 * PART - 7)
#: Parts, or ranges, that are through when a run is killed; four are under way then.
PASSED = 2


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch):
    monkeypatch.setenv(PART_BYTES, str(PART))
    with small_parts(PART):
        yield


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "large").write_bytes(CONTENT)
    return folder


@pytest.fixture
def killed(server):
    """Kills a command once ``PASSED`` calls of an operation are through, and the next four are waiting."""

    def run(operation, *arguments):
        hold = server.faults.hold(operation, after=PASSED)
        words = [str(word) for word in arguments]
        assert run_killed(words, dict(os.environ), lambda: hold.held >= 4)
        server.faults.clear()
        server.wait_until_idle()

    return run


def uploads(client, bucket="files"):
    return client.list_multipart_uploads(Bucket=bucket).get("Uploads", [])


def content(client, key, bucket="files"):
    return client.get_object(Bucket=bucket, Key=key)["Body"].read()


@pytest.mark.parametrize("command", ["sync", "cp"])
def test_an_upload_is_taken_up_after_a_kill(s3portal, server, client, source, killed, command):
    words = (
        ("sync", source, "s3://files") if command == "sync" else ("cp", source / "large", "s3://files/large")
    )
    killed("UploadPart", *words)
    assert len(uploads(client)) == 1
    sent = client.list_parts(Bucket="files", Key="large", UploadId=uploads(client)[0]["UploadId"])["Parts"]
    before = len(server.requests)
    said = s3portal(*words)
    assert said.code == 0, said.err
    counted = operations(server, before)
    assert len(sent) >= PASSED
    assert counted["UploadPart"] == 6 - len(sent)
    assert counted["CreateMultipartUpload"] == 0
    assert content(client, "large") == CONTENT
    assert uploads(client) == []


def test_of_a_file_that_changed_meanwhile_nothing_is_taken_up(s3portal, server, client, source, killed):
    killed("UploadPart", "sync", source, "s3://files")
    (source / "large").write_bytes(CONTENT[::-1])
    before = len(server.requests)
    assert s3portal("sync", source, "s3://files").code == 0
    assert operations(server, before)["UploadPart"] == 6
    assert content(client, "large") == CONTENT[::-1]
    assert uploads(client) == []


def test_a_part_whose_content_is_another_by_now_is_sent_again(s3portal, server, client, source, killed):
    """Written in place, with its time put back: only reading it again tells."""
    killed("UploadPart", "sync", source, "s3://files")
    path = source / "large"
    status = path.stat()
    changed = bytes([CONTENT[0] ^ 1]) + CONTENT[1:]
    path.write_bytes(changed)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert s3portal("sync", source, "s3://files").code == 0
    assert content(client, "large") == changed


def test_an_upload_that_is_gone_is_begun_again(s3portal, server, client, source, killed):
    killed("UploadPart", "sync", source, "s3://files")
    client.abort_multipart_upload(Bucket="files", Key="large", UploadId=uploads(client)[0]["UploadId"])
    assert s3portal("sync", source, "s3://files").code == 0
    assert content(client, "large") == CONTENT


def test_other_headers_are_another_upload(s3portal, server, client, source, killed):
    killed("UploadPart", "sync", source, "s3://files")
    assert s3portal("sync", source, "s3://files", "--content-type", "text/x").code == 0
    assert client.head_object(Bucket="files", Key="large")["ContentType"] == "text/x"
    assert uploads(client) == []


def test_without_a_place_to_note_it_an_upload_is_begun_again(
    s3portal, client, source, killed, monkeypatch, tmp_path
):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    killed("UploadPart", "sync", source, "s3://files")
    assert s3portal("sync", source, "s3://files").code == 0
    assert content(client, "large") == CONTENT


def test_a_copy_in_parts_is_taken_up(s3portal, server, client, source, killed):
    client.create_bucket(Bucket="other")
    s3portal("sync", source, "s3://files", "--content-type", "text/x")
    killed("UploadPartCopy", "sync", "s3://files", "s3://other")
    before = len(server.requests)
    assert s3portal("sync", "s3://files", "s3://other").code == 0
    assert operations(server, before)["UploadPartCopy"] <= 6 - PASSED
    assert content(client, "large", "other") == CONTENT
    assert client.head_object(Bucket="other", Key="large")["ContentType"] == "text/x"
    assert uploads(client, "other") == []


def test_what_goes_from_store_to_store_is_taken_up(s3portal, server, client, other_store, source, killed):
    other_store.put_object(Bucket="elsewhere", Key="large", Body=CONTENT)
    words = ("sync", "s3://elsewhere", "s3://files", "--source-profile", "other")
    killed("UploadPart", *words)
    before = len(server.requests)
    assert s3portal(*words).code == 0
    assert operations(server, before)["UploadPart"] <= 6 - PASSED
    assert content(client, "large") == CONTENT


@pytest.mark.parametrize("command", ["sync", "cp"])
def test_a_download_is_continued_after_a_kill(s3portal, server, client, source, killed, tmp_path, command):
    client.put_object(Bucket="files", Key="large", Body=CONTENT)
    down = tmp_path / "down"
    words = ("sync", "s3://files", down) if command == "sync" else ("cp", "s3://files/large", down / "large")
    killed("GetObject", *words)
    assert not (down / "large").exists()
    before = len(server.requests)
    said = s3portal(*words)
    assert said.code == 0, said.err
    assert operations(server, before)["GetObject"] == 6 - PASSED
    assert (down / "large").read_bytes() == CONTENT
    assert files(down) == ["large"]


def test_of_an_object_that_changed_meanwhile_nothing_is_kept(
    s3portal, server, client, source, killed, tmp_path
):
    client.put_object(Bucket="files", Key="large", Body=CONTENT)
    killed("GetObject", "sync", "s3://files", tmp_path / "down")
    client.put_object(Bucket="files", Key="large", Body=CONTENT[::-1])
    assert s3portal("sync", "s3://files", tmp_path / "down").code == 0
    assert (tmp_path / "down" / "large").read_bytes() == CONTENT[::-1]
    assert files(tmp_path / "down") == ["large"]


def test_a_damaged_beginning_is_found_and_fetched_again(s3portal, client, source, killed, tmp_path):
    client.put_object(Bucket="files", Key="large", Body=CONTENT)
    killed("GetObject", "sync", "s3://files", tmp_path / "down")
    (partial,) = [name for name in files(tmp_path / "down") if "large" in name and ".ranges" not in name]
    path = tmp_path / "down" / partial
    path.write_bytes(bytes(len(CONTENT)))
    said = s3portal("sync", "s3://files", tmp_path / "down")
    assert said.code == 1
    assert "what a run before had fetched was damaged" in said.err
    assert not (tmp_path / "down" / "large").exists()
    assert s3portal("sync", "s3://files", tmp_path / "down").code == 0
    assert (tmp_path / "down" / "large").read_bytes() == CONTENT


def test_a_planted_link_leads_no_download_elsewhere(s3portal, client, source, killed, tmp_path):
    client.put_object(Bucket="files", Key="large", Body=CONTENT)
    killed("GetObject", "sync", "s3://files", tmp_path / "down")
    precious = tmp_path / "precious"
    precious.write_bytes(b"precious")
    for name in files(tmp_path / "down"):
        (tmp_path / "down" / name).unlink()
        (tmp_path / "down" / name).symlink_to(precious)
    assert s3portal("sync", "s3://files", tmp_path / "down").code == 1
    assert precious.read_bytes() == b"precious"


def test_a_refusal_that_lasts_leaves_no_upload_behind(s3portal, server, client, source):
    server.faults.add("UploadPart", status=400, code="InvalidRequest")
    assert s3portal("sync", source, "s3://files").code == 1
    server.faults.clear()
    assert uploads(client) == []


def test_an_object_whose_completion_was_answered_to_nobody_is_there(
    s3portal, server, client, source, monkeypatch
):
    monkeypatch.setattr("s3portal.buckets.direct.sending.time.sleep", lambda _: None)
    server.faults.add("CompleteMultipartUpload", lose_answer=True, first=1)
    said = s3portal("sync", source, "s3://files")
    assert said.code == 0, said.err
    assert content(client, "large") == CONTENT


@pytest.mark.parametrize(
    ("operation", "target"), [("UploadPart", "s3://files"), ("UploadPartCopy", "s3://other")]
)
def test_ctrl_c_begins_no_other_part_and_the_next_run_continues(
    s3portal, server, client, source, operation, target
):
    (source / "large").write_bytes(CONTENT + CONTENT)
    client.create_bucket(Bucket="other")
    if target == "s3://other":
        s3portal("sync", source, "s3://files")
    place = "s3://files" if target == "s3://other" else str(source)
    hold = server.faults.hold(operation, after=PASSED)
    before = len(server.requests)
    code = run_interrupted(["sync", place, target], dict(os.environ), lambda: hold.held >= 4, hold.release)
    server.wait_until_idle()
    assert code == 130
    assert operations(server, before)[operation] < 12
    said = s3portal("sync", place, target)
    assert said.code == 0, said.err
    assert operations(server, before)[operation] <= 12 + 4
    assert content(client, "large", target.removeprefix("s3://")) == CONTENT + CONTENT
    assert uploads(client, target.removeprefix("s3://")) == []
