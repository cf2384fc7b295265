"""The access policy of docs/dtool.md: read everything, write under one's own prefix."""

import json
import re
from pathlib import Path

import dtoolcore
import pytest
from datasets import Bucket, contents_of, put_bytes

from s3portal.dtool.errors import ItemsNotStored, NotPermitted
from s3portal.server.pytest_plugin import server_config
from s3portal.server.testing import RunningServer

MIB = 1024 * 1024
DOCS = Path(__file__).parents[2] / "docs" / "dtool.md"


@pytest.fixture(params=["documented here", "documented by dtool-s3"])
def server(request, tmp_path):
    """A server whose users ``olssont`` and ``hartleym`` have the documented policy on ``my-bucket``."""
    (policy,) = re.findall(r"```json\n(\{\s*\"Version\".*?\n\})\n```", DOCS.read_text(), re.DOTALL)
    if request.param == "documented by dtool-s3":
        policy = re.sub(r",\s*\"s3:AbortMultipartUpload\"", "", policy)
        assert "AbortMultipartUpload" not in policy
    users = [
        {
            "name": name,
            "access_key_id": name,
            "secret_access_key": f"{name}-secret",
            "policy": json.loads(policy.replace("${aws:username}", name)),
        }
        for name in ("olssont", "hartleym")
    ]
    config = server_config()
    config["users"] += users
    config["buckets"] = [{"name": "my-bucket"}]
    with RunningServer(tmp_path / "s3", config) as server:
        yield server


@pytest.fixture
def become(server, monkeypatch):
    """Makes somebody the user of the commands that follow."""

    def become(name):
        bucket = Bucket("my-bucket", server.endpoint, name, f"{name}-secret")
        settings = {**bucket.settings, "DTOOL_S3_DATASET_PREFIX_my-bucket": f"u/{name}/"}
        for setting, value in settings.items():
            monkeypatch.setenv(setting, value)
        return bucket

    return become


@pytest.fixture
def by_olssont(become, tmp_path):
    bucket = become("olssont")
    proto = dtoolcore.create_proto_dataset("rivers", bucket.uri, "by: olssont\n")
    put_bytes(proto, tmp_path, "a.csv", b"a")
    proto.freeze()
    return proto


def test_users_write_under_their_own_prefix(by_olssont, server):
    written = {request.key for request in server.requests if request.operation == "PutObject"}
    assert all(key.startswith((f"dtool-{by_olssont.uuid}", "u/olssont/")) for key in written)


def test_users_publish_what_is_theirs(by_olssont, become, monkeypatch):
    bucket = become("olssont")
    monkeypatch.setenv("DTOOL_S3_PUBLISH_EXPIRY", "600")
    address = dtoolcore.DataSet.from_uri(by_olssont.uri)._storage_broker.http_enable()
    assert contents_of(address) == {"a.csv": b"a"}
    # On AWS the bucket's region is asked for before links are signed.
    bucket.store.client().head_bucket(Bucket=bucket.name)


def test_big_files_are_written_too_and_their_failures_told_for_what_they_are(
    become, tmp_path, server, impatient
):
    proto = dtoolcore.create_proto_dataset("rivers", become("olssont").uri)
    put_bytes(proto, tmp_path, "big.bin", b"x" * 9 * MIB)
    server.faults.add("UploadPart", status=503)
    with pytest.raises(ItemsNotStored, match=r"failed\.bin: .*503"):
        put_bytes(proto, tmp_path, "failed.bin", b"x" * 9 * MIB)


def test_others_read_and_list_it(by_olssont, become):
    bucket = become("hartleym")
    assert contents_of(by_olssont.uri) == {"a.csv": b"a"}
    assert [dataset.name for dataset in dtoolcore.iter_datasets_in_base_uri(bucket.uri)] == ["rivers"]


def test_others_do_not_change_it(by_olssont, become):
    become("hartleym")
    with pytest.raises(NotPermitted, match="s3:PutObject"):
        dtoolcore.DataSet.from_uri(by_olssont.uri).put_tag("mine")


def test_without_ones_prefix_nothing_is_written(become, monkeypatch):
    bucket = become("olssont")
    monkeypatch.delenv("DTOOL_S3_DATASET_PREFIX_my-bucket")
    with pytest.raises(NotPermitted, match="s3:PutObject"):
        dtoolcore.create_proto_dataset("rivers", bucket.uri)
