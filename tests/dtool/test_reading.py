"""Items on the local disk: fetched once, checked, and ahead of need."""

import errno
import hashlib
import os
from pathlib import Path

import dtoolcore
import pytest
from datasets import contents_of, item_key, put_bytes
from waiting import wait_until

from s3portal.dtool import item_reader
from s3portal.dtool.errors import CacheUnusable, ItemDamaged, ObjectMissing, StoreFailed
from s3portal.dtool.item_reader import ItemReader, PartialFiles, WantedItem


@pytest.fixture
def dataset(proto, tmp_path):
    """A frozen dataset of one item, ``rivers.tar.gz``."""
    put_bytes(proto, tmp_path, "rivers.tar.gz", b"whole")
    proto.freeze()
    return dtoolcore.DataSet.from_uri(proto.uri)


@pytest.fixture
def identifier(dataset):
    (identifier,) = dataset.identifiers
    return identifier


def test_items_are_cached_with_their_extension_and_fetched_once(dataset, identifier, home, bucket):
    path = Path(dataset.item_content_abspath(identifier))
    assert path == home / ".cache/dtool" / dataset.uuid / f"{identifier}.gz"
    bucket.delete(item_key(dataset, "rivers.tar.gz"))
    assert dtoolcore.DataSet.from_uri(dataset.uri).item_content_abspath(identifier) == str(path)


def test_a_cached_file_that_was_cut_short_is_fetched_again(dataset, identifier):
    path = Path(dataset.item_content_abspath(identifier))
    path.write_bytes(b"who")
    assert Path(dataset.item_content_abspath(identifier)).read_bytes() == b"whole"


def test_an_item_that_is_not_what_the_manifest_says_is_refused_and_not_cached(
    dataset, identifier, bucket, home
):
    bucket.put(item_key(dataset, "rivers.tar.gz"), b"other")
    with pytest.raises(ItemDamaged, match=r"rivers\.tar\.gz is not what the dataset's manifest says"):
        dataset.item_content_abspath(identifier)
    assert list((home / ".cache/dtool" / dataset.uuid).iterdir()) == []


def test_a_cache_that_cannot_be_written_is_named_with_the_way_out(dataset, identifier, monkeypatch, tmp_path):
    (tmp_path / "a-file").touch()
    monkeypatch.setenv("DTOOL_CACHE_DIRECTORY", str(tmp_path / "a-file"))
    with pytest.raises(CacheUnusable, match=r"rivers\.tar\.gz .*Not a directory.*DTOOL_CACHE_DIRECTORY"):
        dataset.item_content_abspath(identifier)


def test_a_full_disk_is_said_and_leaves_nothing_half(dataset, identifier, monkeypatch, home):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(ItemReader, "_write", full)
    with pytest.raises(CacheUnusable, match="No space left on device"):
        dataset.item_content_abspath(identifier)
    assert list((home / ".cache/dtool" / dataset.uuid).iterdir()) == []


def test_an_item_that_is_gone_is_named(dataset, identifier, bucket):
    bucket.delete(item_key(dataset, "rivers.tar.gz"))
    with pytest.raises(ObjectMissing, match=identifier):
        dataset.item_content_abspath(identifier)


def test_an_item_that_never_was_is_named(dataset):
    with pytest.raises(ObjectMissing, match="no item 0a1b"):
        dataset.item_content_abspath("0a1b")


def test_answers_that_break_off_are_asked_for_again(bundled, s3_server, tmp_path):
    proto = dtoolcore.create_proto_dataset("rivers", bundled.uri)
    put_bytes(proto, tmp_path, "a.bin", b"x" * 100_000)
    proto.freeze()
    s3_server.faults.add("GetObject", cut_body_at=50_000, every=2)
    assert contents_of(proto.uri) == {"a.bin": b"x" * 100_000}


class FakeObjects:
    """A bucket whose items are their own identifiers, and which notes what was asked for."""

    def __init__(self):
        self.asked = []

    def get(self, key):
        self.asked.append(key)
        return key.encode(), {}


@pytest.fixture
def objects():
    return FakeObjects()


@pytest.fixture
def reader(objects, tmp_path):
    items = {
        f"{number:03}": WantedItem(f"{number:03}.txt", 3, hashlib.md5(f"{number:03}".encode()).hexdigest())
        for number in range(200)
    }
    return ItemReader(objects, "", tmp_path / "cache", items)


def test_one_item_is_fetched_alone(reader, objects):
    reader.abspath("007")
    assert objects.asked == ["007"]


def test_items_that_are_read_in_order_are_fetched_ahead_and_once(reader, objects):
    for number in range(200):
        assert Path(reader.abspath(f"{number:03}")).read_text() == f"{number:03}"
        assert len(objects.asked) <= number + 1 + item_reader._AHEAD_ITEMS
    assert sorted(objects.asked) == [f"{number:03}" for number in range(200)]


def test_what_is_passed_over_does_not_keep_the_rest_from_being_fetched_ahead(reader, objects):
    for number in (0, 1, 100, 101):
        reader.abspath(f"{number:03}")
    wait_until(lambda: "150" in objects.asked, "the rest was fetched ahead")


def test_no_more_is_fetched_ahead_than_the_bytes_allow(reader, objects, monkeypatch):
    monkeypatch.setattr(item_reader, "_AHEAD_BYTES", 30)
    for number in range(100):
        reader.abspath(f"{number:03}")
        assert len(objects.asked) <= number + 1 + 10


def test_at_the_end_of_the_process_nothing_half_is_left_and_nothing_begun(tmp_path):
    files = PartialFiles()
    descriptor, path = files.make(tmp_path, "007")
    os.close(descriptor)
    files.end()
    assert not path.exists()
    with pytest.raises(StoreFailed, match="this process ends"):
        files.make(tmp_path, "008")
    assert list(tmp_path.glob("*.part")) == []


def test_an_extension_that_is_a_sentence_is_left_out(objects, tmp_path):
    items = {"0a": WantedItem("notes. " + "and so on " * 90, 2, "")}
    assert ItemReader(objects, "", tmp_path, items).abspath("0a") == str(tmp_path / "0a")
