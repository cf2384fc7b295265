"""s5cmd."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from folders import contents

from s3portal.server.testing import RunningServer

Run = Callable[..., str]


@pytest.fixture
def s5cmd(run: Run, commands: Path, server: RunningServer) -> Run:
    return lambda *words: run(commands / "s5cmd", "--endpoint-url", server.endpoint, *words)


def test_a_folder_goes_there_and_comes_back(s5cmd: Run, files, tmp_path: Path) -> None:
    s5cmd("mb", "s3://s5cmd-folder")
    s5cmd("sync", "--part-size", "5", f"{files.folder}/", "s3://s5cmd-folder/data/")
    entries = [json.loads(line) for line in s5cmd("--json", "ls", "s3://s5cmd-folder/data/*").splitlines()]
    assert {entry["key"].split("/data/")[1] for entry in entries} == files.names

    s5cmd("cp", "s3://s5cmd-folder/data/*", f"{tmp_path / 'back'}/")
    assert contents(tmp_path / "back") == contents(files.folder)

    s5cmd("rm", "s3://s5cmd-folder/*")
    s5cmd("rb", "s3://s5cmd-folder")
    assert "s5cmd-folder" not in s5cmd("ls")


def test_files_are_copied_moved_and_summed(s5cmd: Run, files) -> None:
    s5cmd("mb", "s3://s5cmd-copies")
    s5cmd("cp", files.small, "s3://s5cmd-copies/small")
    s5cmd("cp", "s3://s5cmd-copies/small", "s3://s5cmd-copies/copy")
    s5cmd("mv", "s3://s5cmd-copies/copy", "s3://s5cmd-copies/moved")
    assert "2000 bytes in 2 objects" in s5cmd("du", "s3://s5cmd-copies/*")
    assert json.loads(s5cmd("--json", "head", "s3://s5cmd-copies/moved"))["size"] == 1000
