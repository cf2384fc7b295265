"""Numbers and times as people read them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from markupsafe import Markup

_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB", "EB")


def size(size_bytes: int | None) -> str:
    """Returns a size in decimal units, as disks are sold and the portals say it: 58.1 GB."""
    if size_bytes is None:
        return ""
    value, unit = float(size_bytes), 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{size_bytes:,} bytes" if unit == 0 else f"{value:.3g} {_UNITS[unit]}"


def count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


def duration(seconds: float | None) -> str:
    """Returns how long something took: 4.2 ms, 1.5 s. A dash where nothing was timed."""
    if seconds is None:
        return "\N{EN DASH}"
    return f"{seconds * 1000:.3g} ms" if seconds < 0.9995 else f"{seconds:.3g} s"


def moment(at: datetime | None) -> Markup:
    """Returns a time in UTC, marked so that programs can read it."""
    if at is None:
        return Markup("")
    utc = at.astimezone(timezone.utc)
    return Markup('<time datetime="{}">{} UTC</time>').format(
        f"{utc:%Y-%m-%dT%H:%M:%SZ}", f"{utc:%Y-%m-%d %H:%M}"
    )


def printable(value: Any) -> Any:
    """Returns what a template prints, without half characters (lone surrogates): JSON can hold them, a
    page cannot."""
    if not isinstance(value, str):
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        whole = value.encode("utf-8", "replace").decode()
        return Markup(whole) if isinstance(value, Markup) else whole  # noqa: S704  (as safe as it was)
    return value


FILTERS: dict[str, Callable[..., Any]] = {
    "size": size,
    "count": count,
    "duration": duration,
    "moment": moment,
}
