"""A path, a file or a stream that cannot be read, or is not what it was said to be, ends the sending."""

import io
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest
from part_sending import CONTENT, PART, MakeSource, Receiver, file_source, path_source, plan_of

from s3portal.transfer import FileTooLarge, part_sources
from s3portal.transfer.part_sources import FileShrank, FileSource, PartSource, PathSource, StreamSource
from s3portal.transfer.sending import Part, send_parts


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
def test_a_reader_that_fails_ends_it_and_nothing_keeps_running(
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
