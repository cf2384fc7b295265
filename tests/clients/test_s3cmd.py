"""s3cmd."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from folders import contents

from s3portal.server.testing import RunningServer

Run = Callable[..., str]


@pytest.fixture
def s3cmd(run: Run, commands: Path, server: RunningServer, tmp_path: Path) -> Run:
    """With the address and keys that `s3cmd --configure` asks for."""
    user = server.users["admin"]
    host = urlsplit(server.endpoint).netloc
    settings = {
        "access_key": user.access_key_id,
        "secret_key": user.secret_access_key,
        "host_base": host,
        "host_bucket": host,
        "use_https": "False",
    }
    configuration = tmp_path / "s3cfg"
    lines = "\n".join(f"{name} = {value}" for name, value in settings.items())
    configuration.write_text(f"[default]\n{lines}\n")
    return lambda *words, **options: run(commands / "s3cmd", "--config", configuration, *words, **options)


def test_a_folder_goes_there_and_comes_back(s3cmd: Run, files, tmp_path: Path) -> None:
    s3cmd("mb", "s3://s3cmd-folder")
    s3cmd("sync", "--multipart-chunk-size-mb=5", f"{files.folder}/", "s3://s3cmd-folder/data/")
    listed = s3cmd("ls", "--recursive", "s3://s3cmd-folder")
    assert {line.split("/data/")[1] for line in listed.splitlines()} == files.names

    s3cmd("sync", "s3://s3cmd-folder/data/", f"{tmp_path / 'back'}/")
    assert contents(tmp_path / "back") == contents(files.folder)

    s3cmd("del", "--recursive", "--force", "s3://s3cmd-folder/data/")
    s3cmd("rb", "s3://s3cmd-folder")
    assert "s3cmd-folder" not in s3cmd("ls")


def test_files_are_copied_moved_and_described(s3cmd: Run, files, tmp_path: Path) -> None:
    s3cmd("mb", "s3://s3cmd-copies")
    s3cmd("put", "--add-header=x-amz-meta-station:north", files.small, "s3://s3cmd-copies/small")
    s3cmd("cp", "s3://s3cmd-copies/small", "s3://s3cmd-copies/copy")
    s3cmd("mv", "s3://s3cmd-copies/copy", "s3://s3cmd-copies/moved")
    s3cmd("modify", "--add-header=x-amz-meta-station:south", "s3://s3cmd-copies/moved")
    assert "x-amz-meta-station: south" in s3cmd("info", "s3://s3cmd-copies/moved")
    s3cmd("get", "s3://s3cmd-copies/moved", tmp_path / "moved")
    assert (tmp_path / "moved").read_bytes() == files.small.read_bytes()
    assert "copy" not in s3cmd("ls", "s3://s3cmd-copies")
