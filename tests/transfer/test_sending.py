"""One engine sends the parts of a path, a file or a stream: all of them, few at a time, until they arrive."""

import hashlib
import io
import json
import os
import random
import signal
import subprocess
import sys
import threading
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import pytest
from waiting import wait_until

from s3portal.server.testing import RunningServer
from s3portal.transfer import FileTooLarge, Store, Upload, complete_upload, list_parts, part_sources
from s3portal.transfer.checksums import CRC32, MD5
from s3portal.transfer.part_plan import PartPlan
from s3portal.transfer.part_sources import (
    Content,
    FileShrank,
    FileSource,
    InMemory,
    PartSource,
    PathSource,
    StreamSource,
)
from s3portal.transfer.sending import Part, SendingCancelled, StoredBefore, send_parts
from s3portal.transfer.sizes import MIB
from s3portal.transfer.workers import Workers

PART = 1000
CONTENT = random.Random(1).randbytes(10 * PART + 7)

MakeSource = Callable[[bytes, Path], PartSource]


def plan_of(size_bytes: int, part_size_bytes: int = PART) -> PartPlan:
    return PartPlan(size_bytes, part_size_bytes, max(1, -(-size_bytes // part_size_bytes)))


def path_source(content: bytes, folder: Path) -> PartSource:
    path = folder / "file"
    path.write_bytes(content)
    return PathSource(path, plan_of(len(content)))


def file_source(content: bytes, _folder: Path) -> PartSource:
    """Of a file that does not stand at its beginning."""
    file = io.BytesIO(b"before" + content)
    file.seek(6)
    return FileSource(file, plan_of(len(content)))


class Trickle(io.RawIOBase):
    """A stream that gives a little at a time, as a pipe does."""

    def __init__(self, content: bytes) -> None:
        self._file = io.BytesIO(content)

    def read(self, size: int = -1, /) -> bytes:
        return self._file.read(min(size, 333))


def stream_source(content: bytes, _folder: Path) -> PartSource:
    return StreamSource(Trickle(content), PART)  # type: ignore[arg-type]


EVERY_SOURCE = pytest.mark.parametrize("make_source", [path_source, file_source, stream_source])


class Receiver:
    """What was sent, and what happened meanwhile."""

    def __init__(self) -> None:
        self.parts: dict[int, bytes] = {}
        self.tries: list[int] = []

    def __call__(self, part: Part) -> str:
        self.tries.append(part.number)
        self.parts[part.number] = b"".join(part.blocks())
        return f"etag-{part.number}"

    @property
    def content(self) -> bytes:
        return b"".join(self.parts[number] for number in sorted(self.parts))


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


def test_a_part_is_not_sent_again_where_nobody_says_so(tmp_path: Path) -> None:
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


class Broken(io.BytesIO):
    """A file whose disk fails after some parts."""

    def __init__(self, content: bytes, readable_parts: int) -> None:
        super().__init__(content)
        self._left = readable_parts
        self.failed = threading.Event()

    def read(self, size: int | None = -1, /) -> bytes:
        self._left -= 1
        if self._left < 0:
            self.failed.set()
            raise OSError("disk on fire")
        return super().read(size)


@pytest.mark.parametrize(
    "make_source",
    [
        lambda file: FileSource(file, plan_of(len(CONTENT))),
        lambda file: StreamSource(file, PART),
    ],
)
def test_a_reader_that_fails_ends_it_and_nothing_runs_any_more(
    make_source: Callable[[IO[bytes]], PartSource],
) -> None:
    receiver, file = Receiver(), Broken(CONTENT, 3)

    def send(part: Part) -> str:
        answer = receiver(part)
        # The fourth part cannot be read while the third is sent.
        assert part.number < 3 or file.failed.wait(60)
        return answer

    with pytest.raises(OSError, match="disk on fire"):
        send_parts(make_source(file), send, at_a_time=2)

    assert sorted(receiver.tries)[:2] == [1, 2]
    assert all(receiver.parts[n] == CONTENT[(n - 1) * PART : n * PART] for n in receiver.parts)


def test_a_reader_that_fails_is_not_taken_for_a_bad_connection(tmp_path: Path) -> None:
    source = path_source(CONTENT, tmp_path)
    tries = []

    def send(part: Part) -> None:
        """As an HTTP library does that is given an iterable."""
        tries.append(part.number)
        if part.number == 2:
            os.truncate(tmp_path / "file", PART + 500)
        try:
            part.read()
        except OSError as error:
            raise ConnectionError("the connection broke") from error

    with pytest.raises(FileShrank) as failure:
        send_parts(source, send, again=lambda *_: 0.0, at_a_time=1)
    assert tries == [1, 2]
    assert failure.value.missing_bytes == 500
    assert "500 bytes are missing" in str(failure.value)


def test_a_file_that_is_gone_ends_it(tmp_path: Path) -> None:
    source = path_source(CONTENT, tmp_path)
    (tmp_path / "file").unlink()

    with pytest.raises(FileNotFoundError):
        send_parts(source, Receiver())


@pytest.mark.parametrize("make_source", [path_source, file_source])
def test_a_file_that_shrinks_is_noticed(make_source: MakeSource, tmp_path: Path) -> None:
    source = make_source(CONTENT, tmp_path)
    larger = plan_of(len(CONTENT) + PART)
    grown: PartSource
    if isinstance(source, PathSource):
        grown = PathSource(source.path, larger)
    else:
        assert isinstance(source, FileSource)
        grown = FileSource(source.file, larger)

    with pytest.raises(FileShrank):
        send_parts(grown, Receiver())


def test_a_stream_that_fits_into_no_upload_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part_sources, "MAX_PART_COUNT", 10)

    assert send_parts(StreamSource(io.BytesIO(CONTENT[: 10 * PART]), PART), Receiver()).plan.part_count == 10
    with pytest.raises(FileTooLarge) as refusal:
        send_parts(StreamSource(io.BytesIO(CONTENT), PART), Receiver())
    assert (refusal.value.limit, refusal.value.given) == (10 * PART, 10 * PART + 7)


def test_a_stream_that_would_have_to_wait_is_refused() -> None:
    class Idle(io.RawIOBase):
        def read(self, size: int = -1, /) -> None:
            return None

    with pytest.raises(BlockingIOError, match="blocking mode"):
        send_parts(StreamSource(Idle(), PART), Receiver())  # type: ignore[arg-type]


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


@EVERY_SOURCE
def test_cancelling_ends_it_between_two_blocks(make_source: MakeSource, tmp_path: Path) -> None:
    receiver, cancelled = Receiver(), threading.Event()

    def send(part: Part) -> str:
        answer = receiver(part)
        if part.number == 3:
            cancelled.set()
        return answer

    with pytest.raises(SendingCancelled):
        send_parts(make_source(CONTENT, tmp_path), send, cancelled=cancelled, at_a_time=1)
    assert receiver.tries == [1, 2, 3]


def test_cancelling_ends_a_long_wait_for_another_try(tmp_path: Path) -> None:
    cancelled = threading.Event()

    def send(part: Part) -> None:
        raise ConnectionResetError

    def again(number: int, error: Exception, tries: int) -> float | None:
        cancelled.set()
        return 1e9

    with pytest.raises(SendingCancelled):
        send_parts(path_source(CONTENT, tmp_path), send, again=again, cancelled=cancelled)


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


def test_ctrl_c_waits_for_no_part() -> None:
    hangs, let_go = threading.Event(), threading.Event()

    class Interrupted:
        plan = plan_of(len(CONTENT))
        reads_anywhere = False

        def contents(self, wanted: Callable[[int], bool]) -> Iterator[Content]:
            yield InMemory(1, CONTENT[:PART])
            assert hangs.wait(60)
            raise KeyboardInterrupt

    def send(part: Part) -> None:
        hangs.set()
        assert let_go.wait(60)

    with pytest.raises(KeyboardInterrupt):
        send_parts(Interrupted(), send)
    let_go.set()


def test_threads_end_with_the_call(tmp_path: Path) -> None:
    before = set(threading.enumerate())

    send_parts(path_source(CONTENT, tmp_path), Receiver(), algorithm=CRC32, stored=StoredBefore([1]))

    wait_until(lambda: set(threading.enumerate()) <= before, "the threads are gone")


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


_SEND_AND_HANG = """
import json, sys, threading
from pathlib import Path
from s3portal.transfer import TransferSettings, open_store, plan_parts
from s3portal.transfer.part_sources import PathSource
from s3portal.transfer.sending import send_parts
settings, path, key, upload_id = json.loads(sys.argv[1])
store = open_store(TransferSettings(**settings))
client = store.client()
arrived = threading.Semaphore(0)

def send(part):
    if part.number == 3:
        # When the first two have arrived, this process is to be killed.
        arrived.acquire()
        arrived.acquire()
        print("ready", flush=True)
    if part.number > 2:
        threading.Event().wait()
    client.upload_part(
        Bucket=store.bucket, Key=key, UploadId=upload_id, PartNumber=part.number, Body=part.read()
    )
    arrived.release()

plan = plan_parts(Path(path).stat().st_size)
send_parts(PathSource(Path(path), plan), send, at_a_time=3)
"""


def test_what_a_killed_process_has_sent_is_not_sent_again(
    s3_server: RunningServer, store: Store, begin: Callable[..., Upload], tmp_path: Path
) -> None:
    content = random.Random(2).randbytes(15 * MIB + 7)
    path = tmp_path / "file"
    path.write_bytes(content)
    upload = begin(len(content))
    settings = {
        name: getattr(store.settings, name)
        for name in ("s3_bucket", "s3_endpoint", "s3_access_key_id", "s3_secret_access_key")
    }
    given = json.dumps([settings, str(path), upload.key, upload.s3_upload_id])
    process = subprocess.Popen(
        [sys.executable, "-c", _SEND_AND_HANG, given], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGKILL)

    stored = list_parts(store, upload)
    there = [number for number in (1, 2, 3, 4) if number not in stored.missing(upload.plan)]
    sent_now: list[int] = []

    def send(part: Part) -> None:
        sent_now.append(part.number)
        arguments: Any = {"Bucket": store.bucket, "Key": upload.key, "UploadId": upload.s3_upload_id}
        store.client().upload_part(**arguments, PartNumber=part.number, Body=part.read())

    sent = send_parts(
        PathSource(path, upload.plan),
        send,
        stored=StoredBefore(there),
        algorithm=upload.checksum_algorithm,
    )
    completed = complete_upload(store, upload, sent.checksum())

    assert there == [1, 2]
    assert sorted(sent_now) == [3, 4]
    body = store.client().get_object(Bucket=store.bucket, Key=completed.key)["Body"].read()
    assert body == content
