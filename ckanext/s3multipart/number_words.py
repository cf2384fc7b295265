"""Sizes, counts and times on CKAN's pages, in the page's language: by CLDR, as the browser words them on the
form (``js/src/field/number-words.js``), so that a file has one size wherever it is shown.
"""

from datetime import datetime
from typing import Literal

import ckan.plugins.toolkit as tk
from babel.numbers import format_percent
from babel.units import format_unit
from flask_babel import format_datetime, get_locale

_UNITS = ("byte", "kilobyte", "megabyte", "gigabyte", "terabyte", "petabyte")


def size_words(size_bytes: int) -> str:
    """``size_bytes`` as a person would say it, in decimal units: ``"58.1 GB"``, ``"58,1 Go"``."""
    power = 0
    while power < len(_UNITS) - 1 and size_bytes / 1000**power >= 999.5:
        power += 1
    value = size_bytes / 1000**power
    return _measured(round(value, 1 if value < 99.95 else 0), _UNITS[power])


def bytes_words(size_bytes: int) -> str:
    """``size_bytes`` to the byte: ``"58,123,456,789 bytes"``."""
    return _measured(size_bytes, "byte")


def percent_words(percent: int) -> str:
    """``"61%"``, ``"61 %"``."""
    return str(format_percent(percent / 100, locale=get_locale()))


def s3multipart_time(moment: datetime) -> str:
    """``"26. November 2026, 15:55 (UTC)"``: CKAN's own helper has days in the order of English with hours."""
    return f"{tk.h.render_datetime(moment)}, {format_datetime(moment, 'HH:mm (z)')}"


def _measured(value: float, unit: str) -> str:
    length: Literal["long", "short"] = "long" if unit == "byte" else "short"
    return format_unit(value, f"digital-{unit}", length, format="#,##0.#", locale=get_locale())
