"""Signed URLs, which servers of others give out: reading, writing, and writing one item."""

import hashlib
import json
import urllib.error
import urllib.request

import dtoolcore
import pytest
from datasets import contents_of, put_bytes
from foreign import CONTENT_MD5

from s3portal.dtool.errors import PublishingRefused


def request(method, url, body=None, headers=()):
    """The body of the answer. Raises urllib's HTTPError for a refusal."""
    sent = urllib.request.Request(url, data=body, method=method, headers=dict(headers))
    with urllib.request.urlopen(sent, timeout=60) as answer:
        return answer.read()


@pytest.fixture
def broker(proto):
    return proto._storage_broker


def test_the_broker_says_that_it_can_sign(broker):
    assert broker.supports_signing()


def test_an_object_is_read_by_its_url(broker):
    assert (
        request("GET", broker.generate_signed_read_url(broker.get_readme_key(), 60))
        == b"description: rivers\n"
    )


def test_an_object_is_written_by_its_url(broker, proto):
    request("PUT", broker.generate_signed_write_url(broker.get_readme_key(), 60), b"description: new\n")
    assert proto.get_readme_content() == "description: new\n"


def test_a_url_for_reading_does_not_write(broker):
    with pytest.raises(urllib.error.HTTPError, match="403"):
        request("PUT", broker.generate_signed_read_url(broker.get_readme_key(), 60), b"x")


def test_an_item_that_was_written_by_its_url_is_one_like_all_others(broker, proto):
    content = b"1,2\n"
    url, headers = broker.generate_signed_item_write_url("Köln.csv", hashlib.md5(content).hexdigest(), 60)
    request("PUT", url, content, headers.items())
    dtoolcore.ProtoDataSet.from_uri(proto.uri).freeze()
    assert contents_of(proto.uri) == {"Köln.csv": content}


@pytest.mark.parametrize("name", ["md5_hexdigest", "md5"])
def test_the_md5_may_be_given_by_name(broker, name):
    checksum = hashlib.md5(b"x").hexdigest()
    url, headers = broker.generate_signed_item_write_url(
        relpath="a.csv", expiry_seconds=60, **{name: checksum.upper()}
    )
    request("PUT", url, b"x", headers.items())
    assert headers["x-amz-meta-checksum"] == checksum


@pytest.mark.parametrize("md5", ["", "no MD5", "a" * 31, "g" * 32])
def test_what_is_no_md5_is_refused(broker, md5):
    with pytest.raises(PublishingRefused, match="32 hexadecimal digits"):
        broker.generate_signed_item_write_url("a.csv", md5)


@pytest.mark.needs(CONTENT_MD5)
def test_another_content_is_refused_by_s3(broker):
    url, headers = broker.generate_signed_item_write_url("a.csv", hashlib.md5(b"right").hexdigest(), 60)
    with pytest.raises(urllib.error.HTTPError, match="400"):
        request("PUT", url, b"wrong", headers.items())


def test_another_path_is_refused_by_s3(broker):
    url, headers = broker.generate_signed_item_write_url("a.csv", hashlib.md5(b"x").hexdigest(), 60)
    with pytest.raises(urllib.error.HTTPError, match="403"):
        request("PUT", url, b"x", {**headers, "x-amz-meta-handle": "Yi5jc3Y="}.items())


def test_a_whole_dataset_is_read_by_its_urls(proto, tmp_path):
    put_bytes(proto, tmp_path, "a.csv", b"a")
    proto.put_tag("water")
    proto.put_annotation("project.id", 7)
    proto.freeze()
    dataset = dtoolcore.DataSet.from_uri(proto.uri)
    dataset.put_overlay("is.csv", dict.fromkeys(dataset.identifiers, True))
    urls = dataset._storage_broker.generate_dataset_signed_urls(60)
    (identifier,) = dataset.identifiers
    assert urls["tags"] == ["water"]
    assert json.loads(request("GET", urls["admin_metadata_url"])) == dataset.admin_metadata
    assert list(json.loads(request("GET", urls["manifest_url"]))["items"]) == [identifier]
    assert request("GET", urls["readme_url"]) == b"description: rivers\n"
    assert request("GET", urls["item_urls"][identifier]) == b"a"
    assert request("GET", urls["annotation_urls"]["project.id"]) == b"7"
    assert json.loads(request("GET", urls["overlay_urls"]["is.csv"])) == {identifier: True}


def test_more_than_seven_days_are_refused(broker):
    with pytest.raises(PublishingRefused, match="7 days"):
        broker.generate_signed_read_url("key", 604801)
