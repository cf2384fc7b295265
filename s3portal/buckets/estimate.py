"""When something else than one machine is the better way: how many objects, and how long they take. Pure,
but for the clock."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

#: From here on, one machine is busy for hours.
MANY_OBJECTS = 10_000_000
_HUNDRED_MILLION = 100_000_000


def duration(seconds: float) -> str:
    """A time as people say it.

    >>> duration(45), duration(5400), duration(400_000)
    ('45 seconds', '1.5 hours', '4.6 days')
    """
    for unit, length_s in (("days", 86_400.0), ("hours", 3_600.0), ("minutes", 60.0)):
        if seconds >= length_s:
            return f"{seconds / length_s:.1f} {unit}"
    return f"{seconds:.0f} seconds"


def advice(objects: int, per_second: float, other_way: str) -> str:
    """What to say of so many objects at such a rate, "" where one machine will do."""
    if objects < MANY_OBJECTS or per_second <= 0:
        return ""
    took = duration(_HUNDRED_MILLION / per_second)
    return f"{objects:,} objects, at {per_second:,.0f}/s: 100 million take {took} this way. {other_way}"


@dataclass
class Adviser:
    """Says once, while something runs, that there is a better way for so many objects."""

    tell: Callable[[str], None]
    other_way: str
    _began_s: float = field(default_factory=time.monotonic)
    _has_told: bool = False

    def reached(self, objects: int) -> None:
        """So many are done by now."""
        if self._has_told or objects < MANY_OBJECTS:
            return
        self._has_told = True
        self.tell(advice(objects, objects / max(time.monotonic() - self._began_s, 0.001), self.other_way))
