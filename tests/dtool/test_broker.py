"""The broker through dtoolcore: what is put comes back, whatever it is called and whoever asks."""

import json
import time
from pathlib import Path

import dtoolcore
import pytest
from datasets import contents_of, item_key, put_bytes

from s3portal.dtool.broker import S3StorageBroker
from s3portal.dtool.errors import ForeignObject, ItemsNotStored, ItemUnreadable

MIB = 1024 * 1024


def test_items_come_back_under_any_name(proto, tmp_path):
    items = {
        "plain.csv": b"plain",
        "dots.in.the.name.tar.gz": b"dots",
        "with spaces/and more.txt": b"spaces",
        "Überfluß/日本語/Ångström.csv": b"not ascii",
        "no_extension": b"",
        "a/" * 498 + "end": b"nearly a thousand characters",
        "b" * 1000: b"a thousand characters",
        "percent%20and+plus&amp;?#.txt": b"signs",
    }
    for relpath, content in items.items():
        put_bytes(proto, tmp_path, relpath, content)
    proto.freeze()
    assert contents_of(proto.uri) == items


def test_a_path_too_long_for_the_metadata_of_s3_is_refused_with_the_reason(bundled, tmp_path):
    # Ceph takes longer ones.
    proto = dtoolcore.create_proto_dataset("rivers", bundled.uri)
    with pytest.raises(ItemsNotStored, match="relative path is too long"):
        put_bytes(proto, tmp_path, "水" * 1000, b"x")


def test_big_files_go_in_parts_and_come_back(proto, tmp_path, bucket):
    content = bytes(range(256)) * (33 * MIB // 256)
    put_bytes(proto, tmp_path, "big.bin", content)
    put_bytes(proto, tmp_path, "small.txt", b"small")
    proto.freeze()
    assert bucket.etag(item_key(proto, "big.bin")).endswith('-3"')
    assert contents_of(proto.uri) == {"big.bin": content, "small.txt": b"small"}


def test_an_item_put_again_is_the_last_one(proto, tmp_path):
    put_bytes(proto, tmp_path, "first.csv", b"first")
    for content in (b"old", b"older", b"new"):
        put_bytes(proto, tmp_path, "a.csv", content)
    proto.freeze()
    assert contents_of(proto.uri)["a.csv"] == b"new"


def test_the_manifest_has_size_hash_and_the_time_in_utc(proto, tmp_path, elsewhere):
    before = time.time()
    put_bytes(proto, tmp_path, "a.csv", b"abc")
    proto.freeze()
    (item,) = dtoolcore.DataSet.from_uri(proto.uri)._manifest["items"].values()
    assert item["relpath"] == "a.csv"
    assert item["size_in_bytes"] == 3
    assert item["hash"] == "900150983cd24fb0d6963f7d28e17f72"
    # The store's clock has seconds, and may be another machine's.
    assert abs(item["utc_timestamp"] - before) < 60


def test_replaced_readmes_are_kept_under_the_time_in_utc(proto, elsewhere):
    proto.freeze()
    dataset = dtoolcore.DataSet.from_uri(proto.uri)
    before = time.time()
    dataset.put_readme("description: new\n")
    (kept,) = dataset._storage_broker._list_historical_readme_keys()
    assert dataset.get_readme_content() == "description: new\n"
    assert dataset._storage_broker.get_text(kept) == "description: rivers\n"
    assert before <= float(kept.rpartition("README.yml-")[2]) <= time.time()


@pytest.fixture
def elsewhere(monkeypatch):
    """This computer, but in a time zone far from UTC."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


def test_a_proto_dataset_can_be_filled_and_frozen_by_several_commands(proto, tmp_path):
    put_bytes(proto, tmp_path, "a.csv", b"a")
    put_bytes(dtoolcore.ProtoDataSet.from_uri(proto.uri), tmp_path, "b.csv", b"b")
    dtoolcore.ProtoDataSet.from_uri(proto.uri).freeze()
    assert contents_of(proto.uri) == {"a.csv": b"a", "b.csv": b"b"}


def test_an_empty_dataset_can_be_frozen(proto):
    proto.freeze()
    assert list(dtoolcore.DataSet.from_uri(proto.uri).identifiers) == []


def test_item_metadata_become_overlays_and_the_fragments_go(proto, tmp_path, bucket):
    for relpath in ("a.csv", "b.csv"):
        put_bytes(proto, tmp_path, relpath, relpath.encode())
        proto.add_item_metadata(relpath, "depth.in.m", len(relpath))
    assert proto._storage_broker.get_item_metadata("a.csv") == {"depth.in.m": 5}
    proto.freeze()
    dataset = dtoolcore.DataSet.from_uri(proto.uri)
    assert dataset.list_overlay_names() == ["depth.in.m"]
    assert dataset.get_overlay("depth.in.m") == dict.fromkeys(dataset.identifiers, 5)
    assert bucket.list_keys(f"{proto.uuid}/fragments/") == []


def test_names_of_overlays_annotations_and_tags_may_have_dots(proto, tmp_path):
    put_bytes(proto, tmp_path, "a.csv", b"a")
    proto.freeze()
    dataset = dtoolcore.DataSet.from_uri(proto.uri)
    dataset.put_overlay("v1.2.json", dict.fromkeys(dataset.identifiers, True))
    dataset.put_annotation("doi.10.1234", "x")
    dataset.put_tag("v1.2")
    again = dtoolcore.DataSet.from_uri(proto.uri)
    assert again.list_overlay_names() == ["v1.2.json"]
    assert again.get_overlay("v1.2.json") == dict.fromkeys(dataset.identifiers, True)
    assert again.list_annotation_names() == ["doi.10.1234"]
    assert again.get_annotation("doi.10.1234") == "x"
    assert again.list_tags() == ["v1.2"]
    again.delete_tag("v1.2")
    again.delete_annotation("doi.10.1234")
    assert (again.list_tags(), again.list_annotation_names()) == ([], [])


def test_a_dataset_can_be_renamed(proto):
    proto.update_name("lakes")
    assert dtoolcore.ProtoDataSet.from_uri(proto.uri).name == "lakes"


def test_items_of_a_proto_dataset_can_be_read_by_scripts_that_know_the_broker(proto, tmp_path):
    put_bytes(proto, tmp_path, "a.csv", b"a")
    (identifier,) = proto._identifiers()
    assert Path(proto._storage_broker.get_item_abspath(identifier)).read_bytes() == b"a"


def test_raw_handles_of_old_datasets_are_read(proto, tmp_path, bucket):
    put_bytes(proto, tmp_path, "new.csv", b"new")
    checksum = "149603e6c03516362a8da23f624db945"
    bucket.put(item_key(proto, "old.csv"), b"old", handle="old.csv", checksum=checksum)
    dtoolcore.ProtoDataSet.from_uri(proto.uri).freeze()
    assert contents_of(proto.uri) == {"new.csv": b"new", "old.csv": b"old"}


def test_a_missing_structure_makes_no_difference(proto, tmp_path, bucket):
    put_bytes(proto, tmp_path, "a.csv", b"a")
    bucket.delete(f"{proto.uuid}/structure.json")
    dtoolcore.ProtoDataSet.from_uri(proto.uri).freeze()
    assert list(S3StorageBroker(proto.uri).iter_item_handles()) == ["a.csv"]


def test_something_else_among_the_items_is_named_and_not_frozen(proto, tmp_path, bucket):
    put_bytes(proto, tmp_path, "a.csv", b"a")
    bucket.put(f"{proto.uuid}/data/notes.txt", b"?")
    with pytest.raises(ForeignObject, match=r"data/notes\.txt is among the items"):
        proto.freeze()
    assert json.loads(bucket.get(f"{proto.uuid}/dtool"))["type"] == "protodataset"


def test_the_empty_object_that_stands_for_a_folder_is_no_item(proto, tmp_path, bucket):
    put_bytes(proto, tmp_path, "a.csv", b"a")
    bucket.put(f"{proto.uuid}/data/")
    proto.freeze()
    assert contents_of(proto.uri) == {"a.csv": b"a"}


def test_a_file_that_cannot_be_read_is_named(proto, tmp_path):
    with pytest.raises(ItemUnreadable, match=r"'a\.csv' cannot be read"):
        proto.put_item(str(tmp_path / "not there"), "a.csv")
    with pytest.raises(ItemUnreadable, match="'folder' cannot be read"):
        proto.put_item(str(tmp_path), "folder")


def test_a_bare_bucket_is_no_dataset(bucket):
    assert not S3StorageBroker(bucket.uri).has_admin_metadata()
    assert not S3StorageBroker(f"{bucket.uri}/").has_admin_metadata()


def test_uris_have_the_bucket_and_the_uuid(bucket):
    assert S3StorageBroker.generate_uri("rivers", "c3f1", f"{bucket.uri}/") == f"{bucket.uri}/c3f1"
