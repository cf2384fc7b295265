"""CKAN's views of files behind persistent links, in Chromium: of public files for strangers, and of private
ones for those who may see them."""

import json
import struct
import zlib
from collections.abc import Callable

import pytest
from neighbour_site import Site
from playwright.sync_api import Page, expect

from s3portal.demo.people import PUBLISHER, Person

OpenPage = Callable[[Person | None], Page]
GAUGE = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "properties": {"gauge": "Basel"},
            "geometry": {"type": "Point", "coordinates": [7.59, 47.56]},
        }
    ],
}


def png() -> bytes:
    """A picture of 3 by 2 black pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + crc

    header = struct.pack(">IIBBBBB", 3, 2, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(2 * (1 + 3)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def shows_text(page: Page) -> None:
    expect(page.locator("pre[data-module=text_view]")).to_contain_text("level of the Rhine")


def shows_picture(page: Page) -> None:
    page.wait_for_function("[...document.images].some((image) => image.naturalWidth === 3)")


def shows_map(page: Page) -> None:
    """A marker at the gauge's place; the map behind it comes from other hosts."""
    expect(page.locator(".leaflet-marker-icon, path.leaflet-interactive")).to_have_count(1)


@pytest.mark.parametrize("private", [False, True], ids=["public", "private"])
@pytest.mark.parametrize(
    ("view_type", "filename", "content", "is_shown"),
    [
        ("text_view", "levels.txt", b"level of the Rhine", shows_text),
        ("text_view", "levels.json", b'{"what": "level of the Rhine"}', shows_text),
        ("text_view", "levels.xml", b"<what>level of the Rhine</what>", shows_text),
        ("image_view", "gauge.png", png(), shows_picture),
        ("geojson_view", "gauges.geojson", json.dumps(GAUGE).encode(), shows_map),
    ],
    ids=["text", "json", "xml", "image", "geojson"],
)
def test_a_view_shows_the_file(
    site: Site,
    page_of: OpenPage,
    view_type: str,
    filename: str,
    content: bytes,
    is_shown: Callable[[Page], None],
    private: bool,
) -> None:
    resource = site.publish(site.dataset(private=private), content, filename)
    page = page_of(PUBLISHER if private else None)

    page.goto(site.view(resource, view_type))

    is_shown(page)


@pytest.mark.parametrize("private", [False, True], ids=["public", "private"])
@pytest.mark.parametrize(
    ("view_type", "filename", "content", "content_type"),
    [
        ("pdf_view", "levels.pdf", b"%PDF-1.4 of the Rhine", "application/pdf"),
        ("webpage_view", "levels.html", b"<p>level of the Rhine</p>", "text/html"),
    ],
    ids=["PDF", "HTML"],
)
def test_a_frame_gets_what_the_administrator_lets_browsers_show(
    site: Site,
    page_of: OpenPage,
    view_type: str,
    filename: str,
    content: bytes,
    content_type: str,
    private: bool,
) -> None:
    resource = site.publish(site.dataset(private=private), content, filename, content_type)
    page = page_of(PUBLISHER if private else None)

    with page.expect_response(lambda response: "X-Amz-Signature" in response.url) as answered:
        page.goto(site.view(resource, view_type))

    assert answered.value.status == 200
    headers = answered.value.headers
    assert headers["content-type"].startswith(content_type)
    assert headers["content-disposition"].startswith("inline")


def test_views_are_no_downloads(site: Site, page_of: OpenPage) -> None:
    resource = site.publish(site.dataset(), b"level of the Rhine", "levels.txt")
    page = page_of(None)
    page.goto(site.view(resource, "text_view"))
    shows_text(page)

    stats = site.do("s3multipart_download_stats", resource=resource["id"])

    assert stats["count"] == 0
