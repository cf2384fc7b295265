"""The frame that draws a PDF: what it is sent with, what it may load, and the files that others wrote."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
from console_visitor import ConsoleVisitor
from pdf_files import pdf_of
from s3_clients import client_for

import s3portal.console
from s3portal.server.testing import RunningServer

BUCKET = "test-bucket"
STATIC = Path(s3portal.console.__file__).parent / "static"
VERSION = "6.5.438"
DIGESTS = {
    "jbig2_nowasm_fallback.js": "70150223396487e1ccfef7eac61fc780074ad7fcc9e843b702a8a3bc23107494",
    "openjpeg_nowasm_fallback.js": "2855f1590e7fd7abbbf204cd13a5c09d30c92fe2c9313fb72b64aa763fe8b4f3",
    "pdf.min.mjs": "522ad2c83bc8a0010e7f0cc60d0892b77c8d2bf2c9702dc12288311d94270f42",
    "pdf.worker.min.mjs": "b4c8353ded0d88d2e2009574a29eb4e0c3ff7e942ecdf51ef5f71566a9667f31",
}


def policy_of(visitor: ConsoleVisitor, path: str) -> dict[str, str]:
    """The directives of a page's content security policy."""
    parts = visitor.open(path).headers["Content-Security-Policy"].split("; ")
    return {name: values for name, _, values in (part.partition(" ") for part in parts)}


def preview_path(running: RunningServer, key: str, content: bytes) -> str:
    client_for(running, "admin").put_object(Bucket=BUCKET, Key=key, Body=content)
    return f"/ui/buckets/{BUCKET}/object/preview?key={key}"


def test_the_frame_is_opaque_by_its_own_answer_too(admin: ConsoleVisitor) -> None:
    policy = policy_of(admin, "/ui/pdf-frame")
    assert policy == {
        "sandbox": "allow-scripts",
        "default-src": "'none'",
        "script-src": "'self'",
        "worker-src": "blob:",
        "style-src": "'self'",
        "img-src": "blob: data:",
        "connect-src": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'self'",
        "base-uri": "'none'",
    }
    headers = admin.open("/ui/pdf-frame").headers
    assert headers["X-Frame-Options"] == "SAMEORIGIN" and headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_the_frame_has_nothing_inline_and_nothing_of_the_visitor(admin: ConsoleVisitor) -> None:
    page = admin.open("/ui/pdf-frame").text
    assert page.count("<script") == page.count('<script type="module" src="') == 1
    assert "csrf" not in page and "admin" not in page and " style=" not in page


def test_only_the_page_with_a_pdf_frames_the_console_and_then_nothing_else(
    admin: ConsoleVisitor, running: RunningServer
) -> None:
    drawn = preview_path(running, "levels.pdf", pdf_of("The level is 4 m"))
    other = preview_path(running, "levels.html", b"<p>4 m")
    assert policy_of(admin, drawn)["frame-src"] == "'self'"
    assert policy_of(admin, drawn)["frame-ancestors"] == "'none'"
    assert policy_of(admin, other)["frame-src"] == running.endpoint


def test_the_frame_runs_scripts_and_may_nothing_else(admin: ConsoleVisitor, running: RunningServer) -> None:
    page = admin.open(preview_path(running, "levels.pdf", pdf_of("The level is 4 m"))).text
    (frame,) = re.findall(r"<iframe [^>]*>", page)
    assert 'sandbox="allow-scripts"' in frame and 'src="/ui/pdf-frame"' in frame
    assert 'title="The first pages of levels.pdf' in frame
    # What a template holds loads when a script asks for it.
    assert re.search(r"<template>\s*<iframe", page)


def test_the_store_sends_the_file_to_pages_of_the_console_alone(
    admin: ConsoleVisitor, running: RunningServer
) -> None:
    s3 = client_for(running, "admin")
    s3.create_bucket(Bucket="without-cors-rules")
    s3.put_object(Bucket="without-cors-rules", Key="levels.pdf", Body=pdf_of("The level is 4 m"))
    page = admin.open("/ui/buckets/without-cors-rules/object/preview?key=levels.pdf").text
    url = re.findall(r'data-pdf="([^"]+)"', page)[0].replace("&amp;", "&")
    assert url.startswith(running.endpoint)
    for origin, allowed in ((admin.origin, admin.origin), ("null", None), ("http://evil.example", None)):
        answer = admin.http.get(url, headers={"Origin": origin})
        assert answer.status_code == 200
        assert answer.headers.get("Access-Control-Allow-Origin") == allowed, origin


@pytest.mark.parametrize(
    ("path", "shared"),
    [
        ("static/pdfjs/pdf.min.mjs", True),
        ("static/pdfjs/pdf.worker.min.mjs", True),
        ("static/pdf_frame/frame.mjs", True),
        ("static/pdf_frame/frame.css", True),
        ("static/pdf_preview.js", False),
        ("static/console.js", False),
        ("pdf-frame", False),
        ("buckets", False),
    ],
)
def test_pages_of_other_origins_load_the_files_of_the_frame_alone(
    admin: ConsoleVisitor, path: str, shared: bool
) -> None:
    answer = admin.http.get(f"{admin.origin}/ui/{path}", headers={"Origin": "null"})
    assert answer.status_code == 200
    assert answer.headers.get("Access-Control-Allow-Origin") == ("*" if shared else None)
    assert "Access-Control-Allow-Credentials" not in answer.headers
    if path.endswith("js"):
        # Browsers run nothing else, since nothing is sniffed.
        assert answer.headers["Content-Type"].partition(";")[0].endswith("/javascript")


def test_pdfjs_is_as_it_was_published() -> None:
    """See its README for another version."""
    folder = STATIC / "pdfjs"
    scripts = {path.name for path in folder.iterdir() if path.suffix in (".js", ".mjs")}
    assert scripts == set(DIGESTS)
    for name, digest in DIGESTS.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest, name
    assert f"pdfjsVersion = {VERSION}" in (folder / "pdf.min.mjs").read_text("utf-8")
    assert f'const VERSION = "{VERSION}";' in (STATIC / "pdf_frame" / "frame.mjs").read_text("utf-8")
    assert f" {VERSION} " in (folder / "README.md").read_text("utf-8")
    assert "Apache License" in (folder / "LICENSE").read_text("utf-8")
