"""The objects of a dataset: every key, header and body as dtool-s3 0.14.1 has them."""

import base64
import hashlib
import json

import dtoolcore
import pytest
from datasets import put_bytes

ITEM = "gauges/Köln.csv"


@pytest.fixture
def frozen(proto, tmp_path):
    put_bytes(proto, tmp_path, ITEM, b"1,2\n")
    proto.put_tag("water")
    proto.put_annotation("project.id", {"a": 1})
    proto.add_item_metadata(ITEM, "unit.of", "cm")
    proto.freeze()
    return proto


@pytest.fixture
def item_name():
    return hashlib.sha1(ITEM.encode()).hexdigest()


def test_the_keys_are_those_of_the_layout(frozen, bucket, item_name):
    uuid = frozen.uuid
    assert bucket.list_keys(f"dtool-{uuid}") == [f"dtool-{uuid}"]
    assert bucket.list_keys(uuid) == [
        f"{uuid}/README.txt",
        f"{uuid}/README.yml",
        f"{uuid}/annotations/project.id.json",
        f"{uuid}/data/{item_name}",
        f"{uuid}/dtool",
        f"{uuid}/manifest.json",
        f"{uuid}/overlays/unit.of.json",
        f"{uuid}/structure.json",
        f"{uuid}/tags/water",
    ]


def test_an_item_has_its_path_and_md5_as_metadata(frozen, bucket, item_name):
    key = f"{frozen.uuid}/data/{item_name}"
    assert bucket.get(key) == b"1,2\n"
    assert bucket.metadata(key) == {
        "handle": base64.b64encode(ITEM.encode()).decode(),
        "checksum": hashlib.md5(b"1,2\n").hexdigest(),
    }


def test_the_registration_is_empty_without_a_prefix(frozen, bucket):
    assert bucket.get(f"dtool-{frozen.uuid}") == b""


def test_the_structure_says_a_version_from_which_handles_are_encoded(frozen, bucket):
    body = bucket.get(f"{frozen.uuid}/structure.json").decode()
    structure = json.loads(body)
    assert structure == {
        "admin_metadata_key_suffix": "dtool",
        "annotations_key_infix": "annotations",
        "data_key_infix": "data",
        "dataset_readme_key_suffix": "README.yml",
        "dataset_registration_key": f"dtool-{frozen.uuid}",
        "dtool_readme_key_suffix": "README.txt",
        "fragment_key_infix": "fragments",
        "http_manifest_key": "http_manifest.json",
        "manifest_key_suffix": "manifest.json",
        "overlays_key_infix": "overlays",
        "storage_broker_version": "0.14.1",
        "structure_key_suffix": "structure.json",
        "tags_key_infix": "tags",
    }
    assert body == json.dumps(structure, indent=2, sort_keys=True)


def test_each_dataset_has_a_structure_of_its_own(bucket):
    first = dtoolcore.create_proto_dataset("first", bucket.uri)
    second = dtoolcore.create_proto_dataset("second", bucket.uri)
    first._storage_broker.create_structure()
    structures = [json.loads(bucket.get(f"{proto.uuid}/structure.json")) for proto in (first, second)]
    assert [structure["dataset_registration_key"] for structure in structures] == [
        f"dtool-{first.uuid}",
        f"dtool-{second.uuid}",
    ]


def test_admin_metadata_are_headers_and_body(frozen, bucket):
    key = f"{frozen.uuid}/dtool"
    body = json.loads(bucket.get(key))
    assert body["type"] == "dataset"
    # Ceph RGW writes hyphens for the underscores.
    headers = {name.replace("-", "_"): value for name, value in bucket.metadata(key).items()}
    assert headers == {name: str(value) for name, value in body.items()}


def test_texts_are_json_with_an_indent_of_two(frozen, bucket, item_name):
    manifest = bucket.get(f"{frozen.uuid}/manifest.json").decode()
    assert manifest == json.dumps(json.loads(manifest), indent=2, sort_keys=True)
    overlay = bucket.get(f"{frozen.uuid}/overlays/unit.of.json").decode()
    assert overlay == json.dumps({item_name: "cm"}, indent=2)
    assert bucket.get(f"{frozen.uuid}/annotations/project.id.json").decode() == json.dumps({"a": 1}, indent=2)
    assert bucket.get(f"{frozen.uuid}/tags/water") == b""


def test_a_prefix_is_joined_raw_and_stands_in_the_registration(bucket, monkeypatch, tmp_path):
    monkeypatch.setenv(f"DTOOL_S3_DATASET_PREFIX_{bucket.name}", "u/olssont")
    proto = dtoolcore.create_proto_dataset("rivers", bucket.uri)
    put_bytes(proto, tmp_path, "a.csv", b"a")
    proto.freeze()
    assert bucket.get(f"dtool-{proto.uuid}") == b"u/olssont"
    assert f"u/olssont{proto.uuid}/manifest.json" in bucket.list_keys()
    assert bucket.list_keys(f"{proto.uuid}/") == []


def test_the_registered_prefix_wins_over_the_configured_one(bucket, monkeypatch):
    monkeypatch.setenv(f"DTOOL_S3_DATASET_PREFIX_{bucket.name}", "u/olssont/")
    proto = dtoolcore.create_proto_dataset("rivers", bucket.uri, "by: olssont\n")
    monkeypatch.setenv(f"DTOOL_S3_DATASET_PREFIX_{bucket.name}", "u/somebody-else/")
    read_again = dtoolcore.ProtoDataSet.from_uri(proto.uri)
    assert read_again.get_readme_content() == "by: olssont\n"
