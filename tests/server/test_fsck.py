"""``s3portal server fsck``: what it finds in a folder, and what it repairs."""

from __future__ import annotations

import io
import json
import os
import sqlite3
import subprocess
import sys

import pytest
from click.testing import CliRunner
from s3_callers import BUCKET, MIB, client_of

from s3portal.server.command import server_command
from s3portal.server.pytest_plugin import server_config
from s3portal.server.testing import RunningServer

LARGE = os.urandom(40_000)


def fsck(root, *options):
    """Returns the exit status and the report."""
    result = CliRunner().invoke(server_command, ["fsck", str(root), "--json", *options])
    return result.exit_code, json.loads(result.output)


def kinds_of(report):
    return [finding["kind"] for finding in report["findings"]]


def change(root, statement, *values):
    connection = sqlite3.connect(root / "metadata.sqlite3")
    with connection:
        found = connection.execute(statement, values).fetchall()
    connection.close()
    return found


def blob_of(root, key):
    """Returns the path of the only file of an object."""
    ((name,),) = change(
        root, "SELECT blob FROM parts JOIN objects USING (body_id) WHERE key = ?", key.encode()
    )
    return root / "blobs" / name[:2] / name


@pytest.fixture
def root(tmp_path):
    """The folder of a server that has stopped: with small, large and multipart objects, a copy, an upload."""
    with RunningServer(tmp_path / "s3", server_config()) as server:
        s3 = client_of(server)
        s3.put_object(Bucket=BUCKET, Key="small", Body=b"0123456789")
        s3.put_object(Bucket=BUCKET, Key="empty", Body=b"")
        s3.put_object(Bucket=BUCKET, Key="large", Body=LARGE, ChecksumAlgorithm="SHA256")
        s3.copy_object(Bucket=BUCKET, Key="copy", CopySource=f"{BUCKET}/large")
        s3.put_object(Bucket=BUCKET, Key="other", Body=LARGE[::-1])
        for key, algorithm in (("composite", "CRC32"), ("whole", "CRC64NVME")):
            upload_id = s3.create_multipart_upload(Bucket=BUCKET, Key=key, ChecksumAlgorithm=algorithm)[
                "UploadId"
            ]
            place = {"Bucket": BUCKET, "Key": key, "UploadId": upload_id}
            parts = []
            for number, body in ((3, LARGE * 150), (7, b"end")):
                part = s3.upload_part(
                    PartNumber=number, Body=io.BytesIO(body), ChecksumAlgorithm=algorithm, **place
                )
                checksum = f"Checksum{algorithm}"
                parts.append({"PartNumber": number, "ETag": part["ETag"], checksum: part[checksum]})
            s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, **place)
        upload_id = s3.create_multipart_upload(Bucket=BUCKET, Key="unfinished")["UploadId"]
        s3.upload_part(Bucket=BUCKET, Key="unfinished", UploadId=upload_id, PartNumber=2, Body=LARGE)
    return tmp_path / "s3"


class TestCheck:
    def test_a_folder_in_order_is_clean(self, root):
        status, report = fsck(root, "--deep")
        assert (status, report["clean"], report["findings"]) == (0, True, [])
        checked = report["checked"]
        assert (checked["objects"], checked["uploads"], checked["bytes_read"] > 12_000_000) == (7, 1, True)

    def test_it_says_in_words_what_it_did(self, root):
        blob_of(root, "other").unlink()
        result = CliRunner().invoke(server_command, ["fsck", str(root)])
        assert result.exit_code == 1
        assert f"bytes-missing: {BUCKET}/other: the file of its only part is missing" in result.output
        assert "Checked 7 objects" in result.output
        assert "1 findings." in result.output

    @pytest.mark.parametrize("key", ["large", "other", "composite"])
    def test_a_missing_file_is_found(self, root, key):
        ((name,),) = change(
            root,
            "SELECT blob FROM parts JOIN objects USING (body_id) WHERE key = ? AND blob IS NOT NULL",
            key.encode(),
        )
        (root / "blobs" / name[:2] / name).unlink()
        status, report = fsck(root)
        keys = {"large": ["copy", "large"]}.get(key, [key])
        assert (status, kinds_of(report)) == (1, ["bytes-missing"] * len(keys))
        assert [finding["key"] for finding in report["findings"]] == keys

    def test_a_file_of_another_size_is_found_without_reading(self, root):
        path = blob_of(root, "other")
        os.truncate(path, 39_999)
        status, report = fsck(root)
        assert (status, kinds_of(report)) == (1, ["wrong-size"])
        assert "has 39999 bytes, its row says 40000" in report["findings"][0]["message"]

    def test_a_flipped_bit_is_found_by_reading_and_named(self, root):
        path = blob_of(root, "other")
        with path.open("r+b") as file:
            file.seek(20_000)
            byte = file.read(1)
            file.seek(20_000)
            file.write(bytes((byte[0] ^ 1,)))
        assert fsck(root)[0] == 0
        status, report = fsck(root, "--deep")
        assert (status, kinds_of(report)) == (1, ["wrong-bytes"])
        assert (report["findings"][0]["bucket"], report["findings"][0]["key"]) == (BUCKET, "other")

    def test_a_changed_content_in_the_database_is_found(self, root):
        change(root, "UPDATE contents SET content = X'30313233343536373838' WHERE length(content) = 10")
        status, report = fsck(root, "--deep")
        assert (status, kinds_of(report), report["findings"][0]["key"]) == (1, ["wrong-bytes"], "small")

    @pytest.mark.parametrize(
        ("statement", "kind"),
        [
            ("UPDATE objects SET size_bytes = 9 WHERE key = CAST('small' AS BLOB)", "inconsistent-rows"),
            (
                "UPDATE objects SET etag = 'ff' || substr(etag, 3) WHERE key = CAST('whole' AS BLOB)",
                "inconsistent-rows",
            ),
            ("UPDATE parts SET start = start + 1 WHERE part_number = 7", "inconsistent-rows"),
            ("DELETE FROM contents WHERE length(content) = 10", "bytes-missing"),
            ("UPDATE objects SET bucket_id = 99 WHERE key = CAST('small' AS BLOB)", "inconsistent-rows"),
            (
                "UPDATE objects SET checksum_value = 'AAAA-2' WHERE checksum_type = 'COMPOSITE'",
                "inconsistent-rows",
            ),
        ],
    )
    def test_rows_that_contradict_each_other_are_found(self, root, statement, kind):
        change(root, statement)
        status, report = fsck(root, "--deep")
        assert status == 1
        assert kind in kinds_of(report)

    def test_a_damaged_database_is_a_finding(self, root):
        size = (root / "metadata.sqlite3").stat().st_size
        with (root / "metadata.sqlite3").open("r+b") as file:
            for page in range(8192, size, 8192):
                file.seek(page)
                file.write(os.urandom(400))
        status, report = fsck(root)
        assert status == 1
        assert set(kinds_of(report)) == {"database-damaged"}

    def test_the_folder_of_the_server_need_not_be_named_again(self, root):
        for words in (["--root", str(root), "fsck"], ["fsck", "--root", str(root)]):
            result = CliRunner().invoke(server_command, words)
            assert (result.exit_code, "Nothing is wrong" in result.output) == (0, True)

    def test_the_folder_is_named_once(self, root):
        result = CliRunner().invoke(server_command, ["fsck", str(root), "--root", str(root)])
        assert (result.exit_code, "Name the folder once" in result.output) == (2, True)

    def test_what_is_no_folder_of_a_server_cannot_be_checked(self, tmp_path):
        result = CliRunner().invoke(server_command, ["fsck", str(tmp_path / "nothing")])
        assert result.exit_code == 2
        assert "is not the folder of a server" in result.output
        assert not (tmp_path / "nothing").exists()

    def test_an_earlier_schema_is_left_as_it_is(self, root):
        change(root, "PRAGMA user_version = 1")
        result = CliRunner().invoke(server_command, ["fsck", str(root)])
        assert result.exit_code == 2
        assert "Start this version's server once" in result.output
        assert change(root, "PRAGMA user_version") == [(1,)]


class TestBesideAServer:
    def test_a_running_server_is_checked_and_not_repaired(self, s3_server, s3, tmp_path):
        root = tmp_path / "s3"
        s3.put_object(Bucket=BUCKET, Key="large", Body=LARGE)
        status, report = fsck(root, "--deep")
        assert (status, report["server_running"]) == (0, True)
        refused = CliRunner().invoke(server_command, ["fsck", str(root), "--apply"])
        assert refused.exit_code == 2
        assert "stop it first" in refused.output
        assert s3.get_object(Bucket=BUCKET, Key="large")["Body"].read() == LARGE

    def test_what_is_being_stored_is_no_debris(self, s3_server, s3, tmp_path):
        root = tmp_path / "s3"
        storage = s3_server._server.storage
        name = f"{'a' * 32}.1.{'b' * 8}"
        (root / "blobs" / "aa").mkdir()
        (root / "blobs" / "aa" / name).write_bytes(b"not committed yet")
        assert kinds_of(fsck(root)[1]) == ["unknown-blob"]
        storage.leases.acquire(name)
        # In a process of its own, as it always is: a process does not see its own locks.
        command = [sys.executable, "-m", "s3portal.server", "fsck", root, "--json"]
        beside = subprocess.run(command, check=False, capture_output=True, text=True)
        storage.leases.release(name)
        assert (beside.returncode, json.loads(beside.stdout)["findings"]) == (0, [])


class TestRepair:
    def test_a_file_of_nothing_is_kept_in_lost_and_found_and_put_back_when_its_row_is(self, root):
        before = change(root, "SELECT * FROM objects WHERE key = CAST('other' AS BLOB)")
        name = blob_of(root, "other").name
        saved = (root / "metadata.sqlite3").read_bytes()
        change(root, "DROP TRIGGER blob_doomed")
        change(root, "DELETE FROM parts WHERE blob = ?", name)
        change(root, "DELETE FROM objects WHERE key = CAST('other' AS BLOB)")
        assert before
        status, report = fsck(root, "--apply")
        assert (status, kinds_of(report)) == (0, ["unknown-blob"])
        assert (root / "lost+found" / name).read_bytes() == LARGE[::-1]
        assert fsck(root)[0] == 0
        (root / "metadata.sqlite3").write_bytes(saved)
        assert kinds_of(fsck(root)[1]) == ["bytes-missing"]
        status, report = fsck(root, "--apply")
        assert (status, report["findings"][0]["repaired"]) == (
            0,
            "the file was in lost+found and is back in its place",
        )
        assert fsck(root, "--deep")[0] == 0

    def test_what_a_killed_writer_left_is_removed(self, root):
        (root / "incoming" / f"{'a' * 32}.1.{'b' * 8}").write_bytes(b"half")
        assert kinds_of(fsck(root)[1]) == ["incoming-file"]
        assert fsck(root, "--apply")[0] == 0
        assert not [*(root / "incoming").iterdir()]

    def test_a_doomed_file_is_removed(self, root):
        name = f"{'a' * 32}.1.{'b' * 8}"
        (root / "blobs" / "aa").mkdir(exist_ok=True)
        (root / "blobs" / "aa" / name).write_bytes(b"deleted")
        change(root, "INSERT INTO doomed VALUES (?, ?, 0)", name, "a" * 32)
        assert kinds_of(fsck(root)[1]) == ["doomed-blob"]
        assert fsck(root, "--apply")[0] == 0
        assert not (root / "blobs" / "aa" / name).exists()

    def test_counters_are_counted_again(self, root):
        right = change(root, "SELECT * FROM usage")
        change(root, "UPDATE usage SET objects = objects + 1, upload_bytes = 0")
        status, report = fsck(root)
        assert (status, kinds_of(report)) == (1, ["wrong-counter"])
        assert "objects 7, not 8" in report["findings"][0]["message"]
        assert fsck(root, "--apply")[0] == 0
        assert change(root, "SELECT * FROM usage") == right

    def test_counters_of_users_are_counted_again(self, root):
        right = change(root, "SELECT * FROM user_usage")
        assert right
        change(root, "UPDATE user_usage SET bytes = bytes + 1")
        change(root, "INSERT INTO user_usage VALUES ('arn:aws:iam::000000000000:user/gone', 1, 1, 1)")
        status, report = fsck(root)
        assert (status, kinds_of(report)) == (1, ["wrong-counter"] * (len(right) + 1))
        assert "user/gone" in report["findings"][-1]["message"] + report["findings"][0]["message"]
        assert fsck(root, "--apply")[0] == 0
        assert change(root, "SELECT * FROM user_usage") == right

    def test_contents_and_parts_of_nothing_are_kept_in_lost_and_found(self, root):
        blob = blob_of(root, "other").name
        change(root, "INSERT INTO contents (content) VALUES (X'6162')")
        change(root, "DELETE FROM objects WHERE key IN (CAST('other' AS BLOB), CAST('small' AS BLOB))")
        change(root, "INSERT INTO bucket_settings VALUES (99, 'cors', '[]')")
        status, report = fsck(root, "--apply")
        assert status == 0
        assert sorted(kinds_of(report)) == [
            "unknown-bucket",
            "unknown-content",
            "unknown-parts",
            "unknown-parts",
        ]
        kept = {path.name: path.read_bytes() for path in (root / "lost+found").iterdir()}
        assert kept.pop(blob) == LARGE[::-1]
        assert sorted(kept.values()) == [b"0123456789", b"ab"]
        # The files that went with their rows are doomed now, as after any deletion.
        assert kinds_of(fsck(root)[1]) == ["doomed-blob"]

    def test_what_cannot_be_repaired_stays_and_is_said(self, root):
        blob_of(root, "other").unlink()
        status, report = fsck(root, "--apply")
        assert (status, "repaired" in report["findings"][0]) == (1, False)
        assert "store the object again" in report["findings"][0]["fix"]
        assert change(root, "SELECT count(*) FROM objects") == [(7,)]

    def test_a_server_starts_in_a_repaired_folder(self, root):
        change(root, "UPDATE usage SET objects = 0")
        (root / "incoming" / f"{'a' * 32}.1.{'b' * 8}").write_bytes(b"half")
        assert fsck(root, "--apply")[0] == 0
        with RunningServer(root, server_config()) as server:
            body = client_of(server).get_object(Bucket=BUCKET, Key="composite")["Body"].read()
            assert len(body) == 6_000_003 > 5 * MIB
