"""Small charts, drawn on the server: a bar for each period, of one part or of two on top of each other.

Pure. The words beside a chart and the table below it say the same to who does not see it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: A bar's width with its gap, and the height of all, in the units of the drawing.
STEP, HEIGHT = 10, 100


@dataclass(frozen=True)
class Bar:
    """``part`` stands on the ground, ``rest`` on top of it; heights in the units of the drawing. ``told`` is
    shown under the pointer."""

    told: str
    x: int
    part: float
    rest: float


@dataclass(frozen=True)
class Chart:
    """``part_words`` and ``rest_words`` say what the parts are, '' where there is one alone. ``most_words``
    is the height of the drawing in words, ``summary`` the whole of it."""

    title: str
    part_words: str
    rest_words: str
    most_words: str
    summary: str
    bars: Sequence[Bar]

    @property
    def width(self) -> int:
        return STEP * len(self.bars)


def draw(
    title: str,
    parts: Sequence[float],
    rests: Sequence[float],
    told: Sequence[str],
    *,
    summary: str,
    most_words: str,
    part_words: str = "",
    rest_words: str = "",
) -> Chart:
    """Returns a chart with a bar for each of ``parts`` and what stands on it; ``told`` says each in words,
    and ``summary`` all of them."""
    most = max((part + rest for part, rest in zip(parts, rests, strict=True)), default=0)
    scale = HEIGHT / most if most else 0.0
    bars = [
        Bar(words, STEP * number, round(part * scale, 2), round(rest * scale, 2))
        for number, (part, rest, words) in enumerate(zip(parts, rests, told, strict=True))
    ]
    return Chart(title, part_words, rest_words, most_words, summary, bars)
