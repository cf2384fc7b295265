"""Encrypted bytes that were changed, moved, swapped or cut: never wrong bytes, and all checks find them."""

from __future__ import annotations

import shutil
import sqlite3

import pytest
from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError
from click.testing import CliRunner

from s3portal.server.command import server_command
from s3portal.server.kms.segments import SegmentBroken, SegmentCipher, opened
from s3portal.server.storage import damage
from s3portal.server.storage.reader import ReadingStorage
from s3portal.server.upkeep.checking import check_folder

BUCKET = "test-bucket"
SSE_C = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32}
SSE_S3 = {"ServerSideEncryption": "AES256"}
SEGMENT = 64 * 1024
CONTENT = bytes(range(256)) * 1280


def flip(stored):
    stored[SEGMENT + 5] ^= 1


def flip_in_a_tag(stored):
    stored[2 * SEGMENT - 1] ^= 0x80


def swap(stored):
    stored[:SEGMENT], stored[SEGMENT : 2 * SEGMENT] = stored[SEGMENT : 2 * SEGMENT], stored[:SEGMENT]


def repeat(stored):
    stored[SEGMENT : 2 * SEGMENT] = stored[:SEGMENT]


DAMAGES = (flip, flip_in_a_tag, swap, repeat)


@pytest.fixture
def root(tmp_path, s3_server):
    return tmp_path / "s3"


def blob_of(root):
    (path,) = [path for path in (root / "blobs").rglob("*") if path.is_file()]
    return path


def read_all(s3, **given):
    """What a client gets: bytes, or None where it is told that something is wrong."""
    try:
        return s3.get_object(Bucket=BUCKET, Key="a", **given)["Body"].read()
    except (ClientError, HTTPClientError, IncompleteReadError) as told:
        assert not isinstance(told, ClientError) or told.response["Error"]["Code"] == "InternalError"
        return None


@pytest.mark.parametrize("given", [SSE_S3, SSE_C], ids=["SSE-S3", "SSE-C"])
@pytest.mark.parametrize("make", DAMAGES)
def test_changed_and_moved_segments_are_found(s3, s3_server, root, given, make):
    key = SSE_C if given is SSE_C else {}
    s3.put_object(Bucket=BUCKET, Key="a", Body=CONTENT, **given)
    path = blob_of(root)
    stored = bytearray(path.read_bytes())
    make(stored)
    path.write_bytes(stored)

    assert read_all(s3, **key) is None
    assert read_all(s3, Range="bytes=65520-65530", **key) is None
    # What is whole is still read.
    assert read_all(s3, Range="bytes=200000-200010", **key) == CONTENT[200000:200011]
    found = check_folder(root, deep=True).findings
    assert [finding.kind for finding in found] == ["wrong-bytes"]
    s3_server.run_integrity_scan()
    with_damage = ReadingStorage(root)
    assert [one.key for one in damage.find_all(with_damage)] == ["a"]
    with_damage.close()


def test_a_part_that_was_cut_behind_a_segment_is_found(s3, root):
    """Also where its row was cut with it."""
    s3.put_object(Bucket=BUCKET, Key="a", Body=CONTENT, **SSE_S3)
    path = blob_of(root)
    path.write_bytes(path.read_bytes()[: 2 * SEGMENT])
    with sqlite3.connect(root / "metadata.sqlite3") as database:
        for table in ("parts", "objects"):
            database.execute(f"UPDATE {table} SET size_bytes = 131040")
        database.execute("UPDATE parts SET stored_size_bytes = 131072")
    assert read_all(s3) is None
    assert "wrong-bytes" in [finding.kind for finding in check_folder(root, deep=True).findings]


def test_a_segment_of_another_object_is_found(s3, root):
    s3.put_object(Bucket=BUCKET, Key="b", Body=CONTENT, **SSE_S3)
    other = blob_of(root).read_bytes()
    s3.delete_object(Bucket=BUCKET, Key="b")
    s3.put_object(Bucket=BUCKET, Key="a", Body=CONTENT, **SSE_S3)
    blob_of(root).write_bytes(other)
    assert read_all(s3) is None


def test_a_small_content_that_was_changed_is_found(s3, root):
    s3.put_object(Bucket=BUCKET, Key="a", Body=b"small", **SSE_S3)
    with sqlite3.connect(root / "metadata.sqlite3") as database:
        ((content,),) = database.execute("SELECT content FROM contents").fetchall()
        database.execute("UPDATE contents SET content = ?", (content[:-1] + bytes([content[-1] ^ 1]),))
    assert read_all(s3) is None
    assert [finding.kind for finding in check_folder(root, deep=True).findings] == ["wrong-bytes"]


def test_a_data_key_that_was_changed_or_moved_is_found(s3, root):
    s3.put_object(Bucket=BUCKET, Key="a", Body=b"small", **SSE_S3)
    with sqlite3.connect(root / "metadata.sqlite3") as database:
        ((nonce,),) = database.execute("SELECT nonce FROM parts").fetchall()
        database.execute("UPDATE parts SET nonce = ?", (bytes([nonce[0] ^ 1]) + nonce[1:],))
    assert read_all(s3) is None
    assert [finding.kind for finding in check_folder(root, deep=True).findings] == ["wrong-bytes"]


def test_whole_encrypted_objects_have_nothing_wrong(s3, s3_server, root):
    s3.put_object(Bucket=BUCKET, Key="a", Body=CONTENT, **SSE_S3)
    s3.put_object(Bucket=BUCKET, Key="b", Body=CONTENT, **SSE_C)
    s3.put_object(Bucket=BUCKET, Key="c", Body=b"", **SSE_S3)
    s3.put_object(Bucket=BUCKET, Key="d", Body=b"small", **SSE_C)
    assert check_folder(root, deep=True).findings == []
    assert check_folder(root).findings == []
    s3_server.run_integrity_scan()
    storage = ReadingStorage(root)
    assert damage.find_all(storage) == []
    storage.close()


def test_what_the_server_can_open_is_exported_and_the_rest_is_named(s3, root, tmp_path):
    s3.put_object(Bucket=BUCKET, Key="a", Body=CONTENT, **SSE_S3)
    s3.put_object(Bucket=BUCKET, Key="small", Body=b"small", **SSE_S3)
    s3.put_object(Bucket=BUCKET, Key="theirs", Body=CONTENT, **SSE_C)

    done = CliRunner().invoke(
        server_command, ["export", BUCKET, str(tmp_path / "out"), "--root", str(root)], catch_exceptions=False
    )

    assert done.exit_code == 1 and "theirs: it is encrypted with a key of the caller's" in done.output
    assert (tmp_path / "out" / "a").read_bytes() == CONTENT
    assert (tmp_path / "out" / "small").read_bytes() == b"small"


def test_a_key_that_is_kept_elsewhere_is_found_by_the_configuration(s3, s3_server, root, tmp_path):
    s3.put_object(Bucket=BUCKET, Key="a", Body=CONTENT, **SSE_S3)
    s3_server.stop()
    shutil.move(root / "master.key", tmp_path / "elsewhere")
    (tmp_path / "s3.json").write_text('{"master_key": {"file": "%s"}}' % (tmp_path / "elsewhere"))
    before = ["--config", str(tmp_path / "s3.json")]
    exporting = ["export", BUCKET, str(tmp_path / "out"), "--root", str(root)]

    assert CliRunner().invoke(server_command, exporting).exit_code == 1
    assert CliRunner().invoke(server_command, [*before, *exporting]).exit_code == 0
    assert (tmp_path / "out" / "a").read_bytes() == CONTENT


def test_files_are_imported_as_the_bucket_encrypts(s3, s3_server, root, tmp_path):
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}
    s3.put_bucket_encryption(Bucket=BUCKET, ServerSideEncryptionConfiguration={"Rules": [rule]})
    s3_server.stop()
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a").write_bytes(CONTENT)
    importing = ["import", str(tmp_path / "in"), BUCKET, "--root", str(root)]

    done = CliRunner().invoke(server_command, importing, catch_exceptions=False)

    assert done.exit_code == 0, done.output
    assert CONTENT[:1000] not in blob_of(root).read_bytes()
    assert check_folder(root, deep=True).findings == []
    where = CliRunner().invoke(server_command, ["where", f"{BUCKET}/a", "--root", str(root)])
    assert ", encrypted (SSE-KMS)" in where.output


def test_a_new_master_key_opens_all_that_the_old_one_did(s3_server, s3, root):
    s3.put_object(Bucket=BUCKET, Key="a", Body=CONTENT, **SSE_S3)
    s3.put_object(Bucket=BUCKET, Key="b", Body=CONTENT, ServerSideEncryption="aws:kms")
    s3_server.stop()
    old = (root / "master.key").read_bytes()
    done = CliRunner().invoke(server_command, ["rewrap", str(root), "--new-key"])
    assert done.exit_code == 0 and done.output.startswith("2 values"), done.output
    assert (root / "master.key").read_bytes() != old
    assert check_folder(root, deep=True).findings == []


@pytest.mark.parametrize("keys", [1, 2])
def test_no_segment_opens_at_another_place(keys):
    cipher = SegmentCipher(b"k" * 32 * keys, b"identity")
    size = 3 * cipher.segment_bytes + 1
    stored = bytearray(cipher.stored_size_bytes(size))
    plain = bytes(size)
    for index in range(4):
        start = index * cipher.segment_bytes
        piece = plain[start : start + cipher.segment_bytes]
        cipher.seal_into(index, index == 3, piece, memoryview(stored)[index * SEGMENT :])
    assert b"".join(map(bytes, opened(bytes(stored), cipher, size, 0, size))) == plain
    into = memoryview(bytearray(SEGMENT))
    for index in range(4):
        segment = bytes(stored[index * SEGMENT : (index + 1) * SEGMENT])
        for at in range(5):
            for last in (False, True):
                if (at, last) == (index, index == 3):
                    continue
                with pytest.raises(SegmentBroken):
                    cipher.open_into(at, last, segment, into)
        with pytest.raises(SegmentBroken):
            SegmentCipher(b"k" * 32 * keys, b"other").open_into(index, index == 3, segment, into)
