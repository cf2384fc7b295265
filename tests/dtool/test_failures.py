"""Nothing is swallowed: failures end the command, name the item, and leave a dataset that is not frozen."""

import json
import pickle

import dtoolcore
import pytest
from botocore.exceptions import ClientError
from datasets import contents_of, item_key, put_bytes

from s3portal.dtool.broker import S3StorageBroker
from s3portal.dtool.errors import (
    BucketMissing,
    ItemsMissing,
    ItemsNotStored,
    ItemUnreadable,
    NotPermitted,
    ObjectMissing,
    StoreFailed,
)

MIB = 1024 * 1024


@pytest.fixture
def proto(bundled):
    return dtoolcore.create_proto_dataset("rivers", bundled.uri)


def type_of(proto, bucket):
    return json.loads(bucket.get(f"{proto.uuid}/dtool"))["type"]


def test_an_item_that_fails_after_its_retries_is_named_and_the_dataset_not_frozen(
    proto, tmp_path, s3_server, bundled, impatient
):
    put_bytes(proto, tmp_path, "good.csv", b"good")
    s3_server.faults.add("PutObject", status=503)
    put_bytes(proto, tmp_path, "bad.csv", b"bad")
    with pytest.raises(ItemsNotStored, match=r"bad\.csv: .*503"):
        proto.freeze()
    s3_server.faults.clear()
    with pytest.raises(ItemsNotStored):
        proto.freeze()
    assert type_of(proto, bundled) == "protodataset"


def test_it_can_be_put_again_and_frozen(proto, tmp_path, s3_server, impatient):
    put_bytes(proto, tmp_path, "good.csv", b"good")
    s3_server.faults.add("PutObject", status=503)
    put_bytes(proto, tmp_path, "bad.csv", b"bad")
    with pytest.raises(ItemsNotStored):
        proto.freeze()
    s3_server.faults.clear()
    put_bytes(proto, tmp_path, "bad.csv", b"bad")
    proto.freeze()
    assert contents_of(proto.uri) == {"good.csv": b"good", "bad.csv": b"bad"}


def test_passing_failures_are_retried(proto, tmp_path, s3_server, impatient):
    # Three together, because one item could meet them all, and gives up at the fourth.
    s3_server.faults.add("PutObject", status=503, first=2)
    s3_server.faults.add("PutObject", drop=True, first=3)
    items = {f"{number}.csv": str(number).encode() for number in range(40)}
    for relpath, content in items.items():
        put_bytes(proto, tmp_path, relpath, content)
    proto.freeze()
    assert contents_of(proto.uri) == items


def test_an_item_that_is_changed_on_the_way_is_not_stored(proto, tmp_path, s3_server, impatient, bundled):
    s3_server.faults.add("PutObject", corrupt=True, first=9)
    with pytest.raises(ItemsNotStored, match=r"a\.csv.*each time it arrived altered"):
        put_bytes(proto, tmp_path, "a.csv", b"right")
    assert bundled.list_keys(f"{proto.uuid}/data/") == []


def test_a_big_file_that_fails_is_named_and_leaves_nothing_behind(
    proto, tmp_path, s3_server, bundled, impatient
):
    s3_server.faults.add("UploadPart", status=503)
    with pytest.raises(ItemsNotStored, match=r"big\.bin: "):
        put_bytes(proto, tmp_path, "big.bin", b"x" * 20 * MIB)
    assert bundled.unfinished_uploads() == []
    with pytest.raises(ItemsNotStored):
        proto.freeze()


def test_a_big_file_that_changes_on_the_way_is_refused(proto, tmp_path, monkeypatch):
    from s3portal.dtool import item_source

    path = tmp_path / "big.bin"
    path.write_bytes(b"x" * 9 * MIB)
    really_send = item_source.send_file

    def send_while_it_grows(*arguments):
        really_send(*arguments)
        with path.open("ab") as file:
            file.write(b"more")

    monkeypatch.setattr(item_source, "send_file", send_while_it_grows)
    with pytest.raises(ItemsNotStored, match="changed while it was being sent"):
        proto.put_item(str(path), "big.bin")


def test_an_item_that_someone_removed_keeps_the_dataset_from_being_frozen(proto, tmp_path, bundled):
    for relpath in ("a.csv", "b.csv"):
        put_bytes(proto, tmp_path, relpath, b"x")
    assert sorted(proto._storage_broker.iter_item_handles()) == ["a.csv", "b.csv"]
    bundled.delete(item_key(proto, "a.csv"))
    with pytest.raises(ItemsMissing, match=r"a\.csv"):
        proto.freeze()
    assert type_of(proto, bundled) == "protodataset"


def test_an_item_that_someone_replaced_keeps_the_dataset_from_being_frozen(proto, tmp_path, bundled):
    put_bytes(proto, tmp_path, "a.csv", b"x")
    bundled.put(item_key(proto, "a.csv"), b"y", handle="YS5jc3Y=", checksum="0")
    with pytest.raises(ItemsMissing, match=r"a\.csv"):
        proto.freeze()


def test_unreadable_files_are_unreadable_whatever_was_before(proto, tmp_path):
    with pytest.raises(ItemUnreadable):
        proto.put_item(str(tmp_path / "gone"), "a.csv")


@pytest.mark.parametrize("key", ["dtool-{uuid}", "{uuid}/dtool"])
def test_a_403_is_a_403(proto, s3_server, key):
    s3_server.faults.add("GetObject", status=403, first=1 if key.startswith("dtool") else None)
    with pytest.raises(NotPermitted, match="s3:GetObject"):
        S3StorageBroker(proto.uri).has_admin_metadata()


def test_what_is_not_there_is_no_dataset(bundled):
    assert not S3StorageBroker(f"{bundled.uri}/c3f1a1fa").has_admin_metadata()
    with pytest.raises(ObjectMissing, match="is not a dataset"):
        S3StorageBroker(f"{bundled.uri}/c3f1a1fa").get_admin_metadata()


def test_a_wrong_key_is_said_by_its_setting(bundled, monkeypatch):
    monkeypatch.setenv(f"DTOOL_S3_SECRET_ACCESS_KEY_{bundled.name}", "wrong")
    with pytest.raises(NotPermitted, match=f"DTOOL_S3_SECRET_ACCESS_KEY_{bundled.name}"):
        S3StorageBroker(f"{bundled.uri}/c3f1a1fa").has_admin_metadata()


def test_a_bucket_that_is_not_there_is_named(bundled, monkeypatch):
    for name, value in bundled.settings.items():
        monkeypatch.setenv(name.replace(bundled.name, "no-such-bucket"), value)
    with pytest.raises(BucketMissing, match="no bucket no-such-bucket"):
        S3StorageBroker.list_dataset_uris("s3://no-such-bucket", None)


def test_a_store_that_is_not_there_is_named(bundled, monkeypatch, impatient):
    monkeypatch.setenv(f"DTOOL_S3_ENDPOINT_{bundled.name}", "http://127.0.0.1:9")
    with pytest.raises(StoreFailed, match=rf"127\.0\.0\.1:9.*DTOOL_S3_ENDPOINT_{bundled.name}"):
        S3StorageBroker(f"{bundled.uri}/c3f1a1fa").has_admin_metadata()


def test_a_name_that_no_one_knows_is_named(bundled, monkeypatch, impatient):
    monkeypatch.setenv(f"DTOOL_S3_ENDPOINT_{bundled.name}", "http://no-such-host.invalid")
    with pytest.raises(StoreFailed, match=f"DTOOL_S3_ENDPOINT_{bundled.name}"):
        S3StorageBroker(f"{bundled.uri}/c3f1a1fa").has_admin_metadata()


def test_tls_that_the_store_does_not_speak_is_said_with_the_setting(bundled, monkeypatch, impatient):
    endpoint = bundled.endpoint.replace("http://", "https://")
    monkeypatch.setenv(f"DTOOL_S3_ENDPOINT_{bundled.name}", endpoint)
    with pytest.raises(StoreFailed, match=rf"DTOOL_S3_ENDPOINT_{bundled.name}.*http://.*AWS_CA_BUNDLE"):
        S3StorageBroker(f"{bundled.uri}/c3f1a1fa").has_admin_metadata()


def pickled(error):
    return pickle.loads(pickle.dumps(error))


@pytest.mark.parametrize("handed_over", [lambda error: error, pickled], ids=["raised", "pickled"])
def test_what_s3_answered_is_a_client_error_too(proto, tmp_path, s3_server, bundled, impatient, handed_over):
    put_bytes(proto, tmp_path, "first.csv", b"first")
    asked = [
        (lambda: proto._storage_broker.get_text("not there"), ObjectMissing, "NoSuchKey", 404),
        (lambda: proto._storage_broker.get_text("not there"), NotPermitted, "AccessDenied", 403),
        (lambda: proto._storage_broker.put_text("text", ""), StoreFailed, "SlowDown", 503),
        (lambda: put_bytes(proto, tmp_path, "big.bin", b"x" * 9 * MIB), ItemsNotStored, "AccessDenied", 403),
    ]
    for ask, kind, code, status in asked:
        s3_server.faults.clear()
        if status != 404:
            for operation in ("GetObject", "PutObject", "CreateMultipartUpload"):
                s3_server.faults.add(operation, status=status)
        with pytest.raises(kind) as raised:
            ask()
        error = handed_over(raised.value)
        assert isinstance(error, ClientError)
        assert isinstance(error, RuntimeError)
        assert error.response["Error"]["Code"] == code
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == status
        assert str(error) == str(raised.value)


def test_what_s3_did_not_answer_is_none(bundled, monkeypatch, impatient):
    monkeypatch.setenv(f"DTOOL_S3_ENDPOINT_{bundled.name}", "http://127.0.0.1:9")
    with pytest.raises(StoreFailed) as raised:
        S3StorageBroker(f"{bundled.uri}/c3f1a1fa").has_admin_metadata()
    assert not isinstance(raised.value, ClientError)


def test_an_item_that_is_changed_on_the_way_once_is_sent_again(proto, tmp_path, s3_server, bundled):
    s3_server.faults.add("PutObject", corrupt=True, first=2)
    put_bytes(proto, tmp_path, "a.csv", b"right")
    assert bundled.get(item_key(proto, "a.csv")) == b"right"


def test_without_any_key_the_settings_are_named():
    with pytest.raises(NotPermitted, match="DTOOL_S3_ENDPOINT_my-bucket"):
        S3StorageBroker("s3://my-bucket/c3f1a1fa").has_admin_metadata()
