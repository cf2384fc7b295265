"""``s3multipart_download_stats``: how often files were downloaded, for those who may see it."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import ckan.plugins.toolkit as tk

from ckanext.s3multipart.auth import allowed, dataset_that_is_read
from ckanext.s3multipart.parameters import own_parameters
from ckanext.s3multipart.permission import administered_organisation
from ckanext.s3multipart.refusal import ActionFunction, refusing
from ckanext.s3multipart.statistics.auth import resource_that_is_read
from ckanext.s3multipart.statistics.download_stats import (
    Period,
    days_of,
    files_of,
    resources_of_dataset,
    resources_of_organisation,
)
from s3portal.portal.protocol import request_fields
from s3portal.transfer import InvalidRequest, Problem


@tk.side_effect_free
@refusing
def download_stats(context: dict[str, Any], asked: dict[str, Any]) -> dict[str, object]:
    """Says how often files were downloaded, by day (UTC) and by file.

    :param resource: the id of a resource
    :param owner: or the id or name of a dataset, for all of its resources
    :param organization: or the id or name of an organisation, for those who administer it
    :param from: the first day, as in ``2026-11-01`` (optional)
    :param to: the last day, included (optional)
    :returns: ``{"count", "bytes", "days": [{"day", "count", "bytes"}],
        "files": [{"resource", "name", "count", "bytes"}]}``; days without a download are left out, and at
        most 100 files are listed, those with the most downloads first
    """
    asked = own_parameters("download_stats", asked)
    tk.check_access("s3multipart_download_stats", context, asked)
    period = Period(_day(asked, "from"), _day(asked, "to"))
    resource_ids = _resource_ids(context, asked)
    days, files = days_of(resource_ids, period), files_of(resource_ids, period)
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


def _resource_ids(context: dict[str, Any], asked: Mapping[str, Any]) -> list[str]:
    if asked.get("resource"):
        return [resource_that_is_read(asked).id]
    if asked.get("owner"):
        ids = resources_of_dataset(dataset_that_is_read(dict(asked)).id)
        # Plugins restrict single resources of a dataset that everybody sees.
        return [each for each in ids if allowed("resource_show", context, each)]
    organisation = administered_organisation(context, request_fields.text(asked, "organization"))
    return resources_of_organisation(organisation.id)


def _day(asked: Mapping[str, Any], field: str) -> date | None:
    text = request_fields.text(asked, field, required=False)
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InvalidRequest(field=field, problem=Problem.NO_DAY) from error
