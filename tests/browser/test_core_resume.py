"""Going on: after reloads, a lost network, on another day, with the right file and with a wrong one."""

import os
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from core_page import CorePage
from held_parts import AT_A_TIME, hold_parts, lose_parts
from playwright.sync_api import Page
from random_files import random_file

from s3portal.server.testing import RunningServer
from s3portal.transfer import CRCS, parse_ranges

MIB = 1024 * 1024
PART_BYTES = 5 * MIB
PART_COUNT = 21
RELOADS = 10


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return random_file(tmp_path / "gauges.bin", 20 * PART_BYTES + 3)


@pytest.fixture
def core(publisher: Page, s3: RunningServer) -> Iterator[CorePage]:
    core = CorePage(publisher)
    core.open()
    # Also what tests before these left unfinished: here it would be offered for going on.
    abort_unfinished(core)
    yield core
    publisher.context.set_offline(False)
    abort_unfinished(core)


def abort_unfinished(core: CorePage) -> None:
    """Gives up every unfinished upload of the publisher."""
    for upload in core.unfinished():
        core.page.evaluate("id => core.adapter.abort(id)", upload["id"])


def checksum_of(file: Path) -> str:
    crc = CRCS["CRC64NVME"]
    return crc.encode(crc.update(file.read_bytes()))


def sent(s3: RunningServer) -> list[int | None]:
    """The numbers of the parts that the store took, in order."""
    return [r.part_number for r in s3.requests if r.operation == "UploadPart" and r.status == 200]


def flip_a_bit(file: Path, offset: int) -> None:
    """Changes one byte of the file; twice is as before."""
    with file.open("r+b") as changed:
        changed.seek(offset)
        byte = changed.read(1)[0]
        changed.seek(offset)
        changed.write(bytes([byte ^ 1]))


def stored(core: CorePage, upload_id: str) -> set[int]:
    """The parts that the portal says the store has."""
    ranges = core.page.evaluate("async id => (await core.adapter.show(id)).stored", upload_id)
    return set(parse_ranges(ranges))


def test_reloads_at_ten_random_moments_lose_nothing(core: CorePage, s3: RunningServer, file: Path) -> None:
    moments = random.Random(11)
    hold = hold_parts(s3)
    core.open(file)
    number = core.start()
    for _ in range(RELOADS):
        core.wait_for(number, "uploading")
        # From the first moment on: none, some or all of the parts that are under way have got to the store.
        hold.wait_for(moments.randrange(AT_A_TIME + 1))
        core.open(file)
        lose_parts(s3, hold)
        hold = hold_parts(s3, after=moments.randrange(2))
        (unfinished,) = core.unfinished()
        number = core.start(resume=unfinished)

    s3.faults.clear()
    shown = core.wait_for(number, "complete", "failed")

    assert (shown["state"], shown["error"]) == ("complete", None)
    assert shown["upload"]["checksum"]["value"] == checksum_of(file)
    assert set(sent(s3)) == set(range(1, PART_COUNT + 1))
    assert len(sent(s3)) <= PART_COUNT + AT_A_TIME * RELOADS, (
        "at most those in flight were sent twice, each time"
    )
    operations = [r.operation for r in s3.requests]
    assert operations.count("CreateMultipartUpload") == 1


def test_what_was_stored_before_a_reload_is_not_sent_again(
    core: CorePage, s3: RunningServer, file: Path
) -> None:
    hold = hold_parts(s3, after=9)
    core.open(file)
    core.start()
    hold.wait_for(AT_A_TIME)
    core.open(file)
    lose_parts(s3, hold)
    (unfinished,) = core.unfinished()
    before = stored(core, unfinished["id"])
    s3.requests.clear()

    shown = core.upload(resume=unfinished)

    assert shown["state"] == "complete"
    assert len(before) == 9
    assert sorted(sent(s3)) == sorted(set(range(1, PART_COUNT + 1)) - before)


def test_a_lost_network_stops_the_upload_and_its_return_resumes_it(
    core: CorePage, s3: RunningServer, file: Path
) -> None:
    hold = hold_parts(s3, after=6)
    core.open(file)
    number = core.start()
    hold.wait_for(AT_A_TIME)
    core.page.context.set_offline(True)
    core.wait_for(number, "offline")
    s3.faults.clear()

    core.page.context.set_offline(False)
    shown = core.wait_for(number, "complete", "failed")

    assert shown["state"] == "complete"
    assert shown["states"].count("offline") == 1
    assert shown["upload"]["checksum"]["value"] == checksum_of(file)
    assert len(sent(s3)) <= PART_COUNT + 4, "at most the four in flight were sent twice"


class TestWrongFile:
    """Nothing of a wrong file is sent, and the publisher is told what is wrong with it."""

    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        """Eight parts are enough to be wrong."""
        return random_file(tmp_path / "gauges.bin", 8 * PART_BYTES)

    @pytest.fixture
    def unfinished(self, core: CorePage, s3: RunningServer, file: Path) -> dict[str, object]:
        hold = hold_parts(s3, after=4)
        core.open(file)
        core.start()
        hold.wait_for(AT_A_TIME)
        core.open(file)
        lose_parts(s3, hold)
        (unfinished,) = core.unfinished()
        return unfinished

    def test_is_refused_with_what_is_wrong_with_it(
        self, core: CorePage, s3: RunningServer, unfinished: dict[str, object], file: Path
    ) -> None:
        def facts_of_refusal(given: Path) -> dict[str, object]:
            core.open(given)
            s3.requests.clear()
            shown = core.upload(resume=unfinished)
            assert (shown["state"], shown["error"]["code"]) == ("failed", "wrong_file")
            assert sent(s3) == []
            return dict(shown["error"]["facts"])

        size, times = file.stat().st_size, (file.stat().st_atime_ns, file.stat().st_mtime_ns)
        with file.open("ab") as longer:
            longer.write(b"x")
        assert facts_of_refusal(file) == {"reason": "size", "expected": size, "given": size + 1}

        os.truncate(file, size)
        assert facts_of_refusal(file.rename(file.with_name("levels.bin")))["reason"] == "name"

        file.with_name("levels.bin").rename(file)
        flip_a_bit(file, size - 1)
        assert facts_of_refusal(file)["reason"] == "modified"

        os.utime(file, ns=times)
        assert facts_of_refusal(file)["reason"] == "content"

        flip_a_bit(file, size - 1)
        os.utime(file, ns=times)
        core.open(file)
        assert core.upload(resume=unfinished)["state"] == "complete", "no refusal did it any harm"

    def test_damage_between_the_samples_is_found_by_the_checksum_of_the_whole(
        self, core: CorePage, s3: RunningServer, unfinished: dict[str, object], file: Path
    ) -> None:
        assert 1 in stored(core, str(unfinished["id"]))
        times = (file.stat().st_atime_ns, file.stat().st_mtime_ns)
        flip_a_bit(file, 100_000)
        os.utime(file, ns=times)
        core.open(file)

        shown = core.upload(resume=unfinished)

        assert (shown["state"], shown["error"]["code"]) == ("failed", "content_differs")


def test_of_1110_parts_of_which_1100_are_stored_ten_are_sent(
    core: CorePage, s3: RunningServer, s3_root: Path, tmp_path: Path
) -> None:
    file = tmp_path / "zeros.bin"
    with file.open("wb") as sparse:
        sparse.truncate(1110 * PART_BYTES)
    # One part is really stored. The others are the same zeros, so rows that refer to it are the same to S3.
    hold = hold_parts(s3, after=1)
    core.open(file)
    number = core.start(concurrency=1)
    hold.wait_for(1)
    core.call(number, "pause")
    lose_parts(s3, hold)
    (unfinished,) = core.unfinished()
    last = max(stored(core, unfinished["id"]))
    with closing(sqlite3.connect(s3_root / "metadata.sqlite3", timeout=120)) as store, store:
        columns = "blob, start, size_bytes, etag, checksum, modified_at"
        of_this = "SELECT upload_id FROM uploads WHERE instr(CAST(key AS TEXT), ?)"
        (s3_upload_id,) = store.execute(of_this, (unfinished["id"],)).fetchone()
        store.executemany(
            f"INSERT INTO parts (body_id, part_number, {columns}) "
            f"SELECT body_id, ?, {columns} FROM parts WHERE body_id = ? AND part_number = 1",
            [(part_number, s3_upload_id) for part_number in range(last + 1, 1101)],
        )
    core.open(file)
    s3.requests.clear()

    # Without checksums: whether 5.5 GB are read at leisure for them is another test's to ask.
    shown = core.upload(resume=unfinished, checksum=False)

    assert (shown["state"], shown["error"]) == ("complete", None)
    assert sorted(sent(s3)) == list(range(1101, 1111))
    assert len([r for r in s3.requests if r.operation == "ListParts"]) >= 2, "the listing has pages"
