"""The store opens its clients once, with everything that a portal relies on said and not left to defaults."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
import pytest

from s3portal.transfer import Store, TransferSettings, open_store, presign_get
from s3portal.transfer.store import _own_address, _resolve_address


def store_with(**values: object) -> Store:
    keys = {"s3_access_key_id": "AKIDEXAMPLE", "s3_secret_access_key": "wJalrXUtnFEMI"}
    return open_store(TransferSettings(**{"s3_bucket": "river-data", **keys, **values}))


def test_opening_a_store_asks_no_one_and_needs_no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("boto3.Session.client", lambda *_, **__: pytest.fail("a client was opened"))

    assert open_store(TransferSettings(s3_bucket="river-data")).bucket == "river-data"


def test_threads_share_one_client_that_was_opened_once(monkeypatch: pytest.MonkeyPatch) -> None:
    store = store_with()
    at_once = threading.Barrier(8)
    sessions: list[boto3.Session] = []
    original = boto3.Session.__init__

    def counted(session: boto3.Session, *arguments: object, **named: object) -> None:
        sessions.append(session)
        original(session, *arguments, **named)

    monkeypatch.setattr(boto3.Session, "__init__", counted)

    def open_client(_: int) -> object:
        at_once.wait()
        return store.client()

    with ThreadPoolExecutor(8) as pool:
        clients = set(pool.map(open_client, range(8)))

    assert len(clients) == len(sessions) == 1


def test_a_forked_worker_opens_connections_of_its_own() -> None:
    store = store_with()
    parents = id(store.client())
    reading, writing = os.pipe()

    child = os.fork()
    if not child:
        os.write(writing, b"own" if id(store.client()) != parents else b"shared")
        os._exit(0)
    os.waitpid(child, 0)

    assert os.read(reading, 10) == b"own"
    assert id(store.client()) == parents


def test_the_client_is_what_a_portal_needs() -> None:
    config = store_with().client().meta.config

    assert config.signature_version == "s3v4"
    assert config.retries == {"mode": "standard", "total_max_attempts": 4}
    assert (config.connect_timeout, config.read_timeout) == (5, 60)
    assert config.max_pool_connections >= 32
    assert "s3portal/" in config.user_agent_extra


@pytest.mark.parametrize(
    ("values", "checksums"),
    [
        ({}, "when_supported"),
        ({"s3_endpoint": "https://s3.example.org"}, "when_required"),
        ({"s3_endpoint": "https://s3.example.org", "s3_checksums": "when_supported"}, "when_supported"),
    ],
)
def test_checksums_are_sent_where_the_store_knows_them(values: dict[str, str], checksums: str) -> None:
    config = store_with(**values).client().meta.config

    assert config.request_checksum_calculation == config.response_checksum_validation == checksums


@pytest.mark.parametrize(
    ("region", "s3", "sts"),
    [
        ("us-east-1", "https://s3.us-east-1.amazonaws.com", "https://sts.us-east-1.amazonaws.com"),
        (
            "ap-southeast-2",
            "https://s3.ap-southeast-2.amazonaws.com",
            "https://sts.ap-southeast-2.amazonaws.com",
        ),
        ("cn-north-1", "https://s3.cn-north-1.amazonaws.com.cn", "https://sts.cn-north-1.amazonaws.com.cn"),
        (
            "us-gov-west-1",
            "https://s3.us-gov-west-1.amazonaws.com",
            "https://sts.us-gov-west-1.amazonaws.com",
        ),
    ],
)
def test_endpoints_are_regional_in_every_partition(region: str, s3: str, sts: str) -> None:
    store = store_with(s3_region=region)

    assert store.client().meta.endpoint_url == store.public_endpoint == s3
    assert store.sts_client().meta.endpoint_url == sts
    assert store.address.host == s3.replace("https://", "river-data.")


@pytest.mark.parametrize(
    ("values", "base_url", "host"),
    [
        (
            {"s3_addressing_style": "path"},
            "https://s3.us-east-1.amazonaws.com/river-data/",
            "s3.us-east-1.amazonaws.com",
        ),
        ({"s3_bucket": "a.b.c"}, "https://s3.us-east-1.amazonaws.com/a.b.c/", "s3.us-east-1.amazonaws.com"),
        (
            {"s3_bucket": "a.b.c", "s3_region": "eu-central-1"},
            "https://s3.eu-central-1.amazonaws.com/a.b.c/",
            "s3.eu-central-1.amazonaws.com",
        ),
        ({"s3_endpoint": "http://127.0.0.1:9000"}, "http://127.0.0.1:9000/river-data/", "127.0.0.1:9000"),
        ({"s3_endpoint": "http://[::1]:80"}, "http://[::1]:80/river-data/", "[::1]"),
        (
            {"s3_endpoint": "https://s3.example.org:443/b"},
            "https://s3.example.org:443/b/river-data/",
            "s3.example.org",
        ),
        (
            {"s3_endpoint": "https://s3.example.org", "s3_addressing_style": "virtual"},
            "https://river-data.s3.example.org/",
            "river-data.s3.example.org",
        ),
    ],
)
def test_the_bucket_is_where_botocore_says(values: dict[str, str], base_url: str, host: str) -> None:
    address = store_with(**values).address

    assert (address.base_url, address.host) == (base_url, host)


@pytest.mark.parametrize("style", ["auto", "path"])
@pytest.mark.parametrize("bucket", ["river-data", "a.b.c", "123"])
@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9000", "https://s3.example.org:443", "http://store/"])
def test_an_endpoint_of_ones_own_is_known_without_botocore(endpoint: str, bucket: str, style: str) -> None:
    store = store_with(s3_endpoint=endpoint, s3_bucket=bucket, s3_addressing_style=style)

    found = _own_address(store.settings)

    assert found is not None
    assert found == _resolve_address(store._anonymous_client(), bucket)


def test_loading_the_transfers_does_not_load_boto3() -> None:
    code = "import s3portal.transfer, sys; print({'boto3', 'urllib3', 'botocore.session'} & set(sys.modules))"

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"set()\n"


def test_keys_in_the_settings_come_before_those_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "FROMENVIRONMENT")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    without_keys = open_store(TransferSettings(s3_bucket="river-data"))

    assert store_with().credentials().access_key == "AKIDEXAMPLE"
    assert without_keys.credentials().access_key == "FROMENVIRONMENT"


def test_sts_is_where_the_store_is_unless_it_has_an_address_of_its_own() -> None:
    endpoint = "http://127.0.0.1:9000"

    assert store_with(s3_endpoint=endpoint).sts_client().meta.endpoint_url == endpoint
    apart = store_with(s3_endpoint=endpoint, s3_sts_endpoint="http://127.0.0.1:9001")
    assert apart.sts_client().meta.endpoint_url == "http://127.0.0.1:9001"


def test_secrets_are_not_in_the_repr() -> None:
    store = store_with()
    store.client()

    assert "wJalrXUtnFEMI" not in repr(store)


def test_a_store_beside_another_shares_its_client_and_has_its_own_address() -> None:
    first = store_with(s3_endpoint="https://s3.example.org", s3_addressing_style="virtual")
    second = first.beside("lake-data")

    assert second.client() is first.client()
    assert (first.address.host, second.bucket) == ("river-data.s3.example.org", "lake-data")
    url = presign_get(second, "a key", filename="f.pdf", content_type="application/pdf", expires_s=60)
    assert url.startswith("https://lake-data.s3.example.org/a%20key?")


def test_the_keys_of_a_profile_sign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    credentials = tmp_path / "credentials"
    credentials.write_text("[portal]\naws_access_key_id = AKPROFILE\naws_secret_access_key = secret\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))

    store = open_store(TransferSettings(s3_bucket="river-data", s3_profile="portal"))

    assert store.credentials().access_key == "AKPROFILE"
