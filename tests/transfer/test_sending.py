"""One engine sends the parts of a path, a file or a stream: all of them, few at a time, until they arrive."""

import hashlib
import io
import threading
import tracemalloc
import zlib
from pathlib import Path

import pytest
from part_sending import (
    CONTENT,
    EVERY_SOURCE,
    PART,
    MakeSource,
    Receiver,
    path_source,
    plan_of,
)

from s3portal.transfer.checksums import CRC32, MD5
from s3portal.transfer.part_sources import StreamSource
from s3portal.transfer.sending import Part, StoredBefore, send_parts
from s3portal.transfer.sizes import MIB
from s3portal.transfer.workers import Workers


@EVERY_SOURCE
@pytest.mark.parametrize("size_bytes", [0, 1, PART - 1, PART, PART + 1, 3 * PART, 10 * PART + 7])
def test_every_byte_arrives_in_its_part(size_bytes: int, make_source: MakeSource, tmp_path: Path) -> None:
    content, receiver = CONTENT[:size_bytes], Receiver()

    sent = send_parts(make_source(content, tmp_path), receiver)

    assert receiver.content == content
    assert sent.plan == plan_of(size_bytes)
    assert [len(receiver.parts[number]) for number in sent.answers] == [
        sent.plan.length(number) for number in range(1, sent.plan.part_count + 1)
    ]
    assert sent.answers == {number: f"etag-{number}" for number in range(1, sent.plan.part_count + 1)}
    assert list(sent.answers) == sorted(sent.answers)
    assert sorted(receiver.tries) == list(sent.answers), "each part once"


@EVERY_SOURCE
@pytest.mark.parametrize("algorithm", [CRC32, MD5])
def test_parts_that_are_stored_are_not_sent_again_but_count_in_the_checksum(
    algorithm: str, make_source: MakeSource, tmp_path: Path
) -> None:
    receiver, whole = (
        Receiver(),
        send_parts(make_source(CONTENT, tmp_path), Receiver(), algorithm=algorithm).checksum(),
    )

    sent = send_parts(
        make_source(CONTENT, tmp_path), receiver, stored=StoredBefore([1, 4, 11]), algorithm=algorithm
    )

    assert sorted(receiver.tries) == [2, 3, 5, 6, 7, 8, 9, 10] == list(sent.answers)
    assert all(receiver.parts[n] == CONTENT[(n - 1) * PART : n * PART] for n in receiver.parts)
    assert sent.checksum() == whole
    assert whole is not None
    if algorithm == CRC32:
        assert int.from_bytes(__import__("base64").b64decode(whole.value), "big") == zlib.crc32(CONTENT)


def test_what_was_digested_before_is_not_read_again(tmp_path: Path) -> None:
    source = path_source(CONTENT, tmp_path)
    first = send_parts(source, Receiver(), algorithm=CRC32)
    (tmp_path / "file").unlink()

    again = send_parts(source, Receiver(), stored=StoredBefore(range(1, 12), first.digests), algorithm=CRC32)

    assert again.checksum() == first.checksum()


def test_no_checksum_is_made_where_none_is_asked_for(tmp_path: Path) -> None:
    assert send_parts(path_source(CONTENT, tmp_path), Receiver()).checksum() is None


def test_a_digest_can_go_before_its_part(tmp_path: Path) -> None:
    headers: dict[int, str] = {}

    def send(part: Part) -> None:
        part.digest_first()
        headers[part.number] = part.digest.headers["Content-MD5"]
        assert hashlib.md5(part.read()).hexdigest() == f"{part.digest.value:032x}"

    send_parts(path_source(CONTENT, tmp_path), send, algorithm=MD5)

    assert len(headers) == 11


@EVERY_SOURCE
def test_so_many_parts_go_side_by_side_and_no_more(make_source: MakeSource, tmp_path: Path) -> None:
    all_busy, lock = threading.Barrier(3), threading.Lock()
    busy, most = 0, 0

    def send(part: Part) -> None:
        nonlocal busy, most
        with lock:
            busy += 1
            most = max(most, busy)
        if part.number <= 9:
            all_busy.wait(60)
        part.read()
        with lock:
            busy -= 1

    send_parts(make_source(CONTENT, tmp_path), send, at_a_time=3)

    assert most == 3


class Endless(io.RawIOBase):
    """A stream of so many zeros, which takes no memory itself."""

    def __init__(self, size_bytes: int) -> None:
        self._left = size_bytes

    def read(self, size: int = -1, /) -> bytes:
        given = min(size, self._left)
        self._left -= given
        return bytes(given)


@pytest.mark.parametrize("makes_whole", [False, True])
def test_a_stream_takes_the_memory_of_the_parts_under_way(makes_whole: bool) -> None:
    def send(part: Part) -> int:
        return len(part.read()) if makes_whole else sum(map(len, part.blocks()))

    tracemalloc.start()
    try:
        sent = send_parts(StreamSource(Endless(200 * MIB), MIB), send, at_a_time=3)  # type: ignore[arg-type]
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert sum(sent.answers.values()) == 200 * MIB
    assert peak_bytes < (2 * 3 + 1) * MIB, "a part, and the block of it that is on its way"


@EVERY_SOURCE
def test_progress_only_grows_and_ends_with_the_file(make_source: MakeSource, tmp_path: Path) -> None:
    heard: list[int] = []
    failed: set[int] = set()

    def send(part: Part) -> None:
        for _ in part.blocks():
            pass
        if part.number not in failed:
            failed.add(part.number)
            raise ConnectionResetError

    send_parts(make_source(CONTENT, tmp_path), send, again=lambda *_: 0.0, on_progress=heard.append)

    assert heard == sorted(heard)
    assert heard[-1] == len(CONTENT)


def test_what_was_stored_before_counts_from_the_beginning(tmp_path: Path) -> None:
    heard: list[int] = []

    send_parts(
        path_source(CONTENT, tmp_path), Receiver(), stored=StoredBefore([1, 11]), on_progress=heard.append
    )

    assert heard[0] == PART + 7
    assert heard[-1] == len(CONTENT)


def test_two_files_share_threads(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    receivers = Receiver(), Receiver()
    with Workers(2) as workers, Workers(2) as callers:
        sends = [
            callers.submit(
                lambda receiver=receiver, name=name: send_parts(  # type: ignore[misc]
                    path_source(CONTENT, tmp_path / name), receiver, workers=workers
                )
            )
            for receiver, name in zip(receivers, ("one", "two"), strict=True)
        ]
        for sent in sends:
            sent.result(60)

    assert [receiver.content for receiver in receivers] == [CONTENT, CONTENT]


def test_a_file_does_not_wait_for_threads_that_another_one_has(tmp_path: Path) -> None:
    let_go = threading.Event()
    with Workers(2) as workers:
        other = workers.submit(lambda: let_go.wait(60))

        sent = send_parts(path_source(CONTENT, tmp_path), Receiver(), workers=workers, at_a_time=2)

        assert len(sent.answers) == 11
        assert not other.done()
        let_go.set()
