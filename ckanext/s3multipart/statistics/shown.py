"""What pages show of downloads: totals, a chart, the same numbers as a table, and the ranges to choose from.

Dates and numbers are in the language of the page.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlencode

import ckan.plugins.toolkit as tk
from babel.dates import format_date, format_skeleton
from babel.numbers import format_decimal
from flask_babel import get_locale
from markupsafe import Markup

from ckanext.s3multipart.model import now
from ckanext.s3multipart.number_words import size_words
from ckanext.s3multipart.schema import is_current
from ckanext.s3multipart.settings import portal_settings
from ckanext.s3multipart.statistics.actions import period_of
from ckanext.s3multipart.statistics.auth import seen_counts
from ckanext.s3multipart.statistics.chart import Chart, ChartColumn, round_top, svg
from ckanext.s3multipart.statistics.download_stats import Day, Period, days_of, months_of
from ckanext.s3multipart.statistics.periods import (
    RANGES,
    Column,
    NamedRange,
    Span,
    Step,
    busiest,
    columns_of,
    range_of,
    shown_span,
    step_of,
)
from ckanext.s3multipart.statistics.visibility import Which

#: The chart's place on a page, where links of ranges lead to.
ANCHOR = "s3multipart-downloads"
RANGE_FIELD = "downloads"


@dataclass(frozen=True)
class ShownRow:
    """A row of the table: a day, a week, a month or a year, and what was downloaded in it."""

    when: str
    downloads: str
    size: str


@dataclass(frozen=True)
class RangeLink:
    """A range that can be chosen."""

    words: str
    url: str
    is_chosen: bool


@dataclass(frozen=True)
class ShownDownloads:
    """What the template s3multipart/downloads.html shows. ``first`` and ``last`` are the days that were
    asked for, as a form has them; ``period`` says in words which ones are shown."""

    total: str
    total_size: str
    in_period: str
    in_period_size: str
    period: str
    first: str
    last: str
    chart: Markup
    step_words: str
    rows: Sequence[ShownRow]
    ranges: Sequence[RangeLink]
    csv_url: str


def s3multipart_downloads(kind: str, entity_id: str) -> ShownDownloads | None:
    """The downloads of a ``resource`` or of a dataset, the ``owner``; None where the reader may not see them,
    where nothing is counted, and where nothing was downloaded so far."""
    if not is_current() or not portal_settings().count_downloads:
        return None
    context = {"user": tk.current_user.name, "auth_user_obj": tk.current_user}
    try:
        seen = seen_counts(context, {kind: entity_id})
    except tk.NotAuthorized:
        return None
    url = tk.h.url_for(f"s3multipart_statistics.{kind}_csv", id=entity_id)
    return shown_downloads(seen.which, url, range_of(tk.request.args.get(RANGE_FIELD, "")), Period())


def s3multipart_shows_organization_downloads(organisation_id: str) -> bool:
    """Whether the organisation's pages have a tab with its downloads for this reader."""
    if not is_current() or not portal_settings().count_downloads:
        return False
    context = {"user": tk.current_user.name, "auth_user_obj": tk.current_user}
    try:
        tk.check_access("s3multipart_download_stats", context, {"organization": organisation_id})
    except tk.NotAuthorized:
        return False
    return True


def helpers() -> dict[str, Any]:
    """The template helpers by name."""
    return {
        function.__name__: function
        for function in (s3multipart_downloads, s3multipart_shows_organization_downloads)
    }


def chosen(arguments: Any) -> tuple[NamedRange | None, Period]:
    """The range that a page's address names, or the days ``from`` and ``to``. Raises InvalidRequest."""
    period = period_of({name: arguments.get(name) for name in ("from", "to")})
    if period.first or period.last:
        return None, period
    return range_of(arguments.get(RANGE_FIELD, "")), period


def days_chosen(named: NamedRange | None, period: Period) -> Period:
    """The days of what `chosen` answers."""
    return period if named is None else Period(named.first_day(now().date()), None)


def shown_downloads(
    which: Which, csv_url: str, named: NamedRange | None, period: Period
) -> ShownDownloads | None:
    """What was counted of ``which``: in the range of that name, or else in the period. None where nothing was
    downloaded so far."""
    months = months_of(which, Period())
    if not months:
        return None
    asked = days_chosen(named, period)
    span = shown_span(asked.first, asked.last, Span(months[0].day, months[-1].day), now().date())
    step = step_of(span)
    if step in (Step.DAY, Step.WEEK):
        counted = days_of(which, Period(span.first, span.last))
    elif span.first.day == 1 and span.last >= now().date():
        counted = months
    else:
        counted = months_of(which, Period(span.first, span.last))
    columns = columns_of(((each.day, each.count, each.bytes_sent) for each in counted), span, step)
    return _shown(months, columns, step, span, asked, _with_days(csv_url, asked), _range_links(named))


def _shown(
    months: Sequence[Day],
    columns: Sequence[Column],
    step: Step,
    span: Span,
    asked: Period,
    csv_url: str,
    ranges: Sequence[RangeLink],
) -> ShownDownloads:
    words = tk._("{first} to {last}").format(first=_day_words(span.first), last=_day_words(span.last))
    return ShownDownloads(
        total=_number(sum(month.count for month in months)),
        total_size=size_words(sum(month.bytes_sent for month in months)),
        in_period=_number(sum(column.count for column in columns)),
        in_period_size=size_words(sum(column.bytes_sent for column in columns)),
        period=words,
        first=(asked.first or span.first).isoformat(),
        last=(asked.last or span.last).isoformat(),
        chart=Markup(svg(_chart(columns, step, words))),  # noqa: S704 - svg() escapes all text
        step_words=_step_words(step),
        rows=[
            ShownRow(_when(column, step), _number(column.count), size_words(column.bytes_sent))
            for column in reversed(columns)
            if column.count
        ],
        ranges=ranges,
        csv_url=csv_url,
    )


def _chart(columns: Sequence[Column], step: Step, period: str) -> Chart:
    top = round_top(max(column.count for column in columns))
    last = len(columns) - 1
    places = sorted({0, last // 2, last} if last > 3 else {0, last})
    return Chart(
        name=f"{ANCHOR}-chart",
        title=tk._("Downloads, {period}").format(period=period),
        description=_described(columns, step),
        columns=[ChartColumn(column.count, _column_words(column, step)) for column in columns],
        top=top,
        top_text=_number(top),
        edges=[_edge(columns[place].first, step) for place in places],
    )


def _described(columns: Sequence[Column], step: Step) -> str:
    """The chart in two sentences, for those who do not see it."""
    total = sum(column.count for column in columns)
    said = tk.ungettext("{count} download.", "{count} downloads.", total).format(count=_number(total))
    most = busiest(columns)
    if most is None:
        return str(said)
    most_words = tk._("The most were {count}: {when}.").format(
        count=_number(most.count), when=_when(most, step)
    )
    return f"{said} {most_words}"


def _column_words(column: Column, step: Step) -> str:
    words = tk.ungettext("{when}: {count} download", "{when}: {count} downloads", column.count)
    return str(words.format(when=_when(column, step), count=_number(column.count)))


def _when(column: Column, step: Step) -> str:
    if step is Step.WEEK:
        return str(
            tk._("{first} to {last}").format(first=_day_words(column.first), last=_day_words(column.last))
        )
    return _edge(column.first, step)


def _edge(day: date, step: Step) -> str:
    if step is Step.MONTH:
        return str(format_skeleton("yMMM", day, locale=get_locale()))
    return str(day.year) if step is Step.YEAR else _day_words(day)


def _step_words(step: Step) -> str:
    words = {
        Step.DAY: tk._("Day (UTC)"),
        Step.WEEK: tk._("Week"),
        Step.MONTH: tk._("Month"),
        Step.YEAR: tk._("Year"),
    }
    return str(words[step])


def _range_links(chosen_range: NamedRange | None) -> list[RangeLink]:
    words = {
        "30d": tk._("30 days"),
        "90d": tk._("90 days"),
        "12m": tk._("12 months"),
        "all": tk._("All"),
    }
    kept = {name: value for name, value in tk.request.args.items() if name not in (RANGE_FIELD, "from", "to")}
    return [
        RangeLink(
            str(words[each.name]),
            # Relative, so that it fits below any root, in any language and for any type of dataset.
            f"?{urlencode({**kept, RANGE_FIELD: each.name})}#{ANCHOR}",
            each is chosen_range,
        )
        for each in RANGES
    ]


def _with_days(url: str, period: Period) -> str:
    days = {"from": period.first, "to": period.last}
    asked = urlencode({name: day.isoformat() for name, day in days.items() if day})
    return f"{url}?{asked}" if asked else url


def _day_words(day: date) -> str:
    return str(format_date(day, "medium", locale=get_locale()))


def _number(number: int) -> str:
    return str(format_decimal(number, locale=get_locale()))
