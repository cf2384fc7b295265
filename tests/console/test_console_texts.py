"""The console speaks the visitor's language, and every text of it is translated."""

from __future__ import annotations

import subprocess
import sys

import pytest
from console_visitor import ConsoleVisitor


def test_every_text_is_translated_and_compiled() -> None:
    # In a process of its own: the errors that other tests define are not the console's.
    command = [sys.executable, "-m", "s3portal.console.messages", "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("asked", "language", "word"),
    [("de-AT,de;q=0.9", "de", "Buckets"), ("fr", "fr", "Créer un bucket"), ("xx", "en", "Create a bucket")],
)
def test_a_page_is_in_the_language_that_the_browser_asks_for(
    admin: ConsoleVisitor, asked: str, language: str, word: str
) -> None:
    admin.http.headers["Accept-Language"] = asked
    page = admin.open("/ui/buckets").text
    assert f'<html lang="{language}">' in page and word in page


def test_the_uploader_speaks_it_too(admin: ConsoleVisitor) -> None:
    admin.http.headers["Accept-Language"] = "de"
    page = admin.open("/ui/buckets/test-bucket/upload").text
    assert r"Hochgeladen und gepr\u00fcft" in page
