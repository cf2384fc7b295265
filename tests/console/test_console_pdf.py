"""The preview of a PDF: its text, whatever somebody put into it."""

from __future__ import annotations

import zlib

import pytest
from console_visitor import ConsoleVisitor
from pdf_files import pdf_of
from s3_clients import client_for

from s3portal.console.pdf_text import LIMIT_BYTES, PAGES, read_pdf
from s3portal.server.testing import RunningServer

BUCKET = "test-bucket"


def preview(visitor: ConsoleVisitor, running: RunningServer, content: bytes, key: str = "levels.pdf") -> str:
    client_for(running, "admin").put_object(Bucket=BUCKET, Key=key, Body=content)
    page = visitor.open(f"/ui/buckets/{BUCKET}/object/preview?key={key}")
    assert page.status_code == 200
    return page.text


def test_the_text_of_its_pages_is_shown(admin: ConsoleVisitor, running: RunningServer) -> None:
    page = preview(admin, running, pdf_of("The level is 4 m", "", title="Levels of 2026"))
    assert "<dd>Levels of 2026</dd>" in page and "<dd>2</dd>" in page
    assert "The level is 4 m</pre>" in page and "This page has no text." in page
    assert "Open in a new tab" in page and "This is its beginning." not in page


def test_of_many_pages_the_first_are_shown(admin: ConsoleVisitor, running: RunningServer) -> None:
    page = preview(admin, running, pdf_of(*(f"page number {number}" for number in range(1, PAGES + 3))))
    assert f"page number {PAGES}<" in page and f"page number {PAGES + 1}<" not in page
    assert f"<dd>{PAGES + 2}</dd>" in page and "This is its beginning." in page


def test_what_looks_like_a_page_is_text(admin: ConsoleVisitor, running: RunningServer) -> None:
    hostile = "<script>alert(1)</script>"
    page = preview(admin, running, pdf_of(hostile, title=hostile.replace("(1)", "")))
    assert "<script>alert" not in page and "&lt;script&gt;alert" in page


@pytest.mark.parametrize(
    "content",
    [
        b"no PDF at all",
        b"%PDF-1.4\n%%EOF",
        pdf_of("cut")[:-200],
        pdf_of("x").replace(b"/Kids[5 0 R]", b"/Kids[2 0 R]"),
        pdf_of("x").replace(b"/Count 1", b"/Count 999999999"),
        pdf_of("x").replace(b"/Root 1 0 R", b"/Root 9 0 R"),
        b"%PDF-1.4\n" + b"[" * 100_000,
    ],
    ids=["text", "empty", "cut", "a circle of pages", "endless pages", "no root", "deep"],
)
def test_what_is_none_is_said(admin: ConsoleVisitor, running: RunningServer, content: bytes) -> None:
    page = preview(admin, running, content)
    assert "Open in a new tab" in page
    assert "cannot be read" in page or "<dt>Pages</dt>" in page


def test_what_unpacks_to_much_ends_within_its_limits() -> None:
    packer = zlib.compressobj(1)
    piece = b"(" + b"x" * (1 << 20) + b") Tj\n"
    packed = b"".join(packer.compress(piece) for _ in range(400)) + packer.flush()
    assert len(packed) < LIMIT_BYTES
    found = read_pdf(pdf_of("", packed=packed))
    assert found is None or sum(map(len, found.texts)) <= 64 * 1024


def test_a_large_one_is_not_looked_into(
    admin: ConsoleVisitor, running: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("s3portal.console.pages.previews.LIMIT_BYTES", 100)
    page = preview(admin, running, pdf_of("The level is 4 m"))
    assert "too large for a preview" in page and "Open in a new tab" in page and "4 m" not in page
