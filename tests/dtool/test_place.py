"""Where a dataset goes, and where it is found, whatever was left behind by attempts that failed."""

import json

import dtoolcore
import pytest
from datasets import Bucket, contents_of, put_bytes
from foreign import FOREIGN

from s3portal.dtool.errors import NotPermitted, RegisteredElsewhere
from s3portal.server.pytest_plugin import server_config
from s3portal.server.testing import RunningServer

UUID = "c3f1a1fa-3d1c-4a3c-8a39-0f6d3cfb3f2a"
ITEMS = {"a.csv": b"a", "b.csv": b"b"}


@pytest.fixture
def server(tmp_path):
    """A server whose user ``olssont`` reads everything and writes registrations and under ``u/olssont/``. Its
    user ``stranger`` reads and writes registrations and under ``u/stranger/``.
    """
    statements = [
        {"Effect": "Allow", "Action": ["s3:ListBucket", "s3:GetObject"], "Resource": "*"},
        {
            "Effect": "Allow",
            "Action": ["s3:PutObject", "s3:DeleteObject"],
            "Resource": ["arn:aws:s3:::my-bucket/dtool-*", "arn:aws:s3:::my-bucket/u/olssont/*"],
        },
    ]
    config = server_config()
    config["users"].append(
        {
            "name": "olssont",
            "access_key_id": "olssont",
            "secret_access_key": "olssont-secret",
            "policy": {"Version": "2012-10-17", "Statement": statements},
        }
    )
    own = ["arn:aws:s3:::my-bucket", "arn:aws:s3:::my-bucket/dtool-*", "arn:aws:s3:::my-bucket/u/stranger/*"]
    config["users"].append(
        {
            "name": "stranger",
            "access_key_id": "stranger",
            "secret_access_key": "stranger-secret",
            "policy": {"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": own}]},
        }
    )
    config["buckets"] = [{"name": "my-bucket"}]
    with RunningServer(tmp_path / "s3", config) as server:
        yield server


@pytest.fixture
def admin(server):
    """The bucket, with a key that may do everything."""
    admin = server.users["admin"]
    return Bucket("my-bucket", server.endpoint, admin.access_key_id, admin.secret_access_key)


@pytest.fixture
def restricted(server, monkeypatch):
    """The bucket, with the key of ``olssont`` and no prefix in the settings."""
    bucket = Bucket("my-bucket", server.endpoint, "olssont", "olssont-secret")
    for name, value in bucket.settings.items():
        monkeypatch.setenv(name, value)
    return bucket


@pytest.fixture
def set_prefix(monkeypatch):
    """Sets the prefix for all buckets of these tests."""

    def set_prefix(prefix):
        for bucket in {"my-bucket", "test-bucket", *([FOREIGN.name] if FOREIGN else [])}:
            monkeypatch.setenv(f"DTOOL_S3_DATASET_PREFIX_{bucket}", prefix)

    return set_prefix


@pytest.fixture
def source(on_disk):
    return on_disk(ITEMS)


def uuid_of(path):
    return dtoolcore.DataSet.from_uri(path).uuid


def test_a_copy_without_the_prefix_names_the_setting_and_leaves_nothing(restricted, dtool, source):
    refused = dtool("cp", "-q", source, restricted.uri)
    assert refused.returncode == 1
    assert "DTOOL_S3_DATASET_PREFIX_my-bucket" in refused.stderr
    assert restricted.list_keys() == []


def test_with_the_right_prefix_the_same_copy_works(restricted, dtool, source, set_prefix):
    assert dtool("cp", "-q", source, restricted.uri).returncode == 1
    set_prefix("u/olssont/")
    uri = dtool.ok("cp", "-q", source, restricted.uri)
    assert contents_of(uri) == ITEMS
    assert restricted.get(f"dtool-{uuid_of(source)}") == b"u/olssont/"


@pytest.mark.parametrize(
    "left", [b"", b"u/hartleym/", b"\xff\xfe\x00", b"x" * 5000], ids=["top", "other", "bytes", "long"]
)
def test_a_registration_that_leads_nowhere_is_replaced(restricted, admin, dtool, source, set_prefix, left):
    admin.put(f"dtool-{uuid_of(source)}", left)
    set_prefix("u/olssont/")
    uri = dtool.ok("cp", "-q", source, restricted.uri)
    assert contents_of(uri) == ITEMS
    assert restricted.get(f"dtool-{uuid_of(source)}") == b"u/olssont/"
    assert uri in dtool.ok("ls", "-q", restricted.uri)


@pytest.mark.parametrize("left", ["structure.json", "README.txt", "manifest.json"])
def test_so_is_one_beside_which_an_attempt_left_an_object(restricted, admin, dtool, source, set_prefix, left):
    admin.put(f"dtool-{uuid_of(source)}", b"")
    admin.put(f"{uuid_of(source)}/{left}", b"{}")
    set_prefix("u/olssont/")
    assert contents_of(dtool.ok("cp", "-q", source, restricted.uri)) == ITEMS


def test_what_stock_left_behind_is_no_obstacle(stock, bucket, dtool, source, set_prefix, monkeypatch):
    """Stock registers first: here it is ended before it writes anything else."""
    set_prefix("u/wrong/")
    stock.script(
        f"""
        source = dtoolcore.DataSet.from_uri({source!r})
        admin_metadata = dict(source._admin_metadata, type="protodataset")
        proto = dtoolcore.generate_proto_dataset(admin_metadata, {bucket.uri!r})
        proto._storage_broker._create_structure()
        """
    )
    assert bucket.get(f"dtool-{uuid_of(source)}") == b"u/wrong/"
    set_prefix("u/olssont/")
    uri = dtool.ok("cp", "-q", source, bucket.uri)
    assert contents_of(uri) == ITEMS
    assert bucket.get(f"dtool-{uuid_of(source)}") == b"u/olssont/"
    assert stock.ok("verify", "--full", uri) == "All good :)"


def test_a_dataset_that_stock_registered_elsewhere_is_found_and_registered(
    stock, bucket, dtool, source, set_prefix, tmp_path
):
    """Where a registration was left behind, stock writes under its prefix and registers the configured
    one.
    """
    uuid = uuid_of(source)
    bucket.put(f"dtool-{uuid}", b"")
    set_prefix("u/olssont/")
    uri = stock.script(
        f"""
        source = dtoolcore.DataSet.from_uri({source!r})
        print(json.dumps(dtoolcore.copy({source!r}, {bucket.uri!r})))
        """
    )
    assert bucket.get(f"dtool-{uuid}") == b"u/olssont/"
    assert f"{uuid}/manifest.json" in bucket.list_keys()
    assert contents_of(uri) == ITEMS
    assert uri in dtool.ok("ls", "-q", bucket.uri).splitlines()
    dtoolcore.DataSet.from_uri(uri).update_name("brooks")
    assert bucket.get(f"dtool-{uuid}") == b""


def put_begun_copy(bucket, prefix, uuid):
    metadata = {**dtoolcore.generate_admin_metadata("rivers"), "uuid": uuid, "frozen_at": 1.0}
    body = json.dumps(metadata).encode()
    bucket.put(f"{prefix}{uuid}/dtool", body, **{name: str(value) for name, value in metadata.items()})
    bucket.put(f"dtool-{uuid}", prefix.encode())


def test_a_copy_that_was_begun_stays_where_it_is(bundled, dtool, source, set_prefix):
    put_begun_copy(bundled, "u/hartleym/", uuid_of(source))
    set_prefix("u/olssont/")
    uri = dtool.ok("cp", "-q", source, bundled.uri)
    assert contents_of(uri) == ITEMS
    assert bundled.get(f"dtool-{uuid_of(source)}") == b"u/hartleym/"
    assert bundled.list_keys("u/olssont/") == []


def test_one_that_someone_began_where_the_key_may_not_write_is_named(
    restricted, admin, dtool, source, set_prefix
):
    put_begun_copy(admin, "u/hartleym/", uuid_of(source))
    set_prefix("u/olssont/")
    refused = dtool("cp", "-q", source, restricted.uri)
    assert refused.returncode == 1
    assert f"s3://my-bucket/dtool-{uuid_of(source)} says" in refused.stderr
    assert "'u/hartleym/'" in refused.stderr
    assert "DTOOL_S3_DATASET_PREFIX_my-bucket is 'u/olssont/'" in refused.stderr
    assert admin.get(f"dtool-{uuid_of(source)}") == b"u/hartleym/"


def test_one_that_leads_where_the_key_may_not_read_is_named_and_stays(
    server, admin, dtool, source, set_prefix, monkeypatch
):
    """It may be somebody's dataset, so that only people can say that it is not."""
    stranger = Bucket("my-bucket", server.endpoint, "stranger", "stranger-secret")
    for name, value in stranger.settings.items():
        monkeypatch.setenv(name, value)
    admin.put(f"dtool-{uuid_of(source)}", b"u/hartleym/")
    set_prefix("u/stranger/")
    refused = dtool("cp", "-q", source, "s3://my-bucket")
    assert refused.returncode == 1
    assert f"'u/hartleym/', as s3://my-bucket/dtool-{uuid_of(source)} says" in refused.stderr
    assert "remove that object" in refused.stderr
    assert admin.get(f"dtool-{uuid_of(source)}") == b"u/hartleym/"
    admin.delete(f"dtool-{uuid_of(source)}")
    assert contents_of(dtool.ok("cp", "-q", source, "s3://my-bucket")) == ITEMS


def test_a_registration_that_may_not_be_read_is_not_taken_for_missing(bundled, s3_server):
    s3_server.faults.add("GetObject", status=403)
    with pytest.raises(NotPermitted):
        dtoolcore.create_proto_dataset("rivers", bundled.uri)
    assert bundled.list_keys() == []


# Of the PutObjects of a new dataset: structure.json, README.txt, the registration, dtool.
@pytest.mark.parametrize("written", range(4))
def test_a_creation_that_fails_at_any_step_is_done_by_the_next(
    bundled, dtool, source, s3_server, set_prefix, written
):
    set_prefix("u/wrong/")
    s3_server.faults.add("PutObject", status=403, every=written + 1)
    failed = dtool("cp", "-q", source, bundled.uri)
    assert failed.returncode == 1
    assert "Traceback" not in failed.stderr
    assert len(bundled.list_keys()) == written
    assert dtool.ok("ls", "-q", bundled.uri) == ""
    s3_server.faults.clear()
    set_prefix("u/olssont/")
    uri = dtool.ok("cp", "-q", source, bundled.uri)
    assert contents_of(uri) == ITEMS
    assert bundled.get(f"dtool-{uuid_of(source)}") == b"u/olssont/"
    assert f"u/olssont/{uuid_of(source)}/manifest.json" in bundled.list_keys()


def test_two_that_make_the_same_dataset_at_two_places_are_told(bundled, set_prefix, tmp_path):
    admin_metadata = {**dtoolcore.generate_admin_metadata("rivers"), "uuid": UUID}
    set_prefix("u/olssont/")
    ours = dtoolcore.generate_proto_dataset(dict(admin_metadata), bundled.uri)
    ours._storage_broker.create_structure()
    set_prefix("u/hartleym/")
    theirs = dtoolcore.generate_proto_dataset(dict(admin_metadata), bundled.uri)
    theirs.create()
    with pytest.raises(RegisteredElsewhere, match="u/hartleym/"):
        ours._storage_broker.put_admin_metadata(admin_metadata)
    assert bundled.get(f"dtool-{UUID}") == b"u/hartleym/"


def test_nothing_is_frozen_that_no_one_would_find(bundled, set_prefix, tmp_path):
    set_prefix("u/olssont/")
    proto = dtoolcore.create_proto_dataset("rivers", bundled.uri)
    put_bytes(proto, tmp_path, "a.csv", b"a")
    put_begun_copy(bundled, "u/hartleym/", proto.uuid)
    with pytest.raises(RegisteredElsewhere, match="u/hartleym/"):
        proto.freeze()
    assert json.loads(bundled.get(f"u/olssont/{proto.uuid}/dtool"))["type"] == "protodataset"


@pytest.mark.parametrize("left", [None, b"u/gone/"])
def test_a_registration_that_went_astray_is_put_right_by_the_freeze(bundled, set_prefix, tmp_path, left):
    set_prefix("u/olssont/")
    proto = dtoolcore.create_proto_dataset("rivers", bundled.uri)
    put_bytes(proto, tmp_path, "a.csv", b"a")
    bundled.delete(f"dtool-{proto.uuid}")
    if left:
        bundled.put(f"dtool-{proto.uuid}", left)
    proto.freeze()
    assert bundled.get(f"dtool-{proto.uuid}") == b"u/olssont/"


def test_a_store_that_knows_no_conditional_writes_is_written_anyway(bundled, s3_server):
    # The third object of a new dataset is its registration.
    s3_server.faults.add("PutObject", status=501, code="NotImplemented", every=3)
    proto = dtoolcore.generate_proto_dataset(dtoolcore.generate_admin_metadata("rivers"), bundled.uri)
    proto.create()
    assert bundled.get(f"dtool-{proto.uuid}") == b""
    assert dtoolcore.ProtoDataSet.from_uri(proto.uri).name == "rivers"


def test_a_process_that_lives_on_hears_of_a_dataset_that_was_moved(bundled, set_prefix, tmp_path):
    set_prefix("u/olssont/")
    proto = dtoolcore.create_proto_dataset("rivers", bundled.uri, "at: olssont\n")
    assert dtoolcore.ProtoDataSet.from_uri(proto.uri).get_readme_content() == "at: olssont\n"
    for key in bundled.list_keys("u/olssont/"):
        moved = key.replace("u/olssont/", "u/hartleym/")
        bundled.put(moved, bundled.get(key), **bundled.metadata(key))
    bundled.put(f"u/hartleym/{proto.uuid}/README.yml", b"at: hartleym\n")
    bundled.put(f"dtool-{proto.uuid}", b"u/hartleym/")
    assert dtoolcore.ProtoDataSet.from_uri(proto.uri).get_readme_content() == "at: hartleym\n"
