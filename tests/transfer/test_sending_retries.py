"""A part that fails is sent again as its caller decides; the first failure that counts ends the sending."""

import threading
import zlib
from pathlib import Path

import pytest
from part_sending import CONTENT, EVERY_SOURCE, PART, MakeSource, Receiver, path_source

from s3portal.transfer.checksums import CRC32
from s3portal.transfer.sending import Part, send_parts


@EVERY_SOURCE
def test_a_part_that_fails_is_sent_again_as_its_caller_decides(
    make_source: MakeSource, tmp_path: Path
) -> None:
    receiver, asked = Receiver(), []

    def send(part: Part) -> str:
        answer = receiver(part)
        if part.number == 3 and receiver.tries.count(3) < 4:
            raise ConnectionResetError("cut off")
        return answer

    def again(number: int, error: Exception, tries: int) -> float | None:
        asked.append((number, str(error), tries))
        return 0.0

    sent = send_parts(make_source(CONTENT, tmp_path), send, again=again, algorithm=CRC32)

    assert asked == [(3, "cut off", 1), (3, "cut off", 2), (3, "cut off", 3)]
    assert receiver.content == CONTENT
    assert sent.digests[3] == zlib.crc32(CONTENT[2 * PART : 3 * PART]), "of one try alone"


def test_a_part_is_not_sent_again_where_no_one_says_so(tmp_path: Path) -> None:
    receiver = Receiver()

    def send(part: Part) -> str:
        receiver(part)
        raise ConnectionResetError("cut off")

    with pytest.raises(ConnectionResetError, match="cut off"):
        send_parts(path_source(CONTENT, tmp_path), send, at_a_time=1)
    assert receiver.tries == [1], "and no other is begun"


def test_who_decides_may_raise_a_better_error(tmp_path: Path) -> None:
    def send(part: Part) -> None:
        raise ConnectionResetError

    def again(number: int, error: Exception, tries: int) -> float | None:
        raise LookupError(f"part {number} never arrives")

    with pytest.raises(LookupError, match="part 1 never arrives"):
        send_parts(path_source(CONTENT, tmp_path), send, again=again, at_a_time=1)


def test_the_first_failure_counts_and_what_runs_is_waited_for(tmp_path: Path) -> None:
    second_runs, ended = threading.Event(), threading.Event()

    def send(part: Part) -> None:
        if part.number == 1:
            assert second_runs.wait(60)
            raise LookupError("the first")
        second_runs.set()
        try:
            while True:
                part.read()
        finally:
            ended.set()

    with pytest.raises(LookupError, match="the first"):
        send_parts(path_source(CONTENT, tmp_path), send, at_a_time=2)
    assert ended.is_set()


def test_a_failure_ends_another_part_s_wait_for_its_next_try(tmp_path: Path) -> None:
    waits = threading.Event()

    def send(part: Part) -> None:
        if part.number == 1:
            raise ConnectionResetError("part 1")
        assert waits.wait(60)
        raise LookupError("part 2")

    def again(number: int, error: Exception, tries: int) -> float | None:
        if number == 1:
            waits.set()
            return 1e9
        return None

    with pytest.raises(LookupError, match="part 2"):
        send_parts(path_source(CONTENT, tmp_path), send, again=again, at_a_time=2)
