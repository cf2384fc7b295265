"""The persistent link: authorises, counts, and sends the reader on to the store for minutes.

No byte of a file passes here, unless the administrator chose that way (delivery.py).
"""

import logging
from typing import Any

import ckan.plugins.toolkit as tk
from ckan import model
from ckan.lib import signals
from ckan.plugins import PluginImplementations, interfaces
from flask import Blueprint, Response, request
from sqlalchemy.exc import SQLAlchemyError

from ckanext.s3multipart.counting import DOWNLOADED_BYTES, DOWNLOADS, count
from ckanext.s3multipart.download_settings import UNDER_THE_PORTAL
from ckanext.s3multipart.downloads.delivery import delivered, passes_through, presentation
from ckanext.s3multipart.downloads.everybody import answer_preflight, let_scripts_read
from ckanext.s3multipart.downloads.file_check import FileState, check_file
from ckanext.s3multipart.downloads.presentation import OWN_ORIGIN_HEADERS, Presentation
from ckanext.s3multipart.downloads.terms import terms_of
from ckanext.s3multipart.errors import DatabaseNotUpgraded, VersionNotFound
from ckanext.s3multipart.model import UploadRow, attached_upload, count_download, had_upload, now
from ckanext.s3multipart.schema import is_current
from ckanext.s3multipart.settings import download_settings, portal_settings
from ckanext.s3multipart.statistics.download_kind import is_download
from ckanext.s3multipart.statistics.repeats import is_repeat
from ckanext.s3multipart.upload_states import RowState
from ckanext.s3multipart.uploads.versions import has_versions, published_version
from ckanext.s3multipart.wording import sentence
from s3portal.transfer import ObjectGone, StoreError, TransferError

log = logging.getLogger(__name__)

#: CKAN's own words, in its own translations.
_NO_DOWNLOAD = "No download is available"


def download_blueprint() -> Blueprint:
    """Both forms of the link, for every dataset type that this portal has; registered before CKAN's own."""
    blueprint = Blueprint("s3multipart_download", __name__)
    for dataset_type in dataset_types():
        rule = f"/{dataset_type}/<id>/resource/<resource_id>/download"
        for suffix in ("", "/<filename>"):
            blueprint.add_url_rule(
                rule + suffix,
                view_func=download,
                defaults={"package_type": dataset_type},
                methods=["GET", "HEAD", "OPTIONS"],
            )
    blueprint.after_request(_errors_uncached)
    return blueprint


def download(package_type: str, id: str, resource_id: str, filename: str | None = None) -> Any:
    """Answers the link of a resource. The name in it may be an old one, and so may the dataset's.

    CKAN's own view answers for files that are not our uploads, and for those that the caller may not see.
    """
    if request.method == "OPTIONS":
        return answer_preflight(resource_id)
    try:
        resource = tk.get_action("resource_show")({"user": tk.current_user.name}, {"id": resource_id})
    except (tk.ObjectNotFound, tk.NotAuthorized):
        return _by_ckan(package_type, id, resource_id, filename)
    try:
        row = _asked_file(resource)
    except VersionNotFound as refusal:
        return tk.abort(refusal.http_status, sentence(refusal))
    if row is not None:
        # It is only read from here on, and not once more after each commit.
        model.Session.expunge(row)
        return let_scripts_read(_uncached(_answer(row, check_file(row))), resource_id)
    try:
        return _by_ckan(package_type, id, resource_id, filename)
    except (FileNotFoundError, TypeError):
        # CKAN looks for a file on its own disk, or finds that it has none to look on.
        if not is_current():
            return tk.abort(503, sentence(DatabaseNotUpgraded()))
        if had_upload(resource_id):
            return tk.abort(404, tk._("The file of this resource was deleted."))
        # A resource may be saved as an upload although there is no file.
        return tk.abort(404, tk._(_NO_DOWNLOAD))


def _asked_file(resource: dict[str, Any]) -> UploadRow | None:
    """The file that the resource has now, or the version of it that the link names; None where CKAN answers.

    Raises VersionNotFound. Of a resource that never had one of our files, CKAN answers the link.
    """
    if not is_current():
        return None
    version_id = request.args.get("version")
    if version_id is not None and has_versions(resource["id"]):
        return published_version(resource["id"], version_id)
    return attached_upload(resource["id"]) if resource.get("url_type") == "upload" else None


def _answer(row: UploadRow, state: FileState) -> Response:
    if state.missing_since:
        # Also to programs that ask with HEAD before they fetch.
        return _missing()
    try:
        terms = terms_of(row, presentation(row))
    except TransferError as refusal:
        return tk.abort(refusal.http_status, sentence(refusal))
    described = _described(row, state, terms.shown)
    if request.method == "HEAD" or described.status_code != 200:
        return described
    if is_download(request):
        _count(row)
    signals.resource_download.send(row.resource_id)
    try:
        return delivered(row, state, terms)
    except ObjectGone:
        return _missing()
    except StoreError as error:
        return tk.abort(error.http_status, sentence(error))


def _missing() -> Any:
    return tk.abort(404, tk._("This file is missing from the file storage. Please tell the administrator."))


def _described(row: UploadRow, state: FileState, shown: Presentation) -> Response:
    """HEAD, from what was recorded: a URL that S3 signed for GET refuses HEAD, and not every client that asks
    how large a file is follows a redirect. A condition that the file does not meet is answered 304 or 412;
    where a redirect is the answer, the store looks at conditions."""
    response = Response(status=200)
    response.headers["Content-Length"] = str(row.size_bytes)
    response.headers["Content-Type"] = shown.content_type
    response.headers["Content-Disposition"] = shown.disposition
    response.headers["Accept-Ranges"] = "bytes"
    # The store's own: it has the time when the upload began, or when it was completed.
    response.last_modified = state.last_modified
    if row.etag:
        response.set_etag(row.etag)
    if passes_through() or download_settings().download_mode in UNDER_THE_PORTAL:
        response.headers.update(OWN_ORIGIN_HEADERS)
    if request.method == "HEAD" or passes_through():
        response.make_conditional(request.environ)
    return response


def _uncached(response: Response) -> Response:
    """Who may see the dataset can change at any moment, so the answer must not be cached."""
    # Without this CKAN adds "public" and a lifetime of its own.
    request.environ["__no_cache__"] = True
    response.headers["Cache-Control"] = "no-store"
    return response


def _errors_uncached(response: Response) -> Response:
    """A file that is refused, or missing, may be there the next time."""
    return _uncached(response) if response.status_code >= 400 else response


def _count(row: UploadRow) -> None:
    """Counts a download. A reader never waits for statistics."""
    resource_id, day = row.resource_id, now().date()
    # Who fetches two versions for a comparison has downloaded twice.
    what = resource_id if row.state == RowState.ATTACHED else row.id
    if not portal_settings().count_downloads or is_repeat(request, what, day):
        return
    try:
        count_download(resource_id, day, row.size_bytes)
        model.Session.commit()
        count(DOWNLOADS)
        count(DOWNLOADED_BYTES, number=row.size_bytes)
    except SQLAlchemyError as error:
        model.Session.rollback()
        log.warning("A download of resource %s was not counted: %s", resource_id, error)


def _by_ckan(package_type: str, id: str, resource_id: str, filename: str | None) -> Any:
    # CKAN makes new view modules for every application, so this one is looked up when it is needed.
    from ckan.views.resource import download as ckan_download

    return ckan_download(package_type, id, resource_id, filename)


def dataset_types() -> list[str]:
    """The types that have pages of their own; ``dataset`` is the one that CKAN itself has."""
    types = {"dataset"}
    for plugin in PluginImplementations(interfaces.IDatasetForm):
        types.update(plugin.package_types())
    return sorted(types)
