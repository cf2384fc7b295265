"""Counts as CSV, row by row, for spreadsheets and programs. Pure.

A spreadsheet takes a cell that begins like a formula for one, and people name files as they like, so such a
cell gets an apostrophe before it (OWASP, "CSV Injection").
"""

import csv
import io
from collections.abc import Iterable, Iterator

from ckanext.s3multipart.statistics.download_stats import FileDay

COLUMNS = ("day", "dataset", "resource", "name", "downloads", "bytes")
#: Also as full-width characters, which spreadsheets of East Asian languages read alike.
_FORMULA_BEGINNINGS = ("=", "+", "-", "@", "\t", "\r", "\n", *"\uff1d\uff0b\uff0d\uff20")
_ROWS_A_CHUNK = 500


def csv_chunks(rows: Iterable[FileDay]) -> Iterator[str]:
    """The file in pieces, the first one with the names of the columns."""
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(COLUMNS)
    for number, row in enumerate(rows, start=1):
        writer.writerow(
            (
                row.day.isoformat(),
                harmless(row.dataset),
                row.resource,
                harmless(row.name),
                row.count,
                row.bytes_sent,
            )
        )
        if number % _ROWS_A_CHUNK == 0:
            yield _taken(written)
    yield _taken(written)


def harmless(text: str) -> str:
    """The text as a cell that no spreadsheet calculates."""
    # Some skip blanks before they look.
    is_formula = text.startswith(_FORMULA_BEGINNINGS) or text.lstrip().startswith(_FORMULA_BEGINNINGS)
    return f"'{text}" if is_formula else text


def _taken(written: io.StringIO) -> str:
    text = written.getvalue()
    written.seek(0)
    written.truncate()
    return text
