"""Items on the local disk: fetched once, checked, and ahead of need."""

import errno
import hashlib
import io
import os
from pathlib import Path

import dtoolcore
import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.response import StreamingBody
from datasets import contents_of, item_key, put_bytes
from waiting import wait_until

from s3portal.dtool import item_reader, settings
from s3portal.dtool.big_files import PART_BYTES
from s3portal.dtool.errors import (
    CacheUnusable,
    ItemDamaged,
    ObjectMissing,
    StoreFailed,
    TooManyOpenFiles,
    UnknownItem,
)
from s3portal.dtool.file_lock import try_lock
from s3portal.dtool.item_reader import ItemReader, PartialFiles, WantedItem

MIB = 1024 * 1024
BIG = bytes(range(256)) * (33 * MIB // 256)


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


def test_an_unknown_item_is_said_with_what_may_be_meant(dataset, identifier):
    with pytest.raises(UnknownItem, match=f"dtool identifiers .* relative path is {identifier}"):
        dataset.item_content_abspath("rivers.tar.gz")


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
@pytest.mark.parametrize("size", [10, 9 * MIB])
def test_others_may_read_what_is_cached_as_the_umask_says(proto, tmp_path, umask, mode, size):
    put_bytes(proto, tmp_path, "a.bin", b"x" * size)
    proto.freeze()
    dataset = dtoolcore.DataSet.from_uri(proto.uri)
    before = os.umask(umask)
    try:
        (path,) = [dataset.item_content_abspath(name) for name in dataset.identifiers]
    finally:
        os.umask(before)
    assert Path(path).stat().st_mode & 0o777 == mode


def test_what_was_read_before_the_freeze_is_not_what_the_cache_holds_after_it(proto, tmp_path):
    put_bytes(proto, tmp_path, "a.csv", b"old")
    (name,) = proto._identifiers()
    assert Path(proto._storage_broker.get_item_abspath(name)).read_bytes() == b"old"
    put_bytes(proto, tmp_path, "a.csv", b"new")
    assert Path(proto._storage_broker.get_item_abspath(name)).read_bytes() == b"new"
    proto.freeze()
    assert contents_of(proto.uri) == {"a.csv": b"new"}


def test_items_put_after_a_freeze_that_was_interrupted_are_read(proto, tmp_path, bucket):
    put_bytes(proto, tmp_path, "a.csv", b"a")
    proto._storage_broker.put_manifest(proto.generate_manifest())
    put_bytes(proto, tmp_path, "b.csv", b"b")
    names = list(proto._identifiers())
    read = {Path(proto._storage_broker.get_item_abspath(name)).read_bytes() for name in names}
    assert read == {b"a", b"b"}


def too_many_open_files(*_, **__):
    raise OSError(errno.EMFILE, "Too many open files")


def test_too_many_open_files_are_said_whatever_met_them(dataset, identifier, proto, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(item_reader._partial_files, "make", too_many_open_files)
        with pytest.raises(TooManyOpenFiles, match="ulimit -n"):
            dataset.item_content_abspath(identifier)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", too_many_open_files)
        with pytest.raises(TooManyOpenFiles, match="ulimit -n"):
            put_bytes(proto, tmp_path, "b.csv", b"b")
    with monkeypatch.context() as patch:
        patch.setattr("socket.socket.connect", too_many_open_files)
        patch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)
        settings.store_of.cache_clear()
        with pytest.raises(TooManyOpenFiles, match="ulimit -n"):
            dtoolcore.DataSet.from_uri(dataset.uri)


@pytest.fixture
def bundled_dataset(bundled, tmp_path):
    """A dataset of one small item and one of three parts on the bundled server."""
    proto = dtoolcore.create_proto_dataset("rivers", bundled.uri)
    put_bytes(proto, tmp_path, "small.bin", b"right")
    put_bytes(proto, tmp_path, "big.bin", BIG)
    proto.freeze()
    return dtoolcore.DataSet.from_uri(proto.uri)


def name_of(relpath):
    return hashlib.sha1(relpath.encode()).hexdigest()


class DamagedAnswers:
    """Changes the first byte of each of the first answers to GET that have an item's content."""

    def __init__(self, broker, answers):
        self.left = answers
        broker._objects.store.client().meta.events.register("after-call.s3.GetObject", self)

    def __call__(self, parsed, context, **_):
        body = parsed.get("Body")
        if self.left and body and "checksum" in parsed.get("Metadata", {}):
            self.left -= 1
            content = bytearray(body.read())
            content[0] ^= self.left + 1
            parsed["Body"] = StreamingBody(io.BytesIO(bytes(content)), len(content))


@pytest.mark.parametrize(("item", "answers"), [("small.bin", 2), ("big.bin", 1)])
def test_what_arrives_damaged_is_fetched_again(bundled_dataset, item, answers):
    DamagedAnswers(bundled_dataset._storage_broker, answers)
    path = Path(bundled_dataset.item_content_abspath(name_of(item)))
    assert (
        hashlib.md5(path.read_bytes()).hexdigest() == bundled_dataset.item_properties(name_of(item))["hash"]
    )


def test_what_always_arrives_damaged_is_the_networks_doing(bundled_dataset, home):
    DamagedAnswers(bundled_dataset._storage_broker, 100)
    with pytest.raises(ItemDamaged, match="Each time it arrived altered"):
        bundled_dataset.item_content_abspath(name_of("small.bin"))
    assert list((home / ".cache/dtool" / bundled_dataset.uuid).iterdir()) == []


class Cable:
    """Pulled out for all parts of big items but the first, while ``pulled``."""

    def __init__(self, broker):
        self.pulled = True
        self.fetched = []
        broker._objects.store.client().meta.events.register("provide-client-params.s3.GetObject", self)

    def __call__(self, params, **_):
        if start := params.get("Range"):
            if self.pulled and not start.startswith("bytes=0-"):
                raise EndpointConnectionError(endpoint_url="http://store", error="no cable")
            self.fetched.append(int(start.removeprefix("bytes=").partition("-")[0]) // PART_BYTES)


@pytest.fixture
def cable(bundled_dataset):
    """A big item of which the first part was fetched, and whose cable is in again."""
    cable = Cable(bundled_dataset._storage_broker)
    with pytest.raises(StoreFailed, match="http://store"):
        bundled_dataset.item_content_abspath(name_of("big.bin"))
    assert cable.fetched == [0]
    cable.pulled, cable.fetched = False, []
    return cable


def test_a_big_item_that_was_interrupted_resumes_with_the_rest(bundled_dataset, cable):
    path = Path(bundled_dataset.item_content_abspath(name_of("big.bin")))
    assert path.read_bytes() == BIG
    assert sorted(cable.fetched) == [1, 2]
    assert [file.name for file in path.parent.iterdir()] == [f"{name_of('big.bin')}.bin"]


def partial_of(dataset, home):
    return home / ".cache/dtool" / dataset.uuid / f"{name_of('big.bin')}.partial"


def test_another_object_is_not_mixed_with_what_was_fetched(bundled_dataset, cable, bundled):
    key = item_key(bundled_dataset, "big.bin")
    # The same content in one part has another ETag.
    bundled.put(key, BIG, **bundled.metadata(key))
    path = Path(bundled_dataset.item_content_abspath(name_of("big.bin")))
    assert path.read_bytes() == BIG
    assert sorted(cable.fetched) == [0, 1, 2]


def test_what_was_fetched_and_then_damaged_on_the_disk_is_fetched_again(bundled_dataset, cable, home):
    with partial_of(bundled_dataset, home).open("r+b") as file:
        file.write(b"damage")
    path = Path(bundled_dataset.item_content_abspath(name_of("big.bin")))
    assert path.read_bytes() == BIG
    assert sorted(cable.fetched) == [0, 1, 1, 2, 2]


def test_what_another_process_fetches_is_left_to_it(bundled_dataset, cable, home):
    with partial_of(bundled_dataset, home).open("r+b") as file:
        assert try_lock(file)
        path = Path(bundled_dataset.item_content_abspath(name_of("big.bin")))
    assert path.read_bytes() == BIG
    assert sorted(cable.fetched) == [0, 1, 2]


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
    with pytest.raises(StoreFailed, match="this process is ending"):
        files.make(tmp_path, "008")
    assert list(tmp_path.glob("*.part")) == []


def test_an_extension_that_is_a_sentence_is_left_out(objects, tmp_path):
    items = {"0a": WantedItem("notes. " + "and so on " * 90, 2, "")}
    assert ItemReader(objects, "", tmp_path, items).abspath("0a") == str(tmp_path / "0a")
