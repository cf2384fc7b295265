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


def test_what_a_listing_learned_is_asked_for_anew_the_second_time(two, bundled):
    (uri,) = [
        dataset.uri
        for dataset in dtoolcore.iter_proto_datasets_in_base_uri(bundled.uri)
        if dataset.name == "mine"
    ]
    dtoolcore.ProtoDataSet.from_uri(uri).freeze()
    assert dtoolcore.DataSet.from_uri(uri).name == "mine"


def test_an_empty_bucket_has_no_datasets(bundled):
    assert S3StorageBroker.list_dataset_uris(bundled.uri, None) == []
