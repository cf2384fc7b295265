"""Items that are read as they come from S3, without a file on the disk."""

import gzip
import hashlib
import io
import random

import dtoolcore
import pytest
from datasets import item_key, put_bytes

from s3portal.dtool.errors import ItemDamaged, ObjectMissing, StoreFailed, UnknownItem

MIB = 1024 * 1024
BIG = random.Random(1).randbytes(5 * MIB + 17)


@pytest.fixture
def dataset(bundled, tmp_path):
    proto = dtoolcore.create_proto_dataset("rivers", bundled.uri)
    put_bytes(proto, tmp_path, "big.bin", BIG)
    put_bytes(proto, tmp_path, "deep/lines.csv.gz", gzip.compress(b"1,2\n3,4\n"))
    put_bytes(proto, tmp_path, "empty", b"")
    proto.freeze()
    return dtoolcore.DataSet.from_uri(proto.uri)


def identifier_of(relpath):
    return hashlib.sha1(relpath.encode()).hexdigest()


@pytest.fixture
def open_item(dataset):
    return lambda relpath: dataset._storage_broker.open_item(identifier_of(relpath))


def test_an_item_is_read_as_it_comes_and_not_cached(open_item, home, s3_server):
    with open_item("big.bin") as content:
        assert content.read() == BIG
    assert not (home / ".cache/dtool").exists()
    with open_item("empty") as content:
        assert content.read() == b""


def test_only_what_is_read_is_fetched(open_item, s3_server):
    before = len(s3_server.requests)
    with open_item("big.bin") as content:
        content.seek(-17, io.SEEK_END)
        assert content.read() == BIG[-17:]
    s3_server.wait_until_idle()
    asked = [request for request in s3_server.requests[before:] if request.operation == "GetObject"]
    (sent,) = [request.bytes_out for request in asked if request.key.endswith(identifier_of("big.bin"))]
    assert sent < MIB


@pytest.mark.parametrize("seed", range(3))
def test_it_reads_and_seeks_as_a_file_does(open_item, seed):
    chance, file = random.Random(seed), io.BytesIO(BIG)
    with open_item("big.bin") as content:
        for _ in range(30):
            whence = chance.choice([io.SEEK_SET, io.SEEK_CUR, io.SEEK_END])
            offset = chance.randrange(-len(BIG), len(BIG))
            if whence == io.SEEK_SET or (file.tell() + offset < 0 and whence == io.SEEK_CUR):
                offset = abs(offset)
            if whence == io.SEEK_END:
                offset = -abs(offset)
            assert content.seek(offset, whence) == file.seek(offset, whence)
            length = chance.randrange(100_000)
            assert content.read(length) == file.read(length)


def test_python_reads_compressed_lines_from_it(open_item):
    with open_item("deep/lines.csv.gz") as content, gzip.open(content, "rt") as lines:
        assert list(lines) == ["1,2\n", "3,4\n"]


def test_an_answer_that_breaks_off_is_gone_on_with(open_item, s3_server):
    s3_server.faults.add("GetObject", cut_body_at=MIB, every=2)
    with open_item("big.bin") as content:
        assert content.read() == BIG


def test_one_that_always_breaks_off_is_said(open_item, s3_server, impatient):
    content = open_item("big.bin")
    s3_server.faults.add("GetObject", drop=True)
    with pytest.raises(StoreFailed, match="DTOOL_S3_ENDPOINT_test-bucket"):
        content.read()


def test_another_content_is_said_at_the_end(open_item, dataset, bundled):
    bundled.put(item_key(dataset, "big.bin"), b"x" * len(BIG))
    with open_item("big.bin") as content, pytest.raises(ItemDamaged, match=r"big\.bin is not what"):
        content.read()


def test_an_object_that_is_replaced_in_the_meantime_is_not_mixed_with_the_other(open_item, dataset, bundled):
    with open_item("big.bin") as content:
        content.read(10)
        bundled.put(item_key(dataset, "big.bin"), b"x" * len(BIG))
        content.seek(4 * MIB)
        with pytest.raises(StoreFailed, match="412"):
            content.read()


def test_what_is_in_the_cache_is_read_from_there(open_item, dataset, bundled):
    dataset.item_content_abspath(identifier_of("big.bin"))
    bundled.delete(item_key(dataset, "big.bin"))
    with open_item("big.bin") as content:
        assert content.read() == BIG


def test_unknown_and_lost_items_are_said(open_item, dataset, bundled):
    with pytest.raises(UnknownItem, match="no item"):
        open_item("never.csv")
    bundled.delete(item_key(dataset, "big.bin"))
    with pytest.raises(ObjectMissing):
        open_item("big.bin")


def test_dtool_cat_writes_an_item_by_its_path_or_identifier(dataset, shell, on_disk):
    for item in ("deep/lines.csv.gz", identifier_of("deep/lines.csv.gz")):
        shown = shell.bytes("cat", dataset.uri, item)
        assert gzip.decompress(shown) == b"1,2\n3,4\n"
    assert shell.bytes("cat", on_disk({"a.csv": b"on the disk"}), "a.csv") == b"on the disk"


def test_dtool_cat_of_an_unknown_item_is_a_sentence(dataset, dtool):
    refused = dtool("cat", dataset.uri, "never.csv")
    assert refused.returncode == 1
    assert refused.stderr == "Error: The dataset has no item never.csv. dtool ls lists those that it has.\n"
