"""A store that hangs or fails keeps few calls waiting and no portal; one that works is never in the way."""

import re
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from s3portal.transfer import (
    CALL,
    COMPLETE,
    LOOK,
    StoreBusy,
    StoreUnavailable,
    UploadNotFound,
    asking,
    is_away,
)
from s3portal.transfer.deadlines import DeadlineReached
from s3portal.transfer.error_translation import store_errors
from s3portal.transfer.store import Store

CHECKOUT = Path(__file__).resolve().parents[2]

#: In this lane nobody waits for a place.
STRICT = replace(CALL, name="strict", places=2, places_for_a_user=1, slow_after_s=-1)


@pytest.fixture
def skip(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the clock on by so many seconds."""
    real, skipped_s = time.monotonic, [0.0]
    monkeypatch.setattr("time.monotonic", lambda: real() + skipped_s[0])

    def skip_seconds(seconds: float) -> None:
        skipped_s[0] += seconds

    return skip_seconds


def answered(status: int) -> ClientError:
    """An error that the store answers."""
    return ClientError(
        {"Error": {"Code": "Code"}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
        "HeadObject",
    )


def ask(store: Store, error: Exception | None = None, lane=CALL) -> None:
    """One call, which meets this error."""
    with asking(store, lane), store_errors("HeadObject"):
        if error:
            raise error


def fail(store: Store, error: Exception, times: int = 1, lane=CALL) -> None:
    """So many calls that fail, each of which is let in."""
    for _ in range(times):
        with pytest.raises(Exception) as raised:
            ask(store, error, lane)
        assert not isinstance(raised.value, StoreBusy)


def test_a_full_lane_with_slow_calls_refuses_the_next_one_at_once(scripted_store):
    with asking(scripted_store, STRICT), asking(scripted_store, STRICT):
        with pytest.raises(StoreBusy) as refused, asking(scripted_store, STRICT):
            pytest.fail("one more was let in")
        # Other kinds of calls have places of their own.
        ask(scripted_store, lane=COMPLETE)

    assert refused.value.http_status == 503
    assert refused.value.as_dict()["retry_after_s"] >= 1
    ask(scripted_store, lane=STRICT)


def test_one_user_does_not_take_all_places(scripted_store):
    with asking(scripted_store, STRICT, user="anna"):
        with pytest.raises(StoreBusy), asking(scripted_store, STRICT, user="anna"):
            pytest.fail("one more of the same user was let in")
        with asking(scripted_store, STRICT, user="ben"):
            pass


def test_completes_of_one_user_leave_places_to_others():
    assert COMPLETE.places_for_a_user < COMPLETE.places


def test_a_place_that_becomes_free_soon_is_waited_for(scripted_store):
    lane = replace(CALL, name="patient", places=1, slow_after_s=60)
    came_in, began = threading.Event(), threading.Event()

    def call() -> None:
        began.set()
        with asking(scripted_store, lane):
            came_in.set()

    second = threading.Thread(target=call)
    with asking(scripted_store, lane):
        second.start()
        began.wait()
        assert not came_in.is_set()
    second.join()
    assert came_in.is_set()


def test_more_calls_than_places_all_come_through_while_the_store_is_quick(scripted, scripted_store):
    scripted.answer()
    failed = []

    def call() -> None:
        try:
            with asking(scripted_store), store_errors("HeadBucket"):
                scripted_store.client().head_bucket(Bucket="river-data")
        except StoreUnavailable as error:
            failed.append(error)

    threads = [threading.Thread(target=call) for _ in range(3 * CALL.places)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


@pytest.mark.parametrize(
    "error",
    [answered(500), answered(502), answered(503), answered(504), ConnectTimeoutError(endpoint_url="u")],
)
def test_after_three_failures_the_store_is_left_alone_for_a_while(scripted_store, skip, error):
    fail(scripted_store, error, times=2)
    assert not is_away(scripted_store)
    fail(scripted_store, error)

    assert is_away(scripted_store)
    for lane in (CALL, COMPLETE, LOOK):
        with pytest.raises(StoreBusy) as refused:
            ask(scripted_store, lane=lane)
        assert 1 <= refused.value.retry_after_s <= 5
    skip(5)
    ask(scripted_store)
    assert not is_away(scripted_store)


@pytest.mark.parametrize("error", [answered(400), answered(403), answered(404), answered(409), answered(429),
                                   answered(501), UploadNotFound(), KeyError("UploadId"),
                                   DeadlineReached(endpoint_url="u")])  # fmt: skip
def test_what_the_store_refuses_does_not_close_the_gate(scripted_store, error):
    fail(scripted_store, error, times=10)
    ask(scripted_store)


def test_failures_that_are_not_in_a_row_do_not_close_the_gate(scripted_store):
    for _ in range(3):
        fail(scripted_store, answered(503), times=2)
        ask(scripted_store)
    fail(scripted_store, answered(503), times=2)
    fail(scripted_store, answered(404))
    fail(scripted_store, answered(503), times=2)
    assert not is_away(scripted_store)


def test_one_call_that_waited_until_its_deadline_is_enough(scripted_store, skip):
    with pytest.raises(StoreUnavailable), asking(scripted_store), store_errors("HeadObject"):
        skip(CALL.within_s)
        raise ConnectTimeoutError(endpoint_url="u")

    assert is_away(scripted_store)


def test_after_the_pause_one_call_tries_and_the_others_wait_for_how_that_ends(scripted_store, skip):
    fail(scripted_store, answered(503), times=3)
    skip(5)
    with asking(scripted_store):
        assert is_away(scripted_store)
        with pytest.raises(StoreBusy):
            ask(scripted_store)
    ask(scripted_store)


def test_a_store_that_stays_away_is_tried_less_and_less_often_but_always_again(scripted_store, skip):
    fail(scripted_store, answered(503), times=3)
    pauses = []
    for _ in range(6):
        with pytest.raises(StoreBusy) as refused:
            ask(scripted_store)
        pauses.append(refused.value.retry_after_s)
        skip(pauses[-1])
        fail(scripted_store, answered(503))
    assert pauses == [5, 10, 20, 30, 30, 30]


def test_calls_that_fail_together_close_the_gate_for_one_pause(scripted_store):
    all_inside = threading.Barrier(5)

    def call() -> None:
        with pytest.raises(StoreUnavailable), asking(scripted_store), store_errors("HeadObject"):
            all_inside.wait()
            raise answered(503)

    threads = [threading.Thread(target=call) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with pytest.raises(StoreBusy) as refused:
        ask(scripted_store)
    assert refused.value.retry_after_s <= 5


def test_a_look_that_is_cut_short_says_nothing_of_the_store(scripted_store):
    fail(scripted_store, ConnectTimeoutError(endpoint_url="u"), times=10, lane=LOOK)
    assert not is_away(scripted_store)


def test_sts_that_is_away_stops_no_call_to_s3(scripted_store):
    for _ in range(3):
        with pytest.raises(StoreUnavailable), asking(scripted_store, of="sts"), store_errors("AssumeRole"):
            raise answered(503)
    with pytest.raises(StoreBusy), asking(scripted_store, of="sts"):
        pytest.fail("STS was asked")
    ask(scripted_store)


def test_all_buckets_of_an_endpoint_are_behind_one_gate(scripted_store):
    fail(scripted_store, answered(503), times=3)
    assert is_away(scripted_store.beside("another-bucket"))


@pytest.mark.parametrize(
    "file, constant",
    [
        ("s3portal/client/ckan.py", r"CALL_TIMEOUT_S = ([\d_.]+)"),
        ("js/src/core/post-json.js", r"CALL_TIMEOUT_MS = ([\d_]+)_000"),
    ],
)
def test_clients_wait_longer_than_a_portal_does(file, constant):
    """Otherwise they would ask again while the first call still has its place."""
    found = re.search(constant, (CHECKOUT / file).read_text())
    assert found is not None
    assert float(found[1]) > 2 * COMPLETE.within_s > 2 * CALL.within_s
