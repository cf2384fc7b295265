"""The datasets of a bucket."""

import dtoolcore
import pytest

from s3portal.dtool.broker import S3StorageBroker


def names(uri):
    return sorted(dataset.name for dataset in dtoolcore.iter_proto_datasets_in_base_uri(uri))


@pytest.fixture
def two(bundled, monkeypatch):
    """A dataset without a prefix and one under ``u/olssont/``."""
    plain = dtoolcore.create_proto_dataset("plain", bundled.uri)
    monkeypatch.setenv(f"DTOOL_S3_DATASET_PREFIX_{bundled.name}", "u/olssont/")
    mine = dtoolcore.create_proto_dataset("mine", bundled.uri)
    monkeypatch.delenv(f"DTOOL_S3_DATASET_PREFIX_{bundled.name}")
    return plain, mine


def test_datasets_are_found_under_every_prefix(two, bundled):
    assert names(bundled.uri) == ["mine", "plain"]


def test_a_registration_that_nothing_is_left_of_is_no_dataset(two, bundled):
    bundled.put("dtool-c3f1a1fa")
    assert names(bundled.uri) == ["mine", "plain"]


@pytest.mark.parametrize("key", ["dtool", "dtool-", "dtoolbox.txt"])
def test_objects_with_names_alike_are_no_datasets(two, bundled, key):
    bundled.put(key, b"?")
    assert names(bundled.uri) == ["mine", "plain"]


def test_a_dataset_whose_metadata_are_in_the_body_alone_is_found(bundled):
    bundled.put("dtool-c3f1a1fa")
    bundled.put("c3f1a1fa/dtool", b'{"uuid": "c3f1a1fa", "name": "by-another", "type": "protodataset"}')
    assert names(bundled.uri) == ["by-another"]


def test_datasets_that_may_not_be_read_are_counted_in_a_warning(two, bundled, s3_server, caplog):
    s3_server.faults.add("HeadObject", status=403, first=1)
    assert len(S3StorageBroker.list_dataset_uris(bundled.uri, None)) == 1
    assert "1 of 2 datasets in s3://test-bucket are left out" in caplog.text


def test_what_a_listing_learned_is_asked_for_again_the_second_time(two, bundled):
    (uri,) = [
        dataset.uri
        for dataset in dtoolcore.iter_proto_datasets_in_base_uri(bundled.uri)
        if dataset.name == "mine"
    ]
    dtoolcore.ProtoDataSet.from_uri(uri).freeze()
    assert dtoolcore.DataSet.from_uri(uri).name == "mine"


def test_an_empty_bucket_has_no_datasets(bundled):
    assert S3StorageBroker.list_dataset_uris(bundled.uri, None) == []


@pytest.mark.parametrize(
    ("key", "body"),
    [
        ("dtool-c3f1a1fa", b"\xff\xfe\x00\x01"),
        ("dtool-c3f1a1fa", b"u/\x00olssont/"),
        ("dtool-c3f1a1fa", b"x" * 100_000),
        ("dtool-c3f1a1fa", b"x" * 1020),
        ("dtool-" + "a" * 1010, b""),
        ("dtool-notes/of the/last.week", b"some text"),
        ("dtool-\x01\x7f", b""),
        ("dtool-\u2028 ü", "u/ü/".encode()),
        ("dtool-a?b#c", b"?#"),
    ],
    ids=["bytes", "zero", "large", "long prefix", "long key", "folder", "control", "letters", "signs"],
)
def test_foreign_objects_break_no_listing(two, bundled, dtool, key, body):
    bundled.put(key, body)
    assert names(bundled.uri) == ["mine", "plain"]
    assert len(dtool.ok("ls", "-q", bundled.uri).splitlines()) == 2


@pytest.mark.parametrize(
    "metadata",
    [
        {"uuid": "c3f1a1fa", "name": "odd", "type": "dataset", "frozen_at": "None"},
        {"uuid": "c3f1a1fa", "name": "odd", "type": "protodataset", "created_at": "yesterday"},
        {"uuid": "c3f1a1fa"},
    ],
    ids=["None", "yesterday", "little"],
)
@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"[]", b'{"uuid": 7, "name": {}, "type": []}'], ids=repr)
def test_metadata_that_something_else_wrote_break_no_listing(two, bundled, dtool, metadata, body):
    bundled.put("dtool-c3f1a1fa")
    bundled.put("c3f1a1fa/dtool", body, **metadata)
    assert len(dtool.ok("ls", "-q", bundled.uri).splitlines()) == 2


@pytest.mark.parametrize(
    "frozen_at",
    ['"yesterday"', "null", "[]", "true", "1e300", "-1e300", "NaN", "Infinity", '"nan"', "9" * 400],
)
def test_a_time_that_is_none_breaks_no_listing(two, bundled, dtool, frozen_at):
    said = f'{{"uuid": "c3f1a1fa", "name": "odd", "type": "dataset", "frozen_at": {frozen_at}}}'
    bundled.put("dtool-c3f1a1fa")
    bundled.put("c3f1a1fa/dtool", said.encode())
    assert "odd" in dtool.ok("ls", "-v", bundled.uri)


@pytest.mark.parametrize(
    "body",
    [b"[" * 100_000, b'{"uuid": "c3f1a1fa", "name": "\\ud800", "type": "dataset"}'],
    ids=["deep", "half a character"],
)
def test_a_body_that_cannot_be_shown_breaks_no_listing(two, bundled, dtool, body):
    bundled.put("dtool-c3f1a1fa")
    bundled.put("c3f1a1fa/dtool", body)
    assert len(dtool.ok("ls", "-q", bundled.uri).splitlines()) == 2


def test_a_dataset_without_a_creator_is_listed(bundled, dtool):
    bundled.put("dtool-c3f1a1fa")
    bundled.put("c3f1a1fa/dtool", b'{"uuid": "c3f1a1fa", "name": "by-another", "type": "dataset"}')
    assert "by-another" in dtool.ok("ls", "-v", bundled.uri)


def test_a_uuid_that_is_misspelt_is_no_listing(two, bundled, dtool):
    plain, _ = two
    refused = dtool("ls", plain.uri[:-1])
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert f"{plain.uri[:-1]} is not a dataset" in refused.stderr
    assert f"Did you mean {plain.uri}?" in refused.stderr


@pytest.mark.parametrize("path", ["some/folder", "u/olssont/", "c3f1a1fa"])
def test_a_folder_is_no_place_for_datasets(bundled, dtool, on_disk, path):
    for command in (("create", "-q", "rivers"), ("cp", "-q", on_disk({"a.csv": b"a"}))):
        refused = dtool(*command, f"{bundled.uri}/{path}")
        assert refused.returncode == 1
        assert f"DTOOL_S3_DATASET_PREFIX_{bundled.name} to '{path.strip('/')}/'" in refused.stderr
        assert "Traceback" not in refused.stderr
    assert bundled.list_keys() == []


@pytest.mark.parametrize("ending", ["", "/"])
def test_a_bucket_is_listed_with_and_without_its_slash(two, bundled, dtool, ending):
    assert len(dtool.ok("ls", "-q", bundled.uri + ending).splitlines()) == 2
