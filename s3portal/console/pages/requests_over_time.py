"""Requests, bytes, errors and times of the last hour or day, as charts and as a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from operator import add, sub
from typing import TypeVar

from s3portal.console.charts import Chart, draw
from s3portal.console.formats import count, duration, size
from s3portal.console.texts import gettext as _
from s3portal.console.texts import ngettext
from s3portal.console.visit import console
from s3portal.server.operator_view import BOUNDS_S, PeriodCounts, quantile_s

_Number = TypeVar("_Number", int, float)


@dataclass(frozen=True)
class Span:
    """So many periods of so many minutes; ``name`` is what addresses call them."""

    name: str
    words: str
    minutes_each: int
    periods: int


@dataclass(frozen=True)
class PeriodLine:
    """A period as the table shows it; times in seconds, None where nothing was timed."""

    at: datetime
    counts: PeriodCounts
    median_s: float | None
    most_s: float | None


@dataclass(frozen=True)
class OverTime:
    """What the page shows of the ``span`` that was asked for, beside the other ``spans``."""

    span: Span
    spans: Sequence[Span]
    lines: Sequence[PeriodLine]
    charts: Sequence[Chart]


def over_time(name: str) -> OverTime:
    """Returns a span by its name; the last hour for one that there is not."""
    spans = (
        Span("hour", _("Last hour, by minute"), 1, 60),
        Span("day", _("Last day, by quarter of an hour"), 15, 96),
    )
    span = next((span for span in spans if span.name == name), spans[0])
    lines = [
        PeriodLine(
            datetime.fromtimestamp(counts.at_s, timezone.utc),
            counts,
            quantile_s(counts.histogram, BOUNDS_S, 0.5),
            quantile_s(counts.histogram, BOUNDS_S, 0.95),
        )
        for counts in console().backend.view.periods(span.minutes_each, span.periods)
    ]
    return OverTime(span, spans, lines, list(_charts(lines)))


def _charts(lines: Sequence[PeriodLine]) -> Iterator[Chart]:
    times = [f"{line.at:%H:%M}" for line in lines]
    found = [line.counts for line in lines]
    requests, nothing = [counts.requests for counts in found], [0] * len(found)
    yield draw(
        _("Requests"),
        requests,
        nothing,
        _told(times, _requests, requests, nothing),
        summary=_requests(sum(requests), 0),
        most_words=count(max(requests)),
    )
    failed, refused = [counts.failed for counts in found], [counts.refused for counts in found]
    yield draw(
        _("Errors"),
        failed,
        refused,
        _told(times, _errors, failed, refused),
        summary=_errors(sum(failed), sum(refused)),
        most_words=count(max(map(add, failed, refused))),
        part_words=_("failed (5xx)"),
        rest_words=_("refused (4xx)"),
    )
    received, sent = [counts.bytes_in for counts in found], [counts.bytes_out for counts in found]
    yield draw(
        _("Bytes"),
        received,
        sent,
        _told(times, _bytes, received, sent),
        summary=_bytes(sum(received), sum(sent)),
        most_words=size(max(map(add, received, sent))),
        part_words=_("received"),
        rest_words=_("sent"),
    )
    medians = [line.median_s or 0.0 for line in lines]
    most = [line.most_s or 0.0 for line in lines]
    yield draw(
        _("Time of a request"),
        medians,
        list(map(sub, most, medians)),
        _told(times, _times, medians, most),
        summary=_times(max(medians), max(most)),
        most_words=duration(max(most)),
        part_words=_("median"),
        rest_words=_("95th percentile"),
    )


def _told(
    times: Sequence[str],
    words: Callable[[_Number, _Number], str],
    parts: Sequence[_Number],
    rests: Sequence[_Number],
) -> list[str]:
    """Returns each period in words."""
    return [f"{at}: {words(part, rest)}" for at, part, rest in zip(times, parts, rests, strict=True)]


def _requests(answered: int, _nothing: int) -> str:
    return ngettext("%(number)d request", "%(number)d requests", answered)


def _errors(failed: int, refused: int) -> str:
    return _("%(failed)s failed, %(refused)s refused", failed=count(failed), refused=count(refused))


def _bytes(received: int, sent: int) -> str:
    return _("%(received)s received, %(sent)s sent", received=size(received), sent=size(sent))


def _times(median_s: float, most_s: float) -> str:
    return _("median %(median)s, 95th percentile %(most)s", median=duration(median_s), most=duration(most_s))
