"""The text of a PDF that somebody made up, read by a process of its own with little time and memory.

A PDF can be made to keep a reader busy for hours, or to unpack to more than the machine has. The reader is
written in Python and starts nothing; what it says of the file is text, and shown as such.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from typing import Any

#: A larger file is not looked into.
LIMIT_BYTES = 20 * 1024 * 1024
PAGES = 10
_TEXT_LIMIT = 64 * 1024
_CPU_S, _PATIENCE_S = 5, 20
_MEMORY_BYTES = 1024**3
#: So many readers at a time; whoever comes then waits.
_READERS = threading.BoundedSemaphore(2)
_KEPT = ("PATH", "PYTHONPATH", "PYTHONPYCACHEPREFIX", "PYTHONDONTWRITEBYTECODE", "SYSTEMROOT")


@dataclass(frozen=True)
class PdfText:
    """``texts`` are those of its first pages, at most ``PAGES``; a picture of a text is none."""

    pages: int
    title: str
    texts: tuple[str, ...]


def read_pdf(content: bytes) -> PdfText | None:
    """Returns what a PDF says; None where it cannot be read, or not within the limits."""
    command = [sys.executable, "-m", "s3portal.console.pdf_text"]
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    if not _READERS.acquire(timeout=_PATIENCE_S):
        return None
    try:
        done = subprocess.run(
            command, input=content, capture_output=True, timeout=_PATIENCE_S, env=environment, check=True
        )
        said = json.loads(done.stdout)
    except (subprocess.SubprocessError, ValueError):
        return None
    finally:
        _READERS.release()
    return PdfText(said["pages"], said["title"], tuple(said["texts"]))


def _main() -> None:
    """Reads a PDF from standard input, and writes what it says as JSON."""
    import resource

    from pypdf import PdfReader

    for kind, most in (
        (resource.RLIMIT_CPU, _CPU_S),
        (resource.RLIMIT_AS, _MEMORY_BYTES),
        (resource.RLIMIT_FSIZE, 0),
    ):
        resource.setrlimit(kind, (most, most))
    reader = PdfReader(io.BytesIO(sys.stdin.buffer.read()), strict=False)
    texts: list[str] = []
    for page in reader.pages[:PAGES]:
        left = _TEXT_LIMIT - sum(map(len, texts))
        texts.append(_plain(page.extract_text())[:left])
    title = _plain(reader.metadata.title if reader.metadata else "")
    said = {"pages": len(reader.pages), "title": title[:200], "texts": texts}
    sys.stdout.write(json.dumps(said))


def _plain(text: Any) -> str:
    """What could not be encoded again, and what a terminal or a page would not show, goes."""
    shown = str(text or "").encode("utf-8", "replace").decode()
    return "".join(each for each in shown if each in "\n\t" or each.isprintable())


if __name__ == "__main__":
    _main()
