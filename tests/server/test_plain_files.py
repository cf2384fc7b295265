"""``s3portal server where``, ``export`` and ``import``: between objects and plain files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timezone
from pathlib import Path

import pytest
from click.testing import CliRunner
from s3_callers import BUCKET, client_of

from s3portal.server.command import server_command
from s3portal.server.pytest_plugin import server_config
from s3portal.server.storage.reader import ReadingStorage
from s3portal.server.storage.storage import Storage
from s3portal.server.testing import RunningServer
from s3portal.server.upkeep import exporting, importing
from s3portal.server.upkeep.importing import content_type_of, import_folder
from s3portal.server.upkeep.plain_names import refusal

LARGE = os.urandom(40_000)


def run(root, *arguments):
    """Runs a command on a folder, in a process of its own, beside the server if there is one."""
    command = [sys.executable, "-m", "s3portal.server", "--root", root, *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def odd_files(folder):
    lines = (folder / ".s3portal-export" / "odd.jsonl").read_text().splitlines()
    return {entry["key"]: entry for entry in map(json.loads, lines)}


def files_below(folder):
    """The plain files of an export, by path, without its own folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".s3portal-export" not in path.parts
    }


@pytest.fixture
def root(tmp_path):
    return tmp_path / "s3"


class TestReplacedMeanwhile:
    def test_what_is_there_now_is_exported(self, s3_server, s3, root, tmp_path, monkeypatch):
        """The parts of an object are gone in the moment between two looks at it."""
        s3.put_object(Bucket=BUCKET, Key="k", Body=LARGE)
        changes = [lambda: s3.put_object(Bucket=BUCKET, Key="k", Body=b"new" * 30_000)]
        find_parts = exporting.parts_between

        def replace_first(*arguments):
            if changes:
                changes.pop()()
            return find_parts(*arguments)

        monkeypatch.setattr(exporting, "parts_between", replace_first)
        storage = ReadingStorage(root)
        done = exporting.export_bucket(storage, BUCKET, tmp_path / "out")
        storage.close()
        assert (done.failed, done.files) == ([], 1)
        assert files_below(tmp_path / "out") == {"k": b"new" * 30_000}

    def test_what_is_damaged_is_said(self, s3_server, s3, root, tmp_path):
        s3.put_object(Bucket=BUCKET, Key="k", Body=LARGE)
        (blob,) = (path for path in (root / "blobs").rglob("*") if path.is_file())
        blob.write_bytes(b"x" * len(LARGE))
        storage = ReadingStorage(root)
        done = exporting.export_bucket(storage, BUCKET, tmp_path / "out")
        storage.close()
        assert "have changed since they were stored" in done.failed[0]


class TestWhere:
    def test_it_names_the_files_of_an_object_beside_a_running_server(self, s3_server, s3, root):
        s3.put_object(Bucket=BUCKET, Key="a/large.bin", Body=LARGE, ContentType="text/x-river")
        found = run(root, "where", f"{BUCKET}/a/large.bin")
        assert found.returncode == 0, found.stderr
        assert "version null (current): 40,000 bytes, text/x-river" in found.stdout
        path = found.stdout.rsplit(": ", 1)[1].strip()
        assert Path(path).read_bytes() == LARGE

    def test_a_small_object_is_in_the_database(self, s3_server, s3, root):
        s3.put_object(Bucket=BUCKET, Key="small", Body=b"0123456789")
        assert "bytes 0-9: in the database" in run(root, "where", f"s3://{BUCKET}/small").stdout
        (version,) = json.loads(run(root, "where", f"{BUCKET}/small", "--json").stdout)
        assert (version["size_bytes"], version["places"][0]["file"]) == (10, None)

    @pytest.mark.parametrize(
        ("name", "status", "sentence"),
        [
            (f"{BUCKET}/nothing", 1, "There is no object"),
            ("no-such-bucket/key", 2, "no-such-bucket"),
            ("bucket", 2, "name the object as BUCKET/KEY"),
        ],
    )
    def test_what_is_not_there_is_said(self, s3_server, root, name, status, sentence):
        found = run(root, "where", name)
        assert (found.returncode, sentence in found.stderr) == (status, True)


KEYS = {
    "plain.txt": b"plain",
    "folder/inner/deep.txt": LARGE,
    "folder/": b"",
    "empty/": b"",
    "name with spaces and ümlaut.txt": b"u",
    "both": b"a file and a folder",
    "both/below": b"below",
    "../escape": b"up",
    "a/../../b": b"up",
    "//double": b"slashes",
    "/rooted": b"root",
    "trailing/content/": b"content behind a slash",
    "dot/./dot": b"dot",
    "line\nbreak": b"control",
    "n" * 300: b"long name",
    ".s3portal-export/bucket": b"hostile",
}
ODD = {
    "both",
    "../escape",
    "a/../../b",
    "//double",
    "/rooted",
    "trailing/content/",
    "dot/./dot",
    "line\nbreak",
    "n" * 300,
    ".s3portal-export/bucket",
}


class TestExport:
    def fill(self, s3, keys=KEYS):
        for key, body in keys.items():
            s3.put_object(Bucket=BUCKET, Key=key, Body=body)

    def test_every_key_gets_a_file_inside_the_folder(self, s3_server, s3, root, tmp_path):
        self.fill(s3)
        out = tmp_path / "below" / "out"
        result = run(root, "export", BUCKET, out)
        assert result.returncode == 0, result.stderr
        plain = {key: body for key, body in KEYS.items() if key not in ODD and not key.endswith("/")}
        assert files_below(out) == plain
        assert (out / "empty").is_dir()
        odd = odd_files(out)
        assert set(odd) == ODD
        for key, entry in odd.items():
            assert (out / entry["file"]).read_bytes() == KEYS[key]
        assert sorted(path.name for path in tmp_path.rglob("*escape*")) == []

    def test_times_are_those_of_the_objects_and_a_second_run_writes_nothing(
        self, s3_server, s3, root, tmp_path
    ):
        self.fill(s3)
        run(root, "export", BUCKET, tmp_path / "out")
        stored = s3.head_object(Bucket=BUCKET, Key="plain.txt")["LastModified"].astimezone(timezone.utc)
        assert int((tmp_path / "out" / "plain.txt").stat().st_mtime) == int(stored.timestamp())
        again = run(root, "export", BUCKET, tmp_path / "out")
        assert again.stdout.startswith(f"0 objects written (0 bytes), {len(KEYS)} were there already")
        s3.put_object(Bucket=BUCKET, Key="plain.txt", Body=b"newer")
        assert run(root, "export", BUCKET, tmp_path / "out").stdout.startswith("1 objects written (5 bytes)")
        assert (tmp_path / "out" / "plain.txt").read_bytes() == b"newer"

    def test_portable_names_differ_in_more_than_case(self, s3_server, s3, root, tmp_path):
        keys = {"Data/x": b"1", "data/y": b"2", "a": b"3", "A": b"4", "CON.txt": b"5", "dot.": b"6"}
        self.fill(s3, keys)
        assert run(root, "export", "--portable", BUCKET, tmp_path / "out").returncode == 0
        kept = files_below(tmp_path / "out")
        # Keys are in the order of their bytes: capitals come first.
        assert kept == {"Data/x": b"1", "A": b"4"}
        odd = odd_files(tmp_path / "out")
        assert {key: (tmp_path / "out" / odd[key]["file"]).read_bytes() for key in odd} == {
            key: keys[key] for key in ("data/y", "a", "CON.txt", "dot.")
        }

    def test_a_folder_with_something_else_in_it_is_left_alone(self, s3_server, s3, root, tmp_path):
        self.fill(s3, {"mine": b"object"})
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "mine").write_bytes(b"somebody's file")
        refused = run(root, "export", BUCKET, tmp_path / "out")
        assert (refused.returncode, "is not empty" in refused.stderr) == (2, True)
        assert (tmp_path / "out" / "mine").read_bytes() == b"somebody's file"

    def test_links_in_the_folder_lead_nowhere(self, s3_server, s3, root, tmp_path):
        self.fill(s3, {"first": b"1"})
        run(root, "export", BUCKET, tmp_path / "out")
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "out" / "folder").symlink_to(tmp_path / "elsewhere")
        (tmp_path / "out" / "linked").symlink_to(tmp_path / "elsewhere" / "file")
        self.fill(s3, {"folder/x": b"x", "linked": b"y", "second": b"2"})
        result = run(root, "export", BUCKET, tmp_path / "out")
        assert result.returncode == 1
        assert result.stderr.count("symbolic link") + result.stderr.count("not a plain file") == 2
        assert [*(tmp_path / "elsewhere").iterdir()] == []
        assert (tmp_path / "out" / "second").read_bytes() == b"2"

    def test_changed_bytes_are_not_exported(self, s3_server, s3, root, tmp_path):
        self.fill(s3, {"good": b"1", "bad": LARGE})
        (blob,) = [path for path in (root / "blobs").rglob("*") if path.is_file()]
        blob.write_bytes(LARGE[::-1])
        result = run(root, "export", BUCKET, tmp_path / "out")
        assert (result.returncode, f"{BUCKET}/bad: its bytes have changed" in result.stderr) == (1, True)
        assert set(files_below(tmp_path / "out")) == {"good"}


class TestImport:
    def test_what_was_exported_comes_back_with_its_keys(self, root, tmp_path):
        with RunningServer(root, server_config()) as server:
            for key, body in KEYS.items():
                client_of(server).put_object(Bucket=BUCKET, Key=key, Body=body)
        assert run(root, "export", BUCKET, tmp_path / "out").returncode == 0
        other = tmp_path / "other"
        RunningServer(other, server_config()).stop()
        result = run(other, "import", tmp_path / "out", BUCKET)
        assert result.returncode == 0, result.stderr
        assert f"{len(KEYS) - 2:,} files stored" in result.stdout
        with RunningServer(other, server_config()) as server:
            s3 = client_of(server)
            # Empty folders are no files.
            for key in set(KEYS) - {"folder/", "empty/"}:
                assert s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == KEYS[key]
            assert s3.head_object(Bucket=BUCKET, Key="plain.txt")["ContentType"] == "text/plain"
        again = run(other, "import", tmp_path / "out", BUCKET)
        assert again.stdout.startswith("0 files stored (0 bytes)")

    def test_times_survive_both_ways(self, root, tmp_path):
        RunningServer(root, server_config()).stop()
        (tmp_path / "in").mkdir()
        (tmp_path / "in" / "old.csv").write_bytes(b"1,2")
        os.utime(tmp_path / "in" / "old.csv", ns=(10**18, 10**18 + 123_456_789))
        assert run(root, "import", tmp_path / "in", BUCKET).returncode == 0
        assert run(root, "export", BUCKET, tmp_path / "out").returncode == 0
        assert (tmp_path / "out" / "old.csv").stat().st_mtime_ns == 10**18 + 123_456_789

    def test_links_and_strange_files_are_left_out_and_said(self, root, tmp_path):
        RunningServer(root, server_config()).stop()
        folder = tmp_path / "in"
        folder.mkdir()
        (tmp_path / "secret").write_bytes(b"secret")
        (folder / "link").symlink_to(tmp_path / "secret")
        (folder / "folder").symlink_to(tmp_path)
        os.mkfifo(folder / "pipe")
        (folder / os.fsdecode(b"latin-\xfc")).write_bytes(b"x")
        (folder / "good").write_bytes(b"x")
        result = run(root, "import", folder, BUCKET)
        assert result.returncode == 1
        assert result.stdout.startswith("1 files stored (1 bytes), 0 were there already, 4 left out")
        assert "latin-\\xfc: its name is not UTF-8" in result.stderr

    def test_a_manifest_names_only_files_of_its_own_folder(self, root, tmp_path):
        RunningServer(root, server_config()).stop()
        (tmp_path / "in" / ".s3portal-export" / "odd").mkdir(parents=True)
        (tmp_path / "secret").write_bytes(b"secret")
        lines = [
            json.dumps({"key": "stolen", "file": "../../../secret"}),
            json.dumps({"key": "stolen", "file": str(tmp_path / "secret")}),
            "[]",
            "{",
        ]
        (tmp_path / "in" / ".s3portal-export" / "odd.jsonl").write_text("\n".join(lines))
        result = run(root, "import", tmp_path / "in", BUCKET)
        assert (result.returncode, "4 left out" in result.stdout) == (1, True)

    def test_a_running_server_is_not_interfered_with(self, s3_server, root, tmp_path):
        (tmp_path / "in").mkdir()
        refused = run(root, "import", tmp_path / "in", BUCKET)
        assert (refused.returncode, "stop it first" in refused.stderr) == (2, True)

    @pytest.mark.parametrize("bucket", ["no-such-bucket"])
    def test_a_bucket_that_does_not_exist_is_said(self, root, tmp_path, bucket):
        RunningServer(root, server_config()).stop()
        (tmp_path / "in").mkdir()
        refused = run(root, "import", tmp_path / "in", bucket)
        assert (refused.returncode, bucket in refused.stderr) == (2, True)

    def test_a_large_file_becomes_parts(self, root, tmp_path, monkeypatch):
        monkeypatch.setattr(importing, "SINGLE_LIMIT_BYTES", 100_000)
        monkeypatch.setattr(importing, "PART_BYTES", 50_000)
        RunningServer(root, server_config()).stop()
        (tmp_path / "in").mkdir()
        content = os.urandom(120_000)
        (tmp_path / "in" / "big").write_bytes(content)
        storage = Storage(root)
        import_folder(storage, tmp_path / "in", BUCKET)
        storage.close()
        report = CliRunner().invoke(server_command, ["fsck", str(root), "--deep"])
        assert (report.exit_code, "Nothing is wrong" in report.output) == (0, True)
        with RunningServer(root, server_config()) as server:
            found = client_of(server).get_object(Bucket=BUCKET, Key="big", PartNumber=3)
            assert (found["PartsCount"], found["Body"].read()) == (3, content[100_000:])

    def test_a_full_disk_leaves_no_debris(self, root, tmp_path, monkeypatch):
        RunningServer(root, server_config()).stop()
        (tmp_path / "in").mkdir()
        for name in ("a", "b"):
            (tmp_path / "in" / name).write_bytes(LARGE)
        storage = Storage(root)
        write = os.write
        written = []

        def full(descriptor, view):
            written.append(len(view))
            if sum(written) > 50_000:
                raise OSError(28, "No space left on device")
            return write(descriptor, view)

        monkeypatch.setattr(os, "write", full)
        with pytest.raises(importing.S3Error, match="InsufficientStorage"):
            import_folder(storage, tmp_path / "in", BUCKET)
        monkeypatch.undo()
        storage.close()
        report = CliRunner().invoke(server_command, ["fsck", str(root), "--deep", "--json"])
        assert (report.exit_code, json.loads(report.output)["checked"]["objects"]) == (0, 1)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.csv", "text/csv"),
        ("a.json", "application/json"),
        ("a.csv.gz", "application/gzip"),
        ("README", "binary/octet-stream"),
        ("a.tar.xz", "application/x-xz"),
    ],
)
def test_content_types_are_guessed_from_names(name, kind):
    assert content_type_of(name) == kind


@pytest.mark.parametrize("key", ["a", "a/b", "ä/ö.txt", "a..b", "...", ".hidden", "a:b", "folder/"])
def test_keys_that_are_paths(key):
    assert refusal(key, portable=False) is None


@pytest.mark.parametrize(
    "key",
    ["", "/", "a//b", "..", "../a", "a/..", "a/./b", "\x00", "a\x7f", "ü" * 128, ".S3PORTAL-EXPORT/a"],
)
def test_keys_that_are_no_paths(key):
    assert refusal(key, portable=False) is not None


def test_an_import_needs_the_folder_of_a_server(tmp_path):
    (tmp_path / "in").mkdir()
    refused = run(tmp_path / "nothing", "import", tmp_path / "in", BUCKET)
    assert (refused.returncode, (tmp_path / "nothing").exists()) == (2, False)
