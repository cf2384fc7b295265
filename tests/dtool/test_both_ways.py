"""Stock dtool-s3 0.14.1 reads what we write, and we read what it writes; it runs in its own environment."""

import json

import dtoolcore
import pytest
from datasets import contents_of, item_key, put_bytes

ITEMS = {
    "plain.csv": b"1,2\n",
    "Überfluß/日本語.tar.gz": b"not ascii",
    "with spaces.txt": b"spaces",
    "empty": b"",
    "big.bin": b"x" * 9 * 1024 * 1024,
}


@pytest.fixture
def from_stock(stock, bucket, on_disk):
    """A dataset that stock dtool-s3 has written, with everything that a dataset can have."""
    uri = stock.ok("cp", "-q", on_disk(ITEMS), bucket.uri)
    stock.script(
        f"""
        dataset = dtoolcore.DataSet.from_uri({uri!r})
        dataset.put_overlay("is_csv", {{name: True for name in dataset.identifiers}})
        dataset.put_annotation("project", {{"id": 7}})
        dataset.put_tag("water")
        dataset.put_readme("description: by stock\\n")
        """,
    )
    return uri


@pytest.fixture
def from_us(dtool, bucket, on_disk):
    """The same, written by us."""
    uri = dtool.ok("cp", "-q", on_disk(ITEMS), bucket.uri)
    dataset = dtoolcore.DataSet.from_uri(uri)
    dataset.put_overlay("is_csv", dict.fromkeys(dataset.identifiers, True))
    dataset.put_annotation("project", {"id": 7})
    dataset.put_tag("water")
    dataset.put_readme("description: by us\n")
    return uri


def test_stock_reads_what_we_wrote(stock, from_us, tmp_path):
    assert stock.ok("verify", "--full", from_us) == "All good :)"
    (tmp_path / "down").mkdir()
    stock.ok("cp", "-q", from_us, str(tmp_path / "down"))
    down = tmp_path / "down" / "rivers" / "data"
    assert {relpath: (down / relpath).read_bytes() for relpath in ITEMS} == ITEMS


def test_stock_reads_all_that_belongs_to_it(stock, from_us):
    told = stock.script(
        f"""
        dataset = dtoolcore.DataSet.from_uri({from_us!r})
        print(json.dumps([
            dataset.admin_metadata, dataset.get_readme_content(), dataset.get_overlay("is_csv"),
            dataset.get_annotation("project"), dataset.list_tags(), dataset._manifest,
            len(dataset._storage_broker.get_text(dataset._storage_broker.get_structure_key()))]))
        """,
    )
    ours = dtoolcore.DataSet.from_uri(from_us)
    assert told[:6] == [
        ours.admin_metadata,
        "description: by us\n",
        dict.fromkeys(ours.identifiers, True),
        {"id": 7},
        ["water"],
        ours._manifest,
    ]


def test_we_read_what_stock_wrote(dtool, from_stock):
    assert dtool.ok("verify", "--full", from_stock) == "All good :)"
    assert contents_of(from_stock) == ITEMS
    dataset = dtoolcore.DataSet.from_uri(from_stock)
    assert dataset.get_readme_content() == "description: by stock\n"
    assert dataset.get_overlay("is_csv") == dict.fromkeys(dataset.identifiers, True)
    assert dataset.get_annotation("project") == {"id": 7}
    assert dataset.list_tags() == ["water"]
    assert len(dataset._storage_broker._list_historical_readme_keys()) == 1


def test_both_list_the_datasets_of_both(stock, dtool, from_us, bucket):
    proto = stock.ok("create", "-q", "lakes", bucket.uri)
    for command in (stock, dtool):
        assert {from_us, proto} <= set(command.ok("ls", "-q", bucket.uri).splitlines())


def test_the_objects_of_both_are_the_same_but_for_times_and_prose(from_us, from_stock, bucket):
    # One source would make one dataset of both, so each comes from its own.
    ours, theirs = (uri.rpartition("/")[2] for uri in (from_us, from_stock))

    def described(uuid):
        keys = [key for key in bucket.list_keys(uuid) if "README.yml-" not in key]
        return {
            key.removeprefix(uuid): (sorted(bucket.metadata(key)), sorted_json(bucket.get(key)))
            for key in keys
            if not key.endswith("README.txt")
        }

    def sorted_json(body):
        """The shape of JSON, and other content as it is."""
        try:
            content = json.loads(body)
        except ValueError:
            return body
        return sorted(content) if isinstance(content, dict) else content

    mine = described(ours)
    stocks = described(theirs)
    assert mine.keys() == stocks.keys()
    assert {key: value[0] for key, value in mine.items()} == {key: value[0] for key, value in stocks.items()}


def test_what_one_began_the_other_finishes(stock, dtool, bucket, tmp_path):
    uri = dtool.ok("create", "-q", "rivers", bucket.uri)
    (tmp_path / "ours.csv").write_bytes(b"ours")
    (tmp_path / "stock.csv").write_bytes(b"stock")
    dtool.ok("add", "item", str(tmp_path / "ours.csv"), uri)
    stock.ok("add", "item", str(tmp_path / "stock.csv"), uri)
    stock.ok("freeze", uri)
    assert contents_of(uri) == {"ours.csv": b"ours", "stock.csv": b"stock"}


def test_we_freeze_what_stock_filled(stock, dtool, bucket, tmp_path):
    uri = stock.ok("create", "-q", "rivers", bucket.uri)
    (tmp_path / "ä.csv").write_bytes(b"stock")
    stock.ok("add", "item", str(tmp_path / "ä.csv"), uri)
    stock.ok("add", "metadata", uri, "ä.csv", "unit", "cm")
    dtool.ok("freeze", uri)
    assert stock.ok("verify", "--full", uri) == "All good :)"
    assert list(dtoolcore.DataSet.from_uri(uri).get_overlay("unit").values()) == ["cm"]


def test_prefixes_mean_the_same_to_both(stock, dtool, bucket, on_disk, monkeypatch):
    monkeypatch.setenv(f"DTOOL_S3_DATASET_PREFIX_{bucket.name}", "u/olssont")
    mine = dtool.ok("cp", "-q", on_disk({"a.csv": b"a"}, "mine"), bucket.uri)
    theirs = stock.ok("cp", "-q", on_disk({"b.csv": b"b"}, "theirs"), bucket.uri)
    monkeypatch.delenv(f"DTOOL_S3_DATASET_PREFIX_{bucket.name}")
    assert stock.ok("verify", "--full", mine) == "All good :)"
    assert dtool.ok("verify", "--full", theirs) == "All good :)"


def test_old_datasets_with_raw_handles_are_read_by_both(stock, dtool, bucket, tmp_path):
    proto = dtoolcore.create_proto_dataset("old", bucket.uri)
    put_bytes(proto, tmp_path, "old.csv", b"old")
    checksum = bucket.metadata(item_key(proto, "old.csv"))["checksum"]
    bucket.put(item_key(proto, "old.csv"), b"old", handle="old.csv", checksum=checksum)
    structure = json.loads(bucket.get(f"{proto.uuid}/structure.json"))
    structure["storage_broker_version"] = "0.13.0"
    bucket.put(f"{proto.uuid}/structure.json", json.dumps(structure).encode())
    dtool.ok("freeze", proto.uri)
    assert dtool.ok("verify", "--full", proto.uri) == "All good :)"
    assert stock.ok("verify", "--full", proto.uri) == "All good :)"


def test_stock_installed_beside_us_is_said(stock, shell, bucket, monkeypatch):
    site_packages = stock.script(
        "import dtool_s3, pathlib; print(json.dumps(str(pathlib.Path(dtool_s3.__file__).parent.parent)))"
    )
    monkeypatch.setenv("PYTHONPATH", site_packages)
    assert "pip uninstall dtool-s3" in shell("ls", bucket.uri).stderr
