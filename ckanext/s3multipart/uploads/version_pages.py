"""The versions of a file on the page of its resource, and what editors do with them there: with JavaScript
and without. All that they do is done by actions."""

from dataclasses import dataclass
from typing import Any

import ckan.plugins.toolkit as tk
from ckan import model
from flask import Blueprint
from werkzeug.wrappers import Response

from ckanext.s3multipart.links import version_link
from ckanext.s3multipart.model import UploadRow, attached_upload
from ckanext.s3multipart.number_words import bytes_words, size_words
from ckanext.s3multipart.paging import ListPage, asked_page
from ckanext.s3multipart.permission import active_resource
from ckanext.s3multipart.schema import is_current, require_current
from ckanext.s3multipart.upload_states import RowState
from ckanext.s3multipart.uploads.file_facts import checksum_text
from ckanext.s3multipart.uploads.page_calls import call_and_say, caller_context, in_a_question
from ckanext.s3multipart.uploads.version_auth import may_change_versions, readable_resource
from ckanext.s3multipart.uploads.versions import count_earlier_versions, published_version, versions_of
from ckanext.s3multipart.wording import sentence
from s3portal.transfer import TransferError, safe_filename

blueprint = Blueprint("s3multipart_versions", __name__)

#: The page has other things to show.
_VERSIONS_A_PAGE = 10
_ONE = "/dataset/<id>/resource/<resource_id>/version/<version_id>"


@dataclass(frozen=True)
class ShownVersion:
    """A row of the list. ``publisher`` is "" for those who may not know, and where the user is gone;
    ``asked_filename`` is for CKAN's question before a version is removed."""

    id: str
    filename: str
    asked_filename: str
    size: str
    size_to_the_byte: str
    checksum: str
    publisher: str
    uploaded_at: Any
    replaced_at: Any
    url: str
    restore_url: str
    remove_url: str


@dataclass(frozen=True)
class ShownVersions:
    """What the page of a resource shows of the versions of its file. ``current_url`` is the address of the
    present file that stays this one's, "" where there is none."""

    versions: list[ShownVersion]
    page: ListPage
    may_change: bool
    current_url: str


def s3multipart_versions(resource_id: str) -> ShownVersions | None:
    """The earlier versions of the resource's file, None where none are kept."""
    total = count_earlier_versions(resource_id) if is_current() else 0
    if not total:
        return None
    resource = active_resource(resource_id)
    page = asked_page(total, lambda number: _page_of(resource, number), _VERSIONS_A_PAGE)
    may_change = may_change_versions(caller_context(), resource_id)
    found = versions_of([resource_id], earlier_only=True, after=page.first - 1, most=_VERSIONS_A_PAGE)
    current = attached_upload(resource_id)
    return ShownVersions(
        versions=[_shown(row, user if may_change else None, resource) for row, user in found],
        page=page,
        may_change=may_change,
        current_url=version_link(resource, current.id) if current else "",
    )


@blueprint.route(f"{_ONE}/restore", methods=["POST"])
def restore(id: str, resource_id: str, version_id: str) -> Response:
    """Makes an earlier version the resource's file again."""
    call_and_say("s3multipart_version_restore", _restored, resource=resource_id, version=version_id)
    return _back(id, resource_id)


@blueprint.route(f"{_ONE}/remove", methods=["GET"])
def ask_before_removing(id: str, resource_id: str, version_id: str) -> Any:
    """Asks whether the version is to be removed: where scripts are off, there is no dialog that asks."""
    try:
        require_current()
        tk.check_access("s3multipart_version_remove", caller_context(), {"resource": resource_id})
        row = published_version(resource_id, version_id)
        resource = active_resource(resource_id)
        if row.state != RowState.VERSION:
            return _back(id, resource_id)
    except TransferError as refusal:
        return tk.abort(refusal.http_status, sentence(refusal))
    except tk.NotAuthorized as error:
        return tk.abort(403, str(error))
    variables = {
        "version": _shown(row, None, resource),
        "pkg_dict": tk.get_action("package_show")(caller_context(), {"id": resource.package_id}),
        "resource_name": resource.name or "",
        "back_url": _page_of(resource, 1),
    }
    return tk.render("package/remove_version.html", variables)


@blueprint.route(f"{_ONE}/remove", methods=["POST"])
def remove(id: str, resource_id: str, version_id: str) -> Response:
    """Removes the version."""
    call_and_say("s3multipart_version_remove", _removed, resource=resource_id, version=version_id)
    return _back(id, resource_id)


def _shown(row: UploadRow, user: model.User | None, resource: model.Resource) -> ShownVersion:
    filename = safe_filename(row.filename)
    where = {"id": resource.package.name, "resource_id": resource.id, "version_id": row.id}
    return ShownVersion(
        id=row.id,
        filename=filename,
        asked_filename=in_a_question(filename),
        size=size_words(row.size_bytes),
        size_to_the_byte=bytes_words(row.size_bytes),
        checksum=row.sha256 or checksum_text(row),
        publisher=user.display_name if user is not None else "",
        uploaded_at=row.created_at,
        replaced_at=row.replaced_at,
        url=version_link(resource, row.id),
        restore_url=tk.h.url_for("s3multipart_versions.restore", **where),
        remove_url=tk.h.url_for("s3multipart_versions.remove", **where),
    )


def _page_of(resource: model.Resource, number: int) -> str:
    """The page of the resource, at its versions."""
    package = resource.package
    page = {"page": number} if number > 1 else {}
    endpoint = f"{package.type or 'dataset'}_resource.read"
    url = tk.h.url_for(endpoint, id=package.name, resource_id=resource.id, **page)
    return f"{url}#versions"


def _back(dataset: str, resource_id: str) -> Response:
    """To the page of the resource, which says how it went; only for those who may see what it is called."""
    try:
        resource = readable_resource(caller_context(), {"resource": resource_id})
    except (TransferError, tk.NotAuthorized):
        return tk.redirect_to("dataset.read", id=dataset)
    return tk.redirect_to(_page_of(resource, 1))


def _restored() -> str:
    return str(tk._("This version is the current file again. The one before is kept as an earlier version."))


def _removed() -> str:
    return str(tk._("The version was removed."))
