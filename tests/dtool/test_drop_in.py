"""What somebody who comes from dtool-s3 is told."""

from importlib.metadata import EntryPoint

import pytest

from s3portal.dtool import drop_in
from s3portal.dtool.broker import S3StorageBroker


def test_dtool_s3_beside_us_is_said(monkeypatch, caplog):
    brokers = [
        EntryPoint("S3StorageBroker", "s3portal.dtool.broker:S3StorageBroker", "dtool.storage_brokers"),
        EntryPoint("S3StorageBroker", "dtool_s3.storagebroker:S3StorageBroker", "dtool.storage_brokers"),
    ]
    monkeypatch.setattr(drop_in, "entry_points", lambda group: brokers)
    drop_in.warn_of_dtool_s3()
    assert "pip uninstall dtool-s3" in caplog.text


def test_alone_nothing_is_said(caplog):
    drop_in.warn_of_dtool_s3()
    assert caplog.text == ""


@pytest.mark.parametrize("name", ["DTOOL_S3_DATASET_PREFIX", "DTOOL_S3_ENDPOINT"])
def test_a_setting_without_a_bucket_is_said_to_do_nothing_once(monkeypatch, caplog, name):
    monkeypatch.setenv(name, "u/olssont")
    for _ in range(2):
        S3StorageBroker("s3://my-bucket/c3f1")
    assert [record.getMessage() for record in caplog.records] == [
        f"{name} is set but has no effect. Settings belong to a bucket: {name}_my-bucket"
    ]
