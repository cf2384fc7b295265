"""A deadline holds for everything that is asked inside, whatever the store does meanwhile."""

import socket
import threading
from collections.abc import Callable, Iterator

import pytest
from scripted_store import ScriptedStore

from s3portal.transfer import Store, StoreUnavailable, TransferSettings, open_store
from s3portal.transfer.deadlines import deadline, time_left_s
from s3portal.transfer.error_translation import store_errors

# Without a deadline a test that hangs would take four minutes. No test asserts how long one took.
_HANGS_S = 60

BLANKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


class HangingStore:
    """Accepts connections and reads what comes; ``answer`` says what it does besides."""

    def __init__(self, answer: Callable[[socket.socket], None]) -> None:
        self.connections = 0
        self._answer = answer
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def store(self) -> Store:
        """The portal's side, its client made already: reading boto3's files takes a while."""
        store = open_store(
            TransferSettings(
                s3_bucket="river-data",
                s3_endpoint=f"http://127.0.0.1:{self._listening.getsockname()[1]}",
                checksum="off",
                s3_access_key_id="AKIDEXAMPLE",
                s3_secret_access_key="wJalrXUtnFEMI",
            )
        )
        store.client()
        return store

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            connection.recv(65536)
            self._answer(connection)
        except OSError:
            pass  # the client gave up, which is what the tests are about

    def close(self) -> None:
        self._listening.close()
        for connection in self._open:
            connection.close()


@pytest.fixture
def hanging() -> Iterator[Callable[[Callable[[socket.socket], None]], HangingStore]]:
    """Makes stores that hang as the test says."""
    made: list[HangingStore] = []

    def make(answer: Callable[[socket.socket], None]) -> HangingStore:
        made.append(HangingStore(answer))
        return made[-1]

    yield make
    for each in made:
        each.close()


def head(store: Store, within_s: float | None = None) -> None:
    """One request, as the transfers make them."""
    with store_errors("HeadBucket"):
        if within_s is None:
            store.client().head_bucket(Bucket=store.bucket)
        else:
            with deadline(within_s):
                store.client().head_bucket(Bucket=store.bucket)


def ended(call: Callable[[], None]) -> Exception | None:
    """What the call raised. Fails where it goes on and on."""
    raised: list[Exception | None] = []

    def run() -> None:
        try:
            call()
        except Exception as error:  # noqa: BLE001 - it is looked at by the test
            raised.append(error)
        else:
            raised.append(None)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(_HANGS_S)
    assert raised, "the call does not obey its deadline"
    return raised[0]


def say_nothing(connection: socket.socket) -> None:
    """Keeps the connection open."""


def test_a_store_that_never_answers_is_given_up_at_the_deadline_and_not_asked_again(hanging):
    hung = hanging(say_nothing)
    store = hung.store

    assert isinstance(ended(lambda: head(store, within_s=1)), StoreUnavailable)

    assert hung.connections == 1


def test_a_store_that_sends_blanks_for_ever_is_given_up_too(hanging):
    """As S3 does while it puts an object together: there is always something to read."""

    def send_blanks(connection: socket.socket) -> None:
        connection.sendall(BLANKS)
        while True:
            connection.sendall(b"1\r\n \r\n")

    store = hanging(send_blanks).store

    def complete() -> None:
        with store_errors("CompleteMultipartUpload"), deadline(1):
            store.client().complete_multipart_upload(
                Bucket=store.bucket, Key="k", UploadId="u", MultipartUpload={"Parts": []}
            )

    assert isinstance(ended(complete), StoreUnavailable)


def test_a_store_that_stops_in_the_middle_of_an_answer_is_given_up_too(hanging):
    hung = hanging(lambda connection: connection.sendall(BLANKS + b"1\r\n \r\n"))
    store = hung.store

    def list_buckets() -> None:
        with store_errors("ListBuckets"), deadline(1):
            store.client().list_buckets()

    assert isinstance(ended(list_buckets), StoreUnavailable)


def test_an_answer_that_ends_in_its_middle_is_asked_for_again(hanging):
    def cut(connection: socket.socket) -> None:
        connection.sendall(BLANKS + b"5\r\n ")
        connection.close()

    hung = hanging(cut)

    def list_buckets() -> None:
        with store_errors("ListBuckets"), deadline(30):
            hung.store.client().list_buckets()

    assert isinstance(ended(list_buckets), StoreUnavailable)
    assert hung.connections == 4


@pytest.fixture(autouse=True)
def client_is_there(request: pytest.FixtureRequest) -> None:
    """Making a client reads boto3's files, which takes a while and is no request."""
    if "scripted_store" in request.fixturenames:
        request.getfixturevalue("scripted_store").client()


def test_nothing_is_tried_again_that_would_come_too_late(scripted: ScriptedStore, scripted_store: Store):
    scripted.error(503, "SlowDown")

    with pytest.raises(StoreUnavailable):
        head(scripted_store, within_s=1)

    assert len(scripted.requests) == 1


def test_there_are_as_many_tries_as_ever_while_there_is_time(scripted: ScriptedStore, scripted_store: Store):
    scripted.error(503, "SlowDown")

    with pytest.raises(StoreUnavailable):
        head(scripted_store, within_s=30)
    with pytest.raises(StoreUnavailable):
        head(scripted_store)

    assert len(scripted.requests) == 2 * 4


def test_an_answer_after_a_retry_within_the_deadline_is_an_answer(
    scripted: ScriptedStore, scripted_store: Store
):
    scripted.hang_up()
    scripted.answer("<ListAllMyBucketsResult><Buckets/></ListAllMyBucketsResult>")

    with deadline(30):
        assert scripted_store.client().list_buckets()["Buckets"] == []


def test_nothing_is_sent_after_the_end(scripted: ScriptedStore, scripted_store: Store):
    scripted.answer()

    with pytest.raises(StoreUnavailable):
        head(scripted_store, within_s=0)

    assert scripted.requests == []


def test_a_deadline_inside_another_never_ends_later():
    assert time_left_s() is None
    with deadline(5):
        with deadline(500):
            assert time_left_s() <= 5
        with deadline(0):
            assert time_left_s() == 0
        assert time_left_s() > 0
    assert time_left_s() is None


def test_the_deadline_of_one_thread_is_not_that_of_another():
    seen = []
    with deadline(5):
        thread = threading.Thread(target=lambda: seen.append(time_left_s()))
        thread.start()
        thread.join()
    assert seen == [None]
