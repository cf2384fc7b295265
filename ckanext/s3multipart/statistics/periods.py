"""Ranges of days, and the columns that a chart of them has: days, weeks, months or years, so that no chart
has more columns than a phone can show. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum

#: A day of what was counted: the day (UTC), downloads, bytes.
Counted = tuple[date, int, int]

_MOST_DAYS = 62
_MOST_WEEKS = 26
_MOST_MONTHS = 120
#: A chart of what was first downloaded today has some days before it.
_LEAST_DAYS = 14


class Step(Enum):
    """What one column of a chart stands for."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


@dataclass(frozen=True)
class Span:
    """From the one day to the other, both included."""

    first: date
    last: date


@dataclass(frozen=True)
class Column:
    """What was downloaded in one step of a span; the first and the last step may be cut short."""

    first: date
    last: date
    count: int
    bytes_sent: int


@dataclass(frozen=True)
class NamedRange:
    """A range that a reader chooses by name: the ``days`` or ``months`` up to today, or all that was
    counted."""

    name: str
    days: int = 0
    months: int = 0

    def first_day(self, today: date) -> date | None:
        """Where it begins; None for all."""
        if self.days:
            return today - timedelta(days=self.days - 1)
        return _months_before(today, self.months - 1) if self.months else None


RANGES = (
    NamedRange("30d", days=30),
    NamedRange("90d", days=90),
    NamedRange("12m", months=12),
    NamedRange("all"),
)
DEFAULT_RANGE = RANGES[2]


def range_of(name: str) -> NamedRange:
    """The range of that name; the default one where there is none."""
    return next((each for each in RANGES if each.name == name), DEFAULT_RANGE)


def shown_span(asked_first: date | None, asked_last: date | None, counted: Span | None, today: date) -> Span:
    """The days that a chart shows of what was asked for: no long emptiness before the first download, and
    nothing of the future, unless something was counted there."""
    newest = max(today, counted.last) if counted else today
    last = min(asked_last or newest, newest)
    some_days_before = last - min(timedelta(days=_LEAST_DAYS - 1), last - date.min)
    oldest = min(counted.first, some_days_before) if counted else some_days_before
    return Span(min(max(asked_first or oldest, oldest), last), last)


def step_of(span: Span) -> Step:
    """The finest step that gives no more columns than can be told apart."""
    days = (span.last - span.first).days + 1
    if days <= _MOST_DAYS:
        return Step.DAY
    if days <= _MOST_WEEKS * 7:
        return Step.WEEK
    return Step.MONTH if days <= _MOST_MONTHS * 31 else Step.YEAR


def columns_of(counted: Iterable[Counted], span: Span, step: Step) -> list[Column]:
    """One column for each step of the span, those without a download included. What was counted outside of
    the span is left out."""
    totals: dict[date, list[int]] = {}
    for day, count, bytes_sent in counted:
        if span.first <= day <= span.last:
            total = totals.setdefault(_beginning(day, step), [0, 0])
            total[0] += count
            total[1] += bytes_sent
    columns = []
    for beginning in _beginnings(span, step):
        end = _beginning_after(beginning, step) - timedelta(days=1)
        count, bytes_sent = totals.get(beginning, (0, 0))
        columns.append(Column(max(beginning, span.first), min(end, span.last), count, bytes_sent))
    return columns


def busiest(columns: Sequence[Column]) -> Column | None:
    """The column with the most downloads, the first of several; None where there is none."""
    most = max(columns, key=lambda column: column.count, default=None)
    return most if most and most.count else None


def _beginnings(span: Span, step: Step) -> Iterator[date]:
    beginning = _beginning(span.first, step)
    while beginning <= span.last:
        yield beginning
        beginning = _beginning_after(beginning, step)


def _beginning(day: date, step: Step) -> date:
    if step is Step.WEEK:
        # ISO 8601: weeks begin on Monday.
        return day - timedelta(days=min(day.weekday(), (day - date.min).days))
    if step is Step.MONTH:
        return day.replace(day=1)
    return day.replace(month=1, day=1) if step is Step.YEAR else day


def _beginning_after(beginning: date, step: Step) -> date:
    days = {Step.DAY: 1, Step.WEEK: 7, Step.MONTH: 31, Step.YEAR: 366}[step]
    return _beginning(beginning + timedelta(days=days), step)


def _months_before(day: date, months: int) -> date:
    """The first day of the month so many months before."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, 1)
