"""The copy that rclone makes: it gets a folder that looks like the bucket, and each object is verified."""

import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest
from migrating_portal import BUCKET, MemoryChange, MemoryFile, MemoryMove, MemoryPortal, apply

from s3portal.portal.migration import CopyReport, MappingWriter, Place, read_mapping, verify_local_file
from s3portal.portal.migration.rclone import RcloneUnusable, copy_by_rclone, require_rclone

CONTENTS = {f"{number}": f"content {number}".encode() * number for number in range(1, 6)}

# Does what `rclone copy --copy-links --immutable FOLDER REMOTE:BUCKET` does with a remote that is a folder,
# and leaves out what is called "left-out".
RCLONE = """\
#!{python}
import os, shutil, sys
assert sys.argv[1:4] == ["copy", "--copy-links", "--immutable"], sys.argv
folder, (remote, bucket) = sys.argv[4], sys.argv[5].split(":")
for place, _, names in os.walk(folder):
    for name in names:
        if name == "left-out":
            continue
        target = os.path.join("{remotes}", remote, bucket, os.path.relpath(os.path.join(place, name), folder))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copyfile(os.path.join(place, name), target)
sys.exit({status})
"""


class MoveOfRealFiles(MemoryMove):
    """The portal's files are on a disk, and the bucket is the folder that the remote of rclone stands for."""

    def __init__(self, portal: MemoryPortal, folder: Path) -> None:
        super().__init__(portal)
        self.remote = folder / "remotes" / "here"
        self.disk = folder / "disk"
        self.disk.mkdir()
        self.prepared: list[str] = []
        for row, content in portal.read().items():
            (self.disk / row).write_bytes(content)

    def local_path(self, file: MemoryFile) -> Path:
        return self.disk / file.row

    def prepare(self, container: str) -> None:
        self.prepared.append(container)

    def verify(self, file: MemoryFile, place: Place) -> None:
        verify_local_file(self.remote / place.container / place.key, file.size_bytes, file.md5)
        self.portal.stored[place.container, place.key] = self.portal.stored[file.place]

    def working(self) -> AbstractContextManager[None]:
        return nullcontext()


@pytest.fixture
def way(tmp_path: Path) -> MoveOfRealFiles:
    return MoveOfRealFiles(MemoryPortal(CONTENTS), tmp_path)


def install_rclone(folder: Path, monkeypatch: pytest.MonkeyPatch, status: int = 0) -> None:
    program = folder / "programs" / "rclone"
    program.parent.mkdir()
    program.write_text(RCLONE.format(python=sys.executable, remotes=folder / "remotes", status=status))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")


def copy(way: MoveOfRealFiles, path: Path) -> CopyReport:
    report = CopyReport()
    with MappingWriter(path, MemoryChange.from_line) as mapping:
        for _file in copy_by_rclone(way, mapping, "here", report):
            pass
    return report


def test_every_file_is_where_its_key_says(
    way: MoveOfRealFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_rclone(tmp_path, monkeypatch)
    way.key_of = lambda row: f"folder {row}/ä file"

    report = copy(way, tmp_path / "mapping")

    assert (report.copied, report.failures) == (5, [])
    assert way.prepared == [BUCKET]
    assert apply(way.portal, tmp_path / "mapping").updated == 5
    assert way.portal.where() == {BUCKET}
    assert way.portal.read() == CONTENTS


def test_what_rclone_left_out_is_said_and_not_recorded(
    way: MoveOfRealFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_rclone(tmp_path, monkeypatch, status=5)
    way.key_of = lambda row: "left-out" if row == "3" else row

    report = copy(way, tmp_path / "mapping")

    [(name, reason)] = report.failures
    assert name == "file 3"
    assert reason.startswith("rclone ended with 5: ")
    recorded = {change.row for change in read_mapping(tmp_path / "mapping", MemoryChange.from_line)}
    assert recorded == {"1", "2", "4", "5"}


def test_what_is_recorded_is_not_given_to_rclone_again(
    way: MoveOfRealFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_rclone(tmp_path, monkeypatch)
    copy(way, tmp_path / "mapping")
    way.prepared.clear()

    report = copy(way, tmp_path / "mapping")

    assert (report.copied, report.recorded_before) == (0, 5)
    assert way.prepared == []


def test_without_rclone_it_is_said_before_anything_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(RcloneUnusable, match="rclone is not installed"):
        require_rclone()
