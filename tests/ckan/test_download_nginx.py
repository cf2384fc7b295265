"""Downloads through a real nginx, with the server block of docs/ckan.md."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from callers import Caller, new_publisher
from served_portal import behind_nginx, served
from shown_links import Setting

from ckanext.s3multipart.downloads.nginx import handed_to_nginx
from ckanext.s3multipart.settings import portal_store
from s3portal.server.testing import Fault, RunningServer

CONTENT = bytes(range(256)) * 1024
FILENAME = "Grüße 100% +1.pdf"
#: What sites and their extensions add to answers.
ADDED = {
    "Content-Security-Policy-Report-Only": "default-src 'self'",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=()",
    "Strict-Transport-Security": "max-age=63072000",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Access-Control-Allow-Methods": "GET",
    "Access-Control-Allow-Headers": "X-Site",
    "Access-Control-Allow-Credentials": "true",
    "Timing-Allow-Origin": "https://other.example",
    "Link": '<https://example.org/licence>; rel="license"',
    "Vary": "Cookie",
    "X-Robots-Tag": "noindex",
    "X-Request-ID": "a1b2c3",
    "Set-Cookie": "seen=1; Path=/",
}


class AddingHeaders:
    """The portal, with extensions that add headers to its answers."""

    def __init__(self, application: Any) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        def start(status: str, headers: list[tuple[str, str]], problem: Any = None) -> Any:
            return start_response(status, [*headers, *ADDED.items()], problem)

        return self._application(environ, start)


@pytest.fixture(scope="module")
def nginx(ckan_app: Any, s3_server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the portal behind nginx."""
    bucket_url = s3_server.endpoint
    with behind_nginx(AddingHeaders(ckan_app.app), bucket_url, tmp_path_factory.mktemp("nginx")) as address:
        yield address


@pytest.fixture
def link(publisher: Caller, nginx: str, setting: Setting) -> str:
    """The link of a published file, behind nginx."""
    setting("download_mode", "nginx")
    resource = publisher.publish(CONTENT, filename=FILENAME, content_type="application/pdf")
    # Browsers are not to be sent there, and nginx has the store's own address.
    setting("s3_public_endpoint", "https://files.example.org")
    return nginx + urlsplit(resource["url"]).path


def test_nginx_hands_out_the_file(link: str, s3_server: RunningServer) -> None:
    answer = requests.get(link, allow_redirects=False, timeout=120)

    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert "X-Accel-Redirect" not in answer.headers
    assert answer.headers["Content-Length"] == str(len(CONTENT))
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["Content-Disposition"].startswith("attachment; ")
    assert "filename*=UTF-8''Gr%C3%BC%C3%9Fe%20100%25%20+1.pdf" in answer.headers["Content-Disposition"]
    for name in ("Content-Disposition", "Content-Type", "Cache-Control"):
        assert len(answer.raw.headers.getlist(name)) == 1


def test_no_header_of_the_portal_is_lost(link: str) -> None:
    answer = requests.get(link, timeout=120)

    for name, value in ADDED.items():
        assert value in answer.raw.headers.getlist(name), name
    assert "no-store" in answer.headers["Cache-Control"]
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_ranges_and_conditions_reach_the_store(link: str) -> None:
    whole = requests.head(link, timeout=120)
    etag = whole.headers["ETag"]

    part = requests.get(link, headers={"Range": "bytes=100-199"}, timeout=120)
    of_this_file = requests.get(link, headers={"Range": "bytes=0-9", "If-Range": etag}, timeout=120)
    outside = requests.get(link, headers={"Range": "bytes=9999999-"}, timeout=120)
    known = requests.get(link, headers={"If-None-Match": etag}, timeout=120)

    assert (part.status_code, part.content) == (206, CONTENT[100:200])
    assert part.headers["Content-Range"] == f"bytes 100-199/{len(CONTENT)}"
    assert (of_this_file.status_code, of_this_file.content) == (206, CONTENT[:10])
    assert outside.status_code == 416
    assert (known.status_code, known.content) == (304, b"")
    for answer in (part, known):
        assert "no-store" in answer.headers["Cache-Control"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_head_describes_the_file(link: str) -> None:
    described = requests.head(link, timeout=120)
    served = requests.get(link, timeout=120)

    assert described.status_code == 200
    for name in ("Content-Length", "Content-Type", "Content-Disposition", "ETag", "Last-Modified"):
        assert described.headers[name] == served.headers[name]


def test_tokens_and_cookies_stay_with_the_portal(
    link: str, publisher: Caller, s3_server: RunningServer
) -> None:
    s3_server.wait_until_idle()
    before = len(s3_server.requests)

    answer = requests.get(link, headers={**publisher.headers, "Cookie": "a=b", "Origin": "null"}, timeout=120)

    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert {each.status for each in s3_server.requests[before:]} == {200}


def test_nobody_asks_the_location_from_outside(link: str, nginx: str, s3_server: RunningServer) -> None:
    s3_server.wait_until_idle()
    before = len(s3_server.requests)

    for path in (
        "/.s3multipart/test-bucket/",
        "/.s3multipart//evil.example/",
        "/%2es3multipart/test-bucket/",
    ):
        assert requests.get(nginx + path, timeout=120).status_code >= 400

    assert s3_server.requests[before:] == []


def test_a_private_file_is_not_handed_out(portal: Any, nginx: str, setting: Setting) -> None:
    setting("download_mode", "nginx")
    resource = new_publisher(portal, private=True).publish(CONTENT)

    answer = requests.get(nginx + urlsplit(resource["url"]).path, allow_redirects=False, timeout=120)

    assert answer.status_code in (302, 403, 404)
    assert CONTENT not in answer.content
    assert "X-Amz" not in str(answer.headers)


def test_the_trouble_of_the_store_is_told_in_words(link: str, s3_server: RunningServer) -> None:
    s3_server.faults.add_fault(Fault("GetObject", status=403))

    answer = requests.get(link, timeout=120)

    assert answer.status_code == 502
    assert "The file storage did not answer" in answer.text
    assert "<Error>" not in answer.text


class HostileAnswers:
    """A portal in which someone can make answers say what they like."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [("X-Accel-Redirect", self._path)])
        return [b""]


@pytest.mark.parametrize(
    "path",
    [
        "/.s3multipart//{other}/",
        "/.s3multipart/@{other}/",
        "/.s3multipart/http://{other}/",
        "/.s3multipart/%40{other}/",
        "/.s3multipart/%5c{other}/",
        "/.s3multipart/..%2f..%2f@{other}/",
    ],
)
def test_the_location_leads_to_no_other_host(path: str, s3_server: RunningServer, tmp_path: Path) -> None:
    asked: list[str] = []

    def other(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        asked.append(environ["PATH_INFO"])
        start_response("200 OK", [])
        return [b"from elsewhere"]

    with served(other) as elsewhere:
        hostile = HostileAnswers(path.format(other=urlsplit(elsewhere).netloc))
        with behind_nginx(hostile, s3_server.endpoint, tmp_path) as address:
            answer = requests.get(f"{address}/", timeout=120)

    assert answer.status_code >= 400
    assert asked == []


def test_the_portal_hands_over_addresses_of_its_own_store_alone() -> None:
    store = portal_store()

    with pytest.raises(ValueError, match="not an address"):
        handed_to_nginx(store, "https://evil.example/test-bucket/x?X-Amz-Signature=1")
