"""The downloads of an organisation on a page of their own, and everything that was counted as CSV."""

from dataclasses import dataclass
from typing import Any

import ckan.plugins.toolkit as tk
from flask import Blueprint, Response, request

from ckanext.s3multipart.auth import REFUSAL
from ckanext.s3multipart.number_words import size_words
from ckanext.s3multipart.schema import require_current
from ckanext.s3multipart.statistics.actions import period_of
from ckanext.s3multipart.statistics.auth import SeenCounts, organisation_that_is_read, seen_counts
from ckanext.s3multipart.statistics.csv_export import csv_chunks
from ckanext.s3multipart.statistics.download_stats import FileCount, each_file_and_day, files_of
from ckanext.s3multipart.statistics.shown import chosen, days_chosen, shown_downloads
from ckanext.s3multipart.wording import sentence
from s3portal.transfer import TransferError

blueprint = Blueprint("s3multipart_statistics", __name__)

#: So many files are on the page; the CSV has all.
_TOP_FILES = 25


@dataclass(frozen=True)
class TopFile:
    """A row of the most downloaded files."""

    name: str
    url: str
    dataset_title: str
    dataset_url: str
    downloads: str
    size: str


@blueprint.route("/organization/downloads/<id>")
def organization(id: str) -> Any:
    """The downloads from all of an organisation's datasets that the reader may see."""
    return _answered(lambda: _organization(id))


@blueprint.route("/organization/downloads/<id>/downloads.csv")
def organization_csv(id: str) -> Any:
    """Everything that was counted of them, by day and file."""
    return _answered(lambda: _csv({"organization": id}))


@blueprint.route("/dataset/<id>/downloads.csv")
def owner_csv(id: str) -> Any:
    """Everything that was counted of a dataset, by day and file."""
    return _answered(lambda: _csv({"owner": id}))


@blueprint.route("/dataset/resource/<id>/downloads.csv")
def resource_csv(id: str) -> Any:
    """Everything that was counted of a resource, by day."""
    return _answered(lambda: _csv({"resource": id}))


def _organization(reference: str) -> str:
    asked = {"organization": reference}
    seen = _seen(asked)
    named, period = chosen(request.args)
    url = tk.h.url_for("s3multipart_statistics.organization_csv", id=reference)
    shown = shown_downloads(seen.which, url, named, period)
    files = files_of(seen.which, days_chosen(named, period), _TOP_FILES) if shown else []
    group = organisation_that_is_read(asked)
    variables = {
        "downloads": shown,
        "files": [_shown_file(each) for each in files],
        "group_dict": tk.get_action("organization_show")(
            _context(), {"id": group.id, "include_datasets": False}
        ),
        "group_type": group.type,
    }
    return str(tk.render("organization/downloads.html", variables))


def _shown_file(file: FileCount) -> TopFile:
    return TopFile(
        name=file.name or tk._("Unnamed resource"),
        url=tk.h.url_for("resource.read", id=file.dataset, resource_id=file.resource),
        dataset_title=file.dataset_title,
        dataset_url=tk.h.url_for("dataset.read", id=file.dataset),
        downloads=tk.h.localised_number(file.count),
        size=size_words(file.bytes_sent),
    )


def _csv(asked: dict[str, str]) -> Response:
    seen = _seen(asked)
    rows = each_file_and_day(seen.which, period_of(request.args))
    response = Response(csv_chunks(rows), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="downloads-{seen.name}.csv"'
    # A name that somebody chose is never shown as a page.
    response.headers["X-Content-Type-Options"] = "nosniff"
    request.environ["__no_cache__"] = True
    response.headers["Cache-Control"] = "no-store"
    return response


def _seen(asked: dict[str, str]) -> SeenCounts:
    """What the reader may see. A refusal with a reason of its own is raised as that."""
    context = _context()
    try:
        return seen_counts(context, asked)
    except tk.NotAuthorized as error:
        if REFUSAL in context:
            raise context[REFUSAL] from error
        raise


def _answered(make: Any) -> Any:
    try:
        require_current()
        return make()
    except TransferError as refusal:
        return tk.abort(refusal.http_status, sentence(refusal))
    except tk.NotAuthorized:
        return tk.abort(403, tk._("You may not see download statistics here."))


def _context() -> dict[str, Any]:
    return {"user": tk.current_user.name, "auth_user_obj": tk.current_user}
