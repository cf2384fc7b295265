"""A look at an object without downloading it: its beginning, or what an archive has in it.

What could act, as HTML and SVG can, is shown in a frame that may do nothing, from the store's own origin.
Browsers show no PDF in such a frame, and in any other its scripts can open dialogs over the console, which
ask for a secret and send it away. So pdf.js draws its pages in a frame of its own (``pdf_frame``), from
what the browser fetches from the store. The page also has its text, for those who run no scripts or see no
pictures, and a link opens it in a tab of its own, where the address is the store's.
"""

from __future__ import annotations

import csv
import io
import json
import struct
import zipfile
from dataclasses import dataclass
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError
from flask import Blueprint, g, render_template, request

from s3portal.console.documents import write_document
from s3portal.console.errors import sentence_of
from s3portal.console.pdf_text import LIMIT_BYTES, PAGES, PdfText, read_pdf
from s3portal.console.range_file import RangeFile, TooMuchToRead
from s3portal.console.texts import gettext as _
from s3portal.console.visit import visit

TEXT_BYTES = 64 * 1024
_TABLE_ROWS, _TABLE_COLUMNS, _ARCHIVE_NAMES = 100, 50, 1000
_LINK_S = 300
#: What the reading of an archive that somebody made up can end with.
_NO_ARCHIVE = (
    *(zipfile.BadZipFile, NotImplementedError, EOFError, ValueError),
    *(struct.error, IndexError, OverflowError),
)
_IMAGES = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "avif": "image/avif",
}
_PDF = "application/pdf"
_FRAMED = {"html": "text/html", "htm": "text/html", "svg": "image/svg+xml"}
_TEXT_TYPES = ("text/", "application/json", "application/xml", "application/x-yaml", "application/javascript")

preview_pages = Blueprint("previews", __name__)


@dataclass(frozen=True)
class Preview:
    """What is shown: one of these, or none where there is nothing to show."""

    text: str = ""
    rows: tuple[tuple[str, ...], ...] = ()
    archive: tuple[tuple[str, int], ...] = ()
    image_url: str = ""
    frame_url: str = ""
    pdf_url: str = ""
    #: Whether the pages of the PDF can be drawn, from at most so many bytes and so many of them.
    draws_pdf: bool = False
    pdf_limit_bytes: int = LIMIT_BYTES
    pdf_pages: int = PAGES
    pdf: PdfText | None = None
    is_part: bool = False
    problem: str = ""


@preview_pages.get("/buckets/<bucket>/object/preview")
def show(bucket: str) -> str:
    key, version = request.args.get("key", ""), request.args.get("version")
    named = {"Bucket": bucket, "Key": key, **({"VersionId": version} if version else {})}
    facts = visit().s3.head_object(**named)
    return render_template(
        "console/preview.html",
        bucket=bucket,
        key=key,
        version=version,
        name=key.rpartition("/")[2] or key,
        preview=_preview(named, facts),
    )


def _preview(named: dict[str, str], facts: dict[str, Any]) -> Preview:
    ending = named["Key"].rpartition(".")[2].lower()
    kind = facts["ContentType"].partition(";")[0].strip().lower()
    if facts["ContentLength"] == 0:
        return Preview(problem=_("This object is empty."))
    if ending in _IMAGES or kind in _IMAGES.values():
        return Preview(image_url=_url(named, _IMAGES.get(ending, kind)))
    if ending == "pdf" or kind == _PDF:
        return _pdf(named, facts)
    if ending in _FRAMED or kind in _FRAMED.values():
        framed = _FRAMED.get(ending, kind)
        # A page by itself would run its scripts, beside the console's cookies.
        return Preview(frame_url=_url(named, framed))
    if ending == "zip" or kind == "application/zip":
        return _archive(named, facts)
    return _text(named, facts, ending, kind)


def _url(named: dict[str, str], kind: str) -> str:
    parameters = {**named, "ResponseContentType": kind, "ResponseContentDisposition": "inline"}
    return visit().link("get_object", parameters, _LINK_S)


def _pdf(named: dict[str, str], facts: dict[str, Any]) -> Preview:
    url = _url(named, _PDF)
    if facts["ContentLength"] > LIMIT_BYTES:
        return Preview(pdf_url=url, problem=_("This PDF is too large for a preview."))
    g.frames_pdf = True
    answer = visit().s3.get_object(**named, IfMatch=facts["ETag"])
    found = read_pdf(answer["Body"].read())
    if found is None:
        return Preview(pdf_url=url, draws_pdf=True, problem=_("The text of this PDF cannot be read."))
    return Preview(pdf_url=url, draws_pdf=True, pdf=found, is_part=found.pages > len(found.texts))


def _text(named: dict[str, str], facts: dict[str, Any], ending: str, kind: str) -> Preview:
    answer = visit().s3.get_object(**named, Range=f"bytes=0-{TEXT_BYTES - 1}")
    content: bytes = answer["Body"].read()
    is_part = facts["ContentLength"] > len(content)
    if b"\0" in content[:4096] and not kind.startswith(_TEXT_TYPES):
        return Preview(
            problem=_("There is no preview of this kind of file. Download it to see what is in it.")
        )
    text = content.decode("utf-8-sig", "replace")
    if is_part:
        # The last character may be a half.
        text = text[: text.rfind("\n") + 1] or text
    if ending in ("csv", "tsv") or kind in ("text/csv", "text/tab-separated-values"):
        rows = csv.reader(io.StringIO(text), delimiter="\t" if "tab" in kind or ending == "tsv" else ",")
        try:
            table = tuple(tuple(row[:_TABLE_COLUMNS]) for row in islice(rows, _TABLE_ROWS))
        except csv.Error:
            return Preview(text=text, is_part=is_part)
        return Preview(rows=table, is_part=is_part or len(table) == _TABLE_ROWS)
    if (ending == "json" or kind == "application/json") and not is_part:
        try:
            text = write_document(json.loads(text))
        except (ValueError, RecursionError):
            return Preview(text=text)
    return Preview(text=text, is_part=is_part)


def _archive(named: dict[str, str], facts: dict[str, Any]) -> Preview:
    file = RangeFile(visit().s3, named, facts["ContentLength"], facts["ETag"])
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
    except _NO_ARCHIVE:
        return Preview(problem=_("This is not a ZIP file that can be read."))
    except TooMuchToRead:
        return Preview(problem=_("This archive has too many files for a preview."))
    except ClientError as refused:
        return Preview(problem=sentence_of(refused))
    shown = tuple((member.filename, member.file_size) for member in members[:_ARCHIVE_NAMES])
    return Preview(archive=shown, is_part=len(members) > len(shown))
