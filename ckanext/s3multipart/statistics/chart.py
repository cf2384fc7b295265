"""A column chart as SVG, made on the server: it is there without JavaScript, says in words what it shows, and
has no colour of its own, so it fits dark and light pages. Pure.

Columns are placed in percent of the width and text is not scaled, so the same chart is readable on a desktop
and on a phone. What a column stands for is its height and its text, never a colour.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

_HEIGHT_PX = 160
_PLOT_TOP_PX = 22
_PLOT_HEIGHT_PX = 112
#: A column never gets thinner than this share of its place, and never wider than a wide brush.
_FILLED = 0.8
_WIDEST_PERCENT = 8.0
_ROUND_TENTHS = (10, 15, 20, 25, 30, 40, 50, 60, 80, 100)


@dataclass(frozen=True)
class ChartColumn:
    """One column; ``text`` is what it says when a reader points at it."""

    value: int
    text: str


@dataclass(frozen=True)
class Chart:
    """What is drawn. ``top`` is the value of the upper line and ``top_text`` how it is written there;
    ``edges`` are written below the first, the middle and the last column. ``name`` is unique on the page."""

    name: str
    title: str
    description: str
    columns: Sequence[ChartColumn]
    top: int
    top_text: str
    edges: Sequence[str]


def round_top(most: int) -> int:
    """The value of the upper line: a round number, not below the highest column and not far above it."""
    power: int = 10 ** (len(str(max(1, most))) - 1)
    tops = (tenths * power // 10 for tenths in _ROUND_TENTHS if tenths * power % 10 == 0)
    return next(top for top in tops if top >= most)


def svg(chart: Chart) -> str:
    """The chart as an element of a page. All text is escaped."""
    names = {part: f"{chart.name}-{part}" for part in ("title", "description")}
    root = ET.Element(
        "svg",
        {
            "class": "s3multipart-chart",
            "role": "img",
            "width": "100%",
            "height": str(_HEIGHT_PX),
            "aria-labelledby": " ".join(names.values()),
        },
    )
    ET.SubElement(root, "title", id=names["title"]).text = chart.title
    ET.SubElement(root, "desc", id=names["description"]).text = chart.description
    bottom_px = _PLOT_TOP_PX + _PLOT_HEIGHT_PX
    for y_px in (_PLOT_TOP_PX, bottom_px):
        ET.SubElement(root, "line", {"x1": "0", "x2": "100%", "y1": str(y_px), "y2": str(y_px)})
    _text(root, chart.top_text, "0", _PLOT_TOP_PX - 6, "start")
    for edge, (x, anchor) in zip(chart.edges, _places(len(chart.edges)), strict=True):
        _text(root, edge, x, bottom_px + 18, anchor)
    place = 100 / max(1, len(chart.columns))
    width = min(place * _FILLED, _WIDEST_PERCENT)
    for number, column in enumerate(chart.columns):
        if column.value <= 0:
            continue
        # The smallest value, too, is a line that can be seen.
        height_px = max(1.0, _PLOT_HEIGHT_PX * min(1.0, column.value / chart.top))
        drawn = ET.SubElement(
            root,
            "rect",
            {
                "x": f"{place * (number + 0.5) - width / 2:.3f}%",
                "width": f"{width:.3f}%",
                "y": f"{bottom_px - height_px:.1f}",
                "height": f"{height_px:.1f}",
            },
        )
        ET.SubElement(drawn, "title").text = column.text
    return ET.tostring(root, encoding="unicode")


def _places(edges: int) -> Sequence[tuple[str, str]]:
    """Where the texts below the columns stand."""
    if edges < 2:
        return (("50%", "middle"),)[:edges]
    return (("0", "start"), ("100%", "end")) if edges == 2 else _THREE_PLACES


_THREE_PLACES = (("0", "start"), ("50%", "middle"), ("100%", "end"))


def _text(root: ET.Element, words: str, x: str, y_px: int, anchor: str) -> None:
    attributes = {"x": x, "y": str(y_px), "text-anchor": anchor, "aria-hidden": "true"}
    ET.SubElement(root, "text", attributes).text = words
