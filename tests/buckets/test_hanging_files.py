"""Files and folders that hang, as over SSHFS: each is named after a time, and the rest continues.

What hangs is a pipe that nobody writes to, in the place of a file, at the border to the file system.
"""

import os
import threading

import pytest
from bucket_commands import files, keys

from s3portal.buckets.sync import file_reads, walking
from s3portal.buckets.sync.file_reads import Unresponsive, within


@pytest.fixture
def pipe(tmp_path):
    """Opening it waits until the test is over."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    opened = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    os.close(opened)
    yield path
    os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))


@pytest.fixture
def hanging(monkeypatch, pipe):
    """Has some files hang when they are opened."""

    def hang(*names):
        really = file_reads.open_file

        def open_file(path):
            return pipe.open("rb", buffering=0) if path.name in names else really(path)

        monkeypatch.setattr(file_reads, "open_file", open_file)

    return hang


@pytest.fixture
def hanging_blocks(monkeypatch):
    """Has a file hang after its first block."""
    released = threading.Event()

    def hang(name):
        really = file_reads.open_file

        class HangsLater:
            def __init__(self, path):
                self._file = really(path)
                self._reads = 0

            def read(self, size):
                self._reads += 1
                if self._reads > 1:
                    released.wait()
                return self._file.read(size)

            def readinto(self, buffer):
                content = self.read(len(buffer))
                buffer[: len(content)] = content
                return len(content)

            def __getattr__(self, each):
                return getattr(self._file, each)

            def __enter__(self):
                return self

            def __exit__(self, *_):
                self._file.close()

        monkeypatch.setattr(
            file_reads, "open_file", lambda path: HangsLater(path) if path.name == name else really(path)
        )

    yield hang
    released.set()


def test_files_that_hang_are_named_and_the_rest_is_sent(s3portal, client, folder, hanging):
    hanging("01.csv", "02.csv")
    said = s3portal("sync", folder, "s3://files", "--file-timeout", "1.5")
    assert said.code == 1
    assert "a-b/01.csv: did not answer for 1.5 seconds, so it was skipped" in said.err
    assert "a-b/02.csv: did not answer" in said.err
    assert set(files(folder)) - set(keys(client)) == {"a-b/01.csv", "a-b/02.csv"}


@pytest.mark.parametrize("size_mib", [3, 20])
def test_a_file_that_hangs_half_way_is_named(s3portal, client, folder, hanging_blocks, size_mib):
    (folder / "large").write_bytes(bytes(size_mib * 1024 * 1024))
    hanging_blocks("large")
    said = s3portal("sync", folder, "s3://files", "--file-timeout", "1.5")
    assert said.code == 1
    assert "large: did not answer for 1.5 seconds" in said.err
    assert len(keys(client)) == 42


def test_a_file_that_hangs_while_it_is_compared_is_named(s3portal, client, folder, hanging):
    s3portal("sync", folder, "s3://files")
    hanging("00.csv")
    for command in ("sync", "check"):
        said = s3portal(command, folder, "s3://files", "--checksum", "--file-timeout", "1.5")
        assert said.code == 1
        assert "a/00.csv: cannot be compared: did not answer for 1.5 seconds" in said.err


def test_a_file_that_hangs_is_not_deleted_from_the_target(s3portal, client, folder, hanging):
    s3portal("sync", folder, "s3://files")
    os.utime(folder / "a" / "00.csv", (4_000_000_000, 4_000_000_000))
    hanging("00.csv")
    assert s3portal("sync", folder, "s3://files", "--delete", "--file-timeout", "1.5").code == 1
    assert "a/00.csv" in keys(client)


def test_a_file_that_cannot_even_be_looked_at_is_named_and_its_folder_continues(
    s3portal, client, folder, monkeypatch
):
    released = threading.Event()
    really = walking._look_at

    def look_at(entry, base, rules):
        if entry.name == "03.csv":
            released.wait()
        return really(entry, base, rules)

    monkeypatch.setattr(walking, "_look_at", look_at)
    said = s3portal("sync", folder, "s3://files/p", "--folder-timeout", "1.5", "--delete")
    released.set()
    assert said.code == 1
    assert "a/03.csv: did not answer for 1.5 seconds" in said.err
    assert len(keys(client, prefix="p/")) == 41


def test_a_folder_of_which_no_file_answers_is_given_up(s3portal, client, folder, monkeypatch):
    released = threading.Event()
    really = walking._look_at

    def look_at(entry, base, rules):
        if base == "a-b/":
            released.wait()
        return really(entry, base, rules)

    monkeypatch.setattr(walking, "_look_at", look_at)
    said = s3portal("sync", folder, "s3://files", "--folder-timeout", "1.5")
    released.set()
    assert said.code == 1
    assert (
        "a-b/: files in it did not answer for 1.5 seconds, so it was skipped, and so was the rest" in said.err
    )
    assert len(keys(client)) == len([name for name in files(folder) if not name.startswith("a-b")])


def test_threads_that_answer_are_used_again(monkeypatch):
    begun = []
    really = threading.Thread.start
    monkeypatch.setattr(threading.Thread, "start", lambda self: (begun.append(self), really(self)))
    for number in range(50):
        assert within(10, lambda number=number: number) == number
    released = threading.Event()
    with pytest.raises(Unresponsive):
        within(0.01, released.wait)
    released.set()
    assert len(begun) <= 2
