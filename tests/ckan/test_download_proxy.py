"""Downloads that pass through CKAN, where the administrator chose that way."""

import socket
import tracemalloc
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from callers import MIB, Caller, new_publisher
from ckan import model
from served_portal import served
from shown_links import CONTENT, Setting
from waiting import wait_until

from ckanext.s3multipart.model import UploadRow, downloads
from ckanext.s3multipart.settings import portal_store
from s3portal.server.testing import Fault, RunningServer


@pytest.fixture(autouse=True)
def proxy(portal: Any, setting: Setting) -> None:
    setting("download_mode", "proxy")


@pytest.fixture
def resource(publisher: Caller) -> dict:
    """A published file."""
    return publisher.publish(CONTENT, filename="rivers.csv")


@pytest.fixture
def large(publisher: Caller) -> dict:
    """A published file of more bytes than any buffer on the way has."""
    return publisher.publish(bytes(64 * MIB), filename="large.bin")


def test_the_file_comes_from_the_portal(anonymous: Caller, resource: dict) -> None:
    answer = anonymous.get(resource["url"])

    assert (answer.status_code, answer.data) == (200, CONTENT)
    assert answer.headers["Content-Length"] == str(len(CONTENT))
    assert answer.headers["Content-Disposition"] == 'attachment; filename="rivers.csv"'
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "no-store" in answer.headers["Cache-Control"]
    assert downloads(resource["id"]) == 1


def test_head_says_what_get_says(anonymous: Caller, resource: dict) -> None:
    described, served_ = anonymous.head(resource["url"]), anonymous.get(resource["url"])

    assert (described.status_code, described.data) == (200, b"")
    for name in ("Content-Length", "ETag", "Content-Disposition", "Content-Type", "Last-Modified"):
        assert described.headers[name] == served_.headers[name]


@pytest.mark.parametrize(
    ("asked", "status", "content"),
    [
        ("bytes=0-6", 206, CONTENT[:7]),
        ("bytes=-3", 206, CONTENT[-3:]),
        ("bytes=8-", 206, CONTENT[8:]),
        ("bytes=0-99999999999999999999", 206, CONTENT),
        ("bytes=-99999", 206, CONTENT),
        ("bytes=900-", 416, None),
        ("bytes=0-1,4-5", 200, CONTENT),
        ("bytes=5-2", 200, CONTENT),
        ("lines=1-2", 200, CONTENT),
        ("bytes=x", 200, CONTENT),
    ],
)
def test_ranges(anonymous: Caller, resource: dict, asked: str, status: int, content: bytes | None) -> None:
    answer = anonymous.get(resource["url"], headers={"Range": asked})

    assert answer.status_code == status
    if content is not None:
        assert answer.data == content
        assert answer.headers["Content-Length"] == str(len(content))
    else:
        assert answer.headers["Content-Range"] == f"bytes */{len(CONTENT)}"


def test_a_range_may_depend_on_what_the_reader_has(anonymous: Caller, resource: dict) -> None:
    described = anonymous.head(resource["url"]).headers
    asked = {"Range": "bytes=0-6"}

    for condition, status in (
        (described["ETag"], 206),
        ('"other"', 200),
        ("W/" + described["ETag"], 200),
        (described["Last-Modified"], 206),
        ("Sat, 01 Jan 2000 00:00:00 GMT", 200),
    ):
        answer = anonymous.get(resource["url"], headers={**asked, "If-Range": condition})
        assert (condition, answer.status_code) == (condition, status)


def test_what_the_reader_has_is_not_sent_again(anonymous: Caller, resource: dict) -> None:
    etag = anonymous.head(resource["url"]).headers["ETag"]

    assert anonymous.get(resource["url"], headers={"If-None-Match": etag}).status_code == 304
    assert anonymous.get(resource["url"], headers={"If-Match": '"other"'}).status_code == 412
    assert downloads(resource["id"]) == 0


def test_an_empty_file_is_sent(publisher: Caller) -> None:
    answer = publisher.get(publisher.publish(b"", filename="empty.txt")["url"])

    assert (answer.status_code, answer.data) == (200, b"")
    assert answer.headers["Content-Length"] == "0"


def test_a_private_file_is_not_sent_to_strangers(portal: Any, anonymous: Caller) -> None:
    private = new_publisher(portal, private=True)
    link = private.publish(CONTENT)["url"]

    assert private.get(link).data == CONTENT
    assert anonymous.get(link).status_code in (302, 403, 404)


def test_memory_does_not_grow_with_the_file(anonymous: Caller, large: dict) -> None:
    tracemalloc.start()
    try:
        answer = anonymous.get(large["url"])
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        received = sum(len(block) for block in answer.iter_encoded())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert received == 64 * MIB
    # The store runs in this process, too.
    assert peak - before < 16 * MIB


def test_a_connection_to_the_store_that_breaks_is_resumed(
    publisher: Caller, s3_server: RunningServer
) -> None:
    content = bytes(range(256)) * 4096 * 5
    resource = publisher.publish(content, filename="large.bin")
    s3_server.faults.add_fault(Fault("GetObject", cut_body_at=2 * MIB + 5, first=1))

    answer = publisher.get(resource["url"])

    assert answer.data == content


def test_a_reader_who_goes_away_ends_the_request_to_the_store(
    portal: Any, large: dict, s3_server: RunningServer
) -> None:
    s3_server.wait_until_idle()
    before = len(s3_server.requests)

    with served(portal.app) as address:
        parts = urlsplit(address)
        with socket.create_connection((parts.hostname, parts.port), timeout=120) as reader:
            path = urlsplit(large["url"]).path
            reader.sendall(f"GET {path} HTTP/1.1\r\nHost: test.ckan.net\r\n\r\n".encode())
            assert reader.recv(4096)
        # The server logs a request when it is over.
        wait_until(lambda: reads(s3_server, before), "the request to the store ends")

    assert reads(s3_server, before)[0].bytes_out < 64 * MIB


def reads(s3_server: RunningServer, before: int) -> list[Any]:
    return [each for each in s3_server.requests[before:] if each.operation == "GetObject"]


def test_a_file_that_is_gone_is_told_with_a_page(publisher: Caller, resource: dict) -> None:
    assert publisher.get(resource["url"]).status_code == 200
    key = model.Session.query(UploadRow.key).filter_by(resource_id=resource["id"]).scalar()
    store = portal_store()
    store.client().delete_object(Bucket=store.bucket, Key=key)

    # Within the minute in which the store is not asked whether it is there.
    answer = publisher.get(resource["url"])

    assert answer.status_code == 404
    assert "missing from the file storage" in answer.get_data(as_text=True)


def test_clients_that_forward_their_token_and_those_that_do_not(
    portal: Any, publisher: Caller, resource: dict
) -> None:
    with served(portal.app) as address:
        link = address + urlsplit(resource["url"]).path

        assert requests.get(link, headers=publisher.headers, timeout=120).content == CONTENT
        assert requests.get(link, timeout=120).content == CONTENT
