"""A script of another site reads the footer of a Parquet file by its persistent link, in a real browser."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests
from chromium import open_context
from parquet_file import parquet_file
from playwright.sync_api import Browser, Page

from s3portal.client.ckan import CkanPortal
from s3portal.demo.people import DATASET
from s3portal.demo.portal import Portal

#: What readers of Parquet in a browser do: the size, the last eight bytes, and then the footer.
READ_FOOTER = """async (link) => {
  const bytes = async (range) => {
    const answer = await fetch(link, {headers: {Range: range}});
    if (answer.status !== 206) throw new Error(`status ${answer.status}`);
    return [new Uint8Array(await answer.arrayBuffer()), answer.headers.get("Content-Range")];
  };
  const size = Number((await fetch(link, {method: "HEAD"})).headers.get("Content-Length"));
  const [byOffset] = await bytes(`bytes=${size - 8}-${size - 1}`);
  const [bySuffix, contentRange] = await bytes("bytes=-8");
  const length = new DataView(bySuffix.buffer).getUint32(0, true);
  const [footer] = await bytes(`bytes=${size - 8 - length}-${size - 9}`);
  const magic = String.fromCharCode(...bySuffix.slice(4));
  return {size, contentRange, magic, same: byOffset.join() === bySuffix.join(), footer: [...footer]};
}"""


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>A notebook</title>")

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def other_site() -> Iterator[str]:
    """A site that is not the portal's, and that neither portal nor store knows."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://localhost:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def notebook(chromium: Browser, other_site: str) -> Iterator[Page]:
    """A page of the other site."""
    context = open_context(chromium)
    page = context.new_page()
    page.goto(other_site)
    yield page
    context.close()


def publish(portal: Portal, content: bytes, dataset: str) -> str:
    """Publishes a file as a program does; returns its persistent link."""
    token = portal.publisher_token()
    client = CkanPortal(portal.url, token)
    upload, parts = client.create_upload(
        dataset=dataset,
        filename="levels.parquet",
        size_bytes=len(content),
        content_type="",
        idempotency_key=dataset,
    )
    for part in parts:
        assert requests.put(part.url, data=content, timeout=120).status_code == 200
    call(portal, token, "s3multipart_upload_complete", id=upload.id)
    resource = call(
        portal, token, "resource_create", package_id=dataset, s3multipart_upload_id=upload.id, name="Levels"
    )
    return f"{portal.url}/dataset/{resource['package_id']}/resource/{resource['id']}/download"


def call(portal: Portal, token: str, action: str, **asked: Any) -> Any:
    answer = requests.post(
        f"{portal.url}/api/3/action/{action}", json=asked, headers={"Authorization": token}, timeout=120
    )
    assert answer.status_code == 200, answer.text
    return answer.json()["result"]


def test_the_footer_of_a_public_file_is_read(portal: Portal, notebook: Page) -> None:
    content, footer = parquet_file(100_000)
    link = publish(portal, content, DATASET)

    read = notebook.evaluate(READ_FOOTER, link)

    assert read["size"] == len(content)
    assert read["magic"] == "PAR1"
    assert read["same"]
    assert bytes(read["footer"]) == footer
    assert read["contentRange"] == f"bytes {len(content) - 8}-{len(content) - 1}/{len(content)}"


def test_a_private_file_is_not_read(portal: Portal, notebook: Page) -> None:
    content, _ = parquet_file()
    token = portal.publisher_token()
    organisation = call(portal, token, "package_show", id=DATASET)["owner_org"]
    private = call(
        portal, token, "package_create", name="kept-to-ourselves", owner_org=organisation, private=True
    )
    link = publish(portal, content, private["id"])

    failed = notebook.evaluate("link => fetch(link).then(() => '', problem => problem.name)", link)

    assert failed == "TypeError"
