"""The content of an object outlives the connections that carry it."""

import io

import pytest
from botocore.exceptions import ReadTimeoutError
from urllib3.exceptions import ProtocolError

from s3portal.transfer import FRUITLESS_TRIES, BrokenOff, ResumingBody, StoreUnavailable

CONTENT = bytes(range(256)) * 8


class Breaking(io.BytesIO):
    """A body that gives ``good_bytes`` and breaks off then; silently, or with an error."""

    def __init__(self, content: bytes, good_bytes: int, error: Exception | None) -> None:
        super().__init__(content[:good_bytes])
        self._error = error

    def read(self, amt: int | None = -1) -> bytes:
        block = super().read(amt)
        if not block and self._error is not None:
            raise self._error
        return block


@pytest.mark.parametrize(
    "error",
    [
        None,
        ProtocolError("Connection broken"),
        ReadTimeoutError(endpoint_url="http://store"),
        ConnectionResetError(104, "Connection reset by peer"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_reading_goes_on_where_a_connection_broke(error):
    opened = []

    def open_from(position):
        opened.append(position)
        return Breaking(CONTENT[position:], 300, error)

    body = ResumingBody(open_from, 5, len(CONTENT))
    assert b"".join(body.blocks(128)) == CONTENT[5:]
    assert opened == list(range(5, len(CONTENT), 300))


def test_one_byte_starts_the_count_of_tries_again_and_none_ends_it():
    # The connection that gave the byte counts as the first of the next tries.
    fruitless = [0] * (FRUITLESS_TRIES - 1)
    lengths = [*fruitless, 1, *fruitless[1:], 1, *fruitless[1:], 1, *fruitless]
    opened = iter(lengths)
    body = ResumingBody(lambda position: Breaking(CONTENT[position:], next(opened), None), 0, 100)
    assert [body.read(50) for _ in range(3)] == [CONTENT[0:1], CONTENT[1:2], CONTENT[2:3]]
    with pytest.raises(BrokenOff, match="3 of 100 bytes"):
        body.read(50)
    assert next(opened, None) is None


def test_a_store_that_is_away_for_a_moment_is_asked_again():
    answers = iter([StoreUnavailable(operation="GetObject"), None])

    def open_from(position):
        if problem := next(answers):
            raise problem
        return io.BytesIO(CONTENT[position:])

    assert ResumingBody(open_from, 0, len(CONTENT)).read(9) == CONTENT[:9]


def test_a_store_that_stays_away_is_reported_as_that():
    def open_from(position):
        raise StoreUnavailable(operation="GetObject")

    with pytest.raises(StoreUnavailable):
        ResumingBody(open_from, 0, 9).read(9)


def test_a_refusal_is_not_asked_for_twice():
    asked = []

    class Refused(Exception):
        pass

    def refusing(position):
        asked.append(position)
        raise Refused

    with pytest.raises(Refused):
        ResumingBody(refusing, 0, 9).read(9)
    assert asked == [0]


def test_bodies_are_closed_at_the_end_and_when_reading_stops():
    bodies = []

    def open_from(position):
        bodies.append(io.BytesIO(CONTENT[position:]))
        return bodies[-1]

    assert len(b"".join(ResumingBody(open_from, 0, len(CONTENT)).blocks(100))) == len(CONTENT)
    blocks = ResumingBody(open_from, 0, len(CONTENT)).blocks(100)
    next(blocks)
    blocks.close()
    assert [body.closed for body in bodies] == [True, True]
