"""The queue: side by side, bounded, and nothing that fails is lost sight of."""

import subprocess
import sys
import threading

import pytest

from s3portal.dtool import item_queue
from s3portal.dtool.errors import ItemsNotStored, StoreFailed
from s3portal.dtool.item_queue import ItemQueue


def fail():
    raise StoreFailed("S3 answered 503")


@pytest.fixture
def queue():
    queue = ItemQueue()
    queue.send("first", 0, lambda: None)
    yield queue
    item_queue._unfinished.discard(queue)


def test_items_are_stored_side_by_side(queue):
    together = threading.Barrier(3, timeout=60)
    for name in ("a", "b", "c"):
        queue.send(name, 1, together.wait)
    queue.finish()


def test_the_first_item_is_waited_for():
    stored = []
    ItemQueue().send("a", 1, lambda: stored.append("a"))
    assert stored == ["a"]


def test_the_first_item_fails_at_once():
    with pytest.raises(ItemsNotStored, match="a: S3 answered 503"):
        ItemQueue().send("a", 1, fail)


def test_a_failure_is_raised_by_finish_again_and_again(queue):
    queue.send("a", 1, fail)
    for _ in range(2):
        with pytest.raises(ItemsNotStored) as raised:
            queue.finish()
        assert raised.value.reasons == {"a": "S3 answered 503"}


def test_after_a_failure_nothing_else_is_sent_and_both_are_named(queue):
    queue.send("a", 1, fail)
    with pytest.raises(ItemsNotStored):
        queue.finish()
    with pytest.raises(ItemsNotStored) as raised:
        queue.send("b", 1, lambda: pytest.fail("b was sent"))
    assert list(raised.value.reasons) == ["a", "b"]


def test_what_failed_can_be_put_again(queue):
    queue.send("a", 1, fail)
    with pytest.raises(ItemsNotStored):
        queue.finish()
    queue.send("a", 1, lambda: None)
    queue.finish()


def test_an_item_put_twice_is_stored_in_that_order(queue):
    first_may_end, stored = threading.Event(), []

    def slow():
        assert first_may_end.wait(60)
        stored.append("old")

    queue.send("a", 1, slow)
    threading.Timer(0.05, first_may_end.set).start()
    queue.send("a", 1, lambda: stored.append("new"))
    queue.finish()
    assert stored == ["old", "new"]


def test_what_waits_in_memory_is_bounded(queue, monkeypatch):
    monkeypatch.setattr(item_queue, "_WAITING_BYTES", 100)
    running, most, lock = [], [], threading.Lock()

    def store():
        with lock:
            running.append(1)
            most.append(len(running))
        with lock:
            running.pop()

    for number in range(40):
        queue.send(str(number), 30, store)
    queue.finish()
    assert max(most) <= 3


def test_an_item_larger_than_the_bound_still_goes(queue, monkeypatch):
    monkeypatch.setattr(item_queue, "_WAITING_BYTES", 100)
    queue.send("big", 1000, lambda: None)
    queue.finish()


def test_after_ctrl_c_what_waits_is_dropped_and_known_to_be_missing(queue, monkeypatch):
    monkeypatch.setattr(item_queue, "_WAITING_ITEMS", 100)
    may_end = threading.Event()
    for number in range(60):
        queue.send(str(number), 1, lambda: may_end.wait(60))

    def interrupt(until):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(queue, "_wait", interrupt)
        with pytest.raises(KeyboardInterrupt):
            queue.finish()
    may_end.set()
    with pytest.raises(ItemsNotStored) as raised:
        queue.finish()
    assert "interrupted before it was sent" in raised.value.reasons["59"]


SCRIPT = """
from s3portal.dtool.errors import StoreFailed
from s3portal.dtool.item_queue import ItemQueue
def fail():
    raise StoreFailed("S3 answered 503")
queue = ItemQueue()
queue.send("first", 0, lambda: None)
queue.send("rivers.csv", 0, {store})
"""


def test_a_script_that_ends_without_freezing_waits_for_its_items():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(store="lambda: print('stored')")], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "stored\n")


def test_a_script_that_ends_without_freezing_fails_if_an_item_did():
    done = subprocess.run([sys.executable, "-c", SCRIPT.format(store="fail")], capture_output=True, text=True)
    assert done.returncode == 1
    assert "rivers.csv: S3 answered 503" in done.stderr


INTERRUPTED_SCRIPT = """
import threading
from s3portal.dtool.item_queue import ItemQueue
queue = ItemQueue()
queue.send("first", 0, lambda: None)
for number in range(60):
    queue.send(str(number), 0, threading.Event().wait)
raise KeyboardInterrupt
"""


def test_a_script_that_ctrl_c_meets_between_two_items_waits_for_none():
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_SCRIPT], capture_output=True, text=True, timeout=120
    )
    assert done.returncode != 0
    assert done.stderr.endswith("KeyboardInterrupt\n")
