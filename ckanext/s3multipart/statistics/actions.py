"""``s3multipart_download_stats``: how often files were downloaded, for those who may see it."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import ckan.plugins.toolkit as tk

from ckanext.s3multipart.refusal import ActionFunction, refusing
from ckanext.s3multipart.statistics.auth import seen_counts
from ckanext.s3multipart.statistics.download_stats import Period, days_of, files_of
from s3portal.portal.protocol import request_fields
from s3portal.transfer import InvalidRequest, Problem


@tk.side_effect_free
@refusing
def download_stats(context: dict[str, Any], asked: dict[str, Any]) -> dict[str, object]:
    """Says how often files were downloaded, by day (UTC) and by file.

    :param resource: the id of a resource
    :param owner: or the id or name of a dataset, for all of its resources
    :param organization: or the id or name of an organisation, for those of its datasets that the caller may
        read
    :param from: the first day, as in ``2026-11-01`` (optional)
    :param to: the last day, included (optional)
    :returns: ``{"count", "bytes", "days": [{"day", "count", "bytes"}],
        "files": [{"resource", "name", "count", "bytes"}]}``; days without a download are left out, and at
        most 100 files are listed, those with the most downloads first
    """
    seen = seen_counts(context, asked)
    period = period_of(asked)
    days, files = days_of(seen.which, period), files_of(seen.which, period)
    return {
        "count": sum(day.count for day in days),
        "bytes": sum(day.bytes_sent for day in days),
        "days": [{"day": day.day.isoformat(), "count": day.count, "bytes": day.bytes_sent} for day in days],
        "files": [
            {"resource": file.resource, "name": file.name, "count": file.count, "bytes": file.bytes_sent}
            for file in files
        ],
    }


def actions() -> dict[str, ActionFunction]:
    """The actions by name."""
    return {"s3multipart_download_stats": download_stats}


def period_of(asked: Mapping[str, Any]) -> Period:
    """The days ``from`` and ``to``. Raises InvalidRequest."""
    return Period(_day(asked, "from"), _day(asked, "to"))


def _day(asked: Mapping[str, Any], field: str) -> date | None:
    text = request_fields.text(asked, field, required=False)
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InvalidRequest(field=field, problem=Problem.NO_DAY) from error
