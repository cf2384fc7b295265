"""The chart of downloads: which columns it has, and what is drawn and said of them."""

from datetime import date, timedelta
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest

from ckanext.s3multipart.statistics.chart import Chart, ChartColumn, round_top, svg
from ckanext.s3multipart.statistics.periods import (
    RANGES,
    Span,
    Step,
    columns_of,
    range_of,
    shown_span,
    step_of,
)

TODAY = date(2026, 11, 26)


class TestColumns:
    @pytest.mark.parametrize(
        ("days", "step"),
        [
            (1, Step.DAY),
            (62, Step.DAY),
            (63, Step.WEEK),
            (182, Step.WEEK),
            (183, Step.MONTH),
            (3720, Step.MONTH),
            (3721, Step.YEAR),
        ],
    )
    def test_the_longer_the_range_the_wider_the_step(self, days: int, step: Step) -> None:
        assert step_of(Span(TODAY - timedelta(days=days - 1), TODAY)) is step

    @pytest.mark.parametrize("step", list(Step))
    def test_the_columns_cover_the_span_and_nothing_is_counted_twice(self, step: Step) -> None:
        span = Span(date(2023, 12, 30), date(2024, 3, 1))
        counted = [(span.first + timedelta(days=number), 1, 10) for number in range(-5, 70)]

        columns = columns_of(counted, span, step)

        days_in_span = (span.last - span.first).days + 1
        assert sum(column.count for column in columns) == days_in_span
        assert sum(column.bytes_sent for column in columns) == 10 * days_in_span
        assert (columns[0].first, columns[-1].last) == (span.first, span.last)
        for before, after in pairwise(columns):
            assert after.first == before.last + timedelta(days=1)

    def test_weeks_begin_on_monday_and_months_on_the_first(self) -> None:
        span = Span(date(2024, 2, 28), date(2024, 3, 12))

        weeks = [column.first for column in columns_of([], span, Step.WEEK)]
        months = [column.first for column in columns_of([], span, Step.MONTH)]

        assert weeks == [date(2024, 2, 28), date(2024, 3, 4), date(2024, 3, 11)]
        assert months == [date(2024, 2, 28), date(2024, 3, 1)]

    def test_the_earliest_day_of_all_is_no_trouble(self) -> None:
        span = Span(date.min, date.min + timedelta(days=20))

        assert columns_of([(date.min, 1, 1)], span, Step.WEEK)[0].count == 1

    def test_named_ranges_end_today(self) -> None:
        firsts = {each.name: each.first_day(TODAY) for each in RANGES}

        assert firsts == {
            "30d": date(2026, 10, 28),
            "90d": date(2026, 8, 29),
            "12m": date(2025, 12, 1),
            "all": None,
        }
        assert range_of("no such").name == "12m"

    def test_a_chart_begins_with_the_first_download_and_shows_some_days_at_least(self) -> None:
        counted = Span(date(2026, 11, 20), date(2026, 11, 25))

        assert shown_span(date(2025, 12, 1), None, counted, TODAY) == Span(date(2026, 11, 13), TODAY)
        assert shown_span(None, None, Span(date(2020, 1, 1), TODAY), TODAY) == Span(date(2020, 1, 1), TODAY)

    @pytest.mark.parametrize(
        ("first", "last"),
        [
            (date.min, date.max),
            (date.max, date.min),
            (None, date.min),
            (date.max, None),
            (date(2026, 11, 1), date(2026, 10, 1)),
        ],
    )
    def test_no_range_that_somebody_writes_makes_a_long_chart(
        self, first: date | None, last: date | None
    ) -> None:
        counted = Span(date(2020, 1, 1), TODAY)

        span = shown_span(first, last, counted, TODAY)

        assert span.first <= span.last
        assert len(columns_of([], span, step_of(span))) < 125


class TestTheDrawing:
    def test_it_says_in_words_what_it_shows(self) -> None:
        root = drawn(values=[3, 0, 12])

        names = root.attrib["aria-labelledby"].split()
        assert root.attrib["role"] == "img"
        assert [root.find(f"*[@id='{name}']").text for name in names] == ["Downloads", "15 downloads."]
        assert [rect.find("title").text for rect in root.findall("rect")] == ["0: 3", "2: 12"]

    def test_columns_are_as_high_as_their_values_and_none_is_out_of_the_picture(self) -> None:
        root = drawn(values=[3, 0, 12, 20], top=20)

        heights = [float(rect.attrib["height"]) for rect in root.findall("rect")]
        assert [height / heights[-1] for height in heights] == pytest.approx([0.15, 0.6, 1], abs=0.01)
        for rect in root.findall("rect"):
            left, width = (float(rect.attrib[name].rstrip("%")) for name in ("x", "width"))
            assert left >= 0 and left + width <= 100
            assert float(rect.attrib["y"]) + float(rect.attrib["height"]) < float(root.attrib["height"])

    def test_a_single_download_beside_a_million_can_still_be_seen(self) -> None:
        root = drawn(values=[1, 1_000_000], top=1_000_000)

        assert float(root.find("rect").attrib["height"]) >= 1

    def test_it_has_no_colour_of_its_own(self) -> None:
        text = svg(chart([1, 2]))

        assert "fill" not in text and "#" not in text and "style" not in text

    def test_words_are_escaped(self) -> None:
        text = svg(
            Chart(
                name="a",
                title="<script>alert(1)</script>",
                description='"&',
                columns=[ChartColumn(1, "</title><img src=x>")],
                top=1,
                top_text="<b>",
                edges=["<i>"],
            )
        )

        assert not any(tag in text for tag in ("<script", "<img", "<b>", "<i>"))
        assert ET.fromstring(text).find("title").text == "<script>alert(1)</script>"

    @pytest.mark.parametrize(
        ("most", "top"),
        [
            (0, 1),
            (1, 1),
            (2, 2),
            (7, 8),
            (9, 10),
            (10, 10),
            (11, 15),
            (225, 250),
            (2001, 2500),
            (9999, 10_000),
        ],
    )
    def test_the_upper_line_is_at_a_round_number(self, most: int, top: int) -> None:
        assert round_top(most) == top


def chart(values: list[int], top: int = 12) -> Chart:
    columns = [ChartColumn(value, f"{number}: {value}") for number, value in enumerate(values)]
    return Chart(
        name="downloads",
        title="Downloads",
        description=f"{sum(values)} downloads.",
        columns=columns,
        top=top,
        top_text=str(top),
        edges=["first", "last"],
    )


def drawn(values: list[int], top: int = 12) -> ET.Element:
    return ET.fromstring(svg(chart(values, top)))
