"""How many requests there are, counted at the server, and that they run side by side."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import dtoolcore
import pytest
from datasets import put_bytes

ITEMS = 120


@pytest.fixture
def source(on_disk):
    return on_disk({f"gauge-{number}.csv": f"{number}\n".encode() for number in range(ITEMS)})


@pytest.fixture
def counted(s3_server):
    """What the server was asked since the last look: ``{operation: requests}``."""

    def look():
        seen = Counter(request.operation for request in s3_server.requests[look.from_here :])
        look.from_here = len(s3_server.requests)
        return seen

    look.from_here = 0
    return look


@pytest.fixture
def uri(source, bundled, dtool, counted):
    """The dataset in the bucket, copied there by the command line."""
    uri = dtool.ok("cp", "-q", source, bundled.uri)
    assert counted()["PutObject"] >= ITEMS
    return uri


def test_up_costs_a_request_an_item_and_few_more(source, bundled, dtool, counted):
    dtool.ok("cp", "-q", source, bundled.uri)
    requests = counted()
    assert requests.total() <= ITEMS + 16, requests
    assert requests["HeadObject"] == 0


def test_down_costs_a_request_an_item_and_few_more(uri, dtool, counted, tmp_path):
    (tmp_path / "down").mkdir()
    dtool.ok("cp", "-q", uri, str(tmp_path / "down"))
    requests = counted()
    assert requests.total() <= ITEMS + 16, requests


def test_a_second_time_down_comes_from_the_cache(uri, dtool, counted, tmp_path):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        counted()
        dtool.ok("cp", "-q", uri, str(tmp_path / name))
    assert counted().total() <= 20


def test_verify_asks_the_listing_and_not_the_items(uri, dtool, counted):
    dtool.ok("verify", uri)
    assert counted().total() <= 12


def test_a_full_verify_asks_each_item_once(uri, dtool, counted):
    dtool.ok("verify", "--full", uri)
    requests = counted()
    assert requests["HeadObject"] == ITEMS
    assert requests.total() <= ITEMS + 14, requests


def test_freezing_what_another_command_added_asks_each_item_once(bundled, tmp_path, dtool, counted):
    proto = dtoolcore.create_proto_dataset("rivers", bundled.uri)
    for number in range(ITEMS):
        put_bytes(proto, tmp_path, f"{number}.csv", b"x")
    proto._storage_broker.pre_freeze_hook()
    counted()
    dtool.ok("freeze", proto.uri)
    requests = counted()
    assert requests["HeadObject"] == ITEMS
    assert requests["GetObject"] <= 12, requests
    assert requests.total() <= ITEMS + 24, requests


def test_listing_costs_one_request_a_dataset(bundled, dtool, counted, monkeypatch):
    for number in range(12):
        dtoolcore.create_proto_dataset(f"plain-{number}", bundled.uri)
    monkeypatch.setenv(f"DTOOL_S3_DATASET_PREFIX_{bundled.name}", "u/olssont/")
    for number in range(12):
        dtoolcore.create_proto_dataset(f"mine-{number}", bundled.uri)
    counted()
    assert len(dtool.ok("ls", "-q", bundled.uri).splitlines()) == 24
    assert counted() == Counter(ListObjectsV2=1, HeadObject=24)


def test_publishing_for_a_while_does_not_ask_about_items(uri, dtool, counted, monkeypatch):
    monkeypatch.setenv("DTOOL_S3_PUBLISH_EXPIRY", "3600")
    dtool.ok("publish", uri)
    assert counted().total() <= 14


def test_requests_run_side_by_side(source, bundled, dtool, s3_server, tmp_path):
    (tmp_path / "down").mkdir()
    uri = f"{bundled.uri}/{dtoolcore.DataSet.from_uri(source).uuid}"
    with ThreadPoolExecutor() as pool:
        for operation, copy in (
            ("PutObject", (source, bundled.uri)),
            ("GetObject", (uri, str(tmp_path / "down"))),
        ):
            with s3_server.faults.hold(operation, after=20) as hold:
                copying = pool.submit(dtool.ok, "cp", "-q", *copy)
                hold.wait_for(12)
            copying.result()
