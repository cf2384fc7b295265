"""Processes that are forked while a dataset is read or filled, as multiprocessing does."""

import os
import signal
import threading
from pathlib import Path

import dtoolcore
import pytest
from datasets import contents_of, put_bytes
from waiting import LONGEST_S

from s3portal.dtool import item_reader, workers
from s3portal.dtool.errors import ItemsNotStored

ITEMS = {f"{number:03}.csv": b"%d" % number for number in range(150)}


def in_a_child(work):
    """What the child process, in which ``work`` runs, exits with. One that hangs is ended."""
    child = os.fork()
    if not child:
        signal.alarm(LONGEST_S)
        status = 1
        try:
            status = work() or 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.fixture
def dataset(bucket, on_disk, dtool):
    return dtoolcore.DataSet.from_uri(dtool.ok("cp", "-q", on_disk(ITEMS), bucket.uri))


def test_a_child_keeps_reading_what_its_parent_read_ahead(dataset):
    first, second, *rest = dataset.identifiers
    dataset.item_content_abspath(first)
    dataset.item_content_abspath(second)

    def read_the_rest():
        for identifier in rest:
            content = Path(dataset.item_content_abspath(identifier)).read_bytes()
            assert content == ITEMS[dataset.item_properties(identifier)["relpath"]]

    assert in_a_child(read_the_rest) == 0
    assert len(contents_of(dataset.uri)) == len(ITEMS)


def test_locks_that_were_held_during_a_fork_hang_no_child(dataset):
    held, forked = threading.Event(), threading.Event()
    locks = [workers._locks.setdefault(os.getpid(), threading.Lock()), item_reader._partial_files._lock]
    locks += [dataset._storage_broker._queue._changed]
    store = dataset._storage_broker._objects.store
    store.client()
    locks += [store._locks[os.getpid()]]

    def hold_them():
        for lock in locks:
            lock.acquire()
        held.set()
        forked.wait()
        for lock in locks:
            lock.release()

    holder = threading.Thread(target=hold_them)
    holder.start()
    held.wait()
    try:
        assert in_a_child(lambda: len(contents_of(dataset.uri)) != len(ITEMS)) == 0
        broker = dataset._storage_broker
        assert in_a_child(lambda: len(list(broker.iter_item_handles())) != len(ITEMS)) == 0
    finally:
        forked.set()
        holder.join()


def test_a_child_does_not_freeze_what_its_parent_still_sends(bundled, tmp_path, s3_server):
    proto = dtoolcore.create_proto_dataset("rivers", bundled.uri)
    put_bytes(proto, tmp_path, "first.csv", b"first")
    with s3_server.faults.hold("PutObject") as hold:
        put_bytes(proto, tmp_path, "second.csv", b"second")
        hold.wait_for(1)

        def freeze():
            try:
                proto.freeze()
            except ItemsNotStored as error:
                return 7 if "second.csv" in error.reasons else 8

        assert in_a_child(freeze) == 7
    proto.freeze()
    assert contents_of(proto.uri) == {"first.csv": b"first", "second.csv": b"second"}


def test_the_end_of_a_child_leaves_the_parents_files_alone(tmp_path):
    files = item_reader.PartialFiles()
    descriptor, path = files.make(tmp_path, "007")
    os.close(descriptor)
    assert in_a_child(files.end) == 0
    assert path.exists()
    files.end()
    assert not path.exists()
