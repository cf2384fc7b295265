"""rclone."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from folders import contents

from s3portal.server.testing import RunningServer

Run = Callable[..., str]


@pytest.fixture
def on_rclone(run: Run, rclone: str, server: RunningServer, tmp_path: Path) -> Run:
    """With a remote ``s3:`` of the kind Other, as `rclone config` makes it."""
    configuration = tmp_path / "rclone.conf"
    configuration.write_text(
        f"[s3]\ntype = s3\nprovider = Other\nenv_auth = true\nendpoint = {server.endpoint}\n", "utf-8"
    )
    return lambda *words, **options: run(rclone, "--config", configuration, *words, **options)


def test_a_folder_goes_there_and_comes_back(on_rclone: Run, files, tmp_path: Path) -> None:
    on_rclone("mkdir", "s3:rclone-folder")
    on_rclone("sync", files.folder, "s3:rclone-folder/data", "--s3-upload-cutoff", "5M")
    on_rclone("check", files.folder, "s3:rclone-folder/data")
    listed = json.loads(on_rclone("lsjson", "--recursive", "--files-only", "s3:rclone-folder/data"))
    assert {entry["Path"] for entry in listed} == files.names

    on_rclone("sync", "s3:rclone-folder/data", tmp_path / "back")
    assert contents(tmp_path / "back") == contents(files.folder)

    on_rclone("purge", "s3:rclone-folder")
    assert "rclone-folder" not in on_rclone("lsd", "s3:")


def test_files_keep_their_modification_time_through_copies(on_rclone: Run, files, tmp_path: Path) -> None:
    on_rclone("mkdir", "s3:rclone-copies")
    on_rclone("copyto", files.small, "s3:rclone-copies/small")
    on_rclone("copyto", "s3:rclone-copies/small", "s3:rclone-copies/copy")
    on_rclone("moveto", "s3:rclone-copies/copy", "s3:rclone-copies/moved")
    on_rclone("copyto", "s3:rclone-copies/moved", tmp_path / "moved")
    assert int((tmp_path / "moved").stat().st_mtime) == int(files.small.stat().st_mtime)
    assert (tmp_path / "moved").read_bytes() == files.small.read_bytes()


def test_a_part_of_a_file_is_read(on_rclone: Run, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("0123456789")
    on_rclone("mkdir", "s3:rclone-ranges")
    on_rclone("copyto", tmp_path / "text", "s3:rclone-ranges/text")
    assert on_rclone("cat", "--offset", "3", "--count", "4", "s3:rclone-ranges/text") == "3456"
