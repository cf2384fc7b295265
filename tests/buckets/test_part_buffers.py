"""The memory of parts that are on their way is bounded, and used again."""

import threading

import pytest

from s3portal.buckets.sync.part_buffers import PartBuffers


def test_parts_never_have_more_memory_together_than_they_may():
    buffers, lock = PartBuffers(100), threading.Lock()
    taken, most = [], []

    def use(length):
        for _ in range(200):
            with buffers.taken(length) as buffer:
                with lock:
                    taken.append(len(buffer))
                    most.append(sum(taken))
                with lock:
                    taken.remove(len(buffer))

    threads = [threading.Thread(target=use, args=(length,)) for length in (30, 40, 50, 60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 800
    assert max(most) <= 100


def test_a_part_that_is_larger_than_all_goes_alone():
    buffers, order = PartBuffers(100), []

    def large():
        with buffers.taken(1000) as buffer:
            order.append(len(buffer))

    with buffers.taken(1):
        thread = threading.Thread(target=large)
        thread.start()
        order.append(1)
    thread.join()
    assert order == [1, 1000]


def test_memory_is_used_again():
    buffers = PartBuffers(100)
    with buffers.taken(50) as first:
        first[:] = b"x" * 50
    with buffers.taken(50) as second:
        assert bytes(second) == b"x" * 50
    # Of another length, it is another one.
    with buffers.taken(60) as third:
        assert bytes(third) == bytes(60)


def test_after_an_error_a_thread_that_hangs_may_still_write_to_it():
    buffers = PartBuffers(100)
    with pytest.raises(OSError, match="hangs"), buffers.taken(100) as first:
        raise OSError("hangs")
    with buffers.taken(100) as second:
        first[:] = b"late" * 25
        assert bytes(second) == bytes(100)
