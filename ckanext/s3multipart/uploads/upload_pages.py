"""Pages of unfinished uploads: a publisher's own across all datasets, on their dashboard, and everyone's to
the datasets of an organisation, for its administrators. All that they do is done by actions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import ckan.plugins.toolkit as tk
from ckan import model
from flask import Blueprint
from werkzeug.wrappers import Response

from ckanext.s3multipart.number_words import percent_words, size_words
from ckanext.s3multipart.paging import UPLOADS_A_PAGE, ListPage, asked_number, asked_page
from ckanext.s3multipart.permission import administered_organisation, signed_in_user
from ckanext.s3multipart.schema import is_current, require_current
from ckanext.s3multipart.settings import portal_settings
from ckanext.s3multipart.upload_states import RowState
from ckanext.s3multipart.uploads.administration import count_unfinished_uploads, unfinished_uploads
from ckanext.s3multipart.uploads.discovery import discover_for
from ckanext.s3multipart.uploads.held_files import held_by_deleted
from ckanext.s3multipart.uploads.page_calls import call_and_say, caller_context, in_a_question
from ckanext.s3multipart.uploads.quota import usage
from ckanext.s3multipart.uploads.refusal_text import refusals_of
from ckanext.s3multipart.wording import sentence
from s3portal.transfer import TransferError, safe_filename

blueprint = Blueprint("s3multipart_uploads", __name__)

_ORGANISATION = "s3multipart_uploads.organization_uploads"
#: The store has all of the file.
_COMPLETE = (RowState.ADOPTING, RowState.QUARANTINED, RowState.COMPLETED, RowState.REFUSED)


@dataclass(frozen=True)
class ShownUpload:
    """A row of the list. ``continue_url`` is the form where the publisher resumes, "" where there is none;
    ``refusal`` is why the file is not accepted, "" where it is; ``asked_filename`` is for CKAN's question
    before something is discarded."""

    id: str
    filename: str
    asked_filename: str
    size: str
    #: How much is sent, in words: ``61%``.
    percent: str
    is_complete: bool
    is_adopting: bool
    is_quarantined: bool
    refusal: str
    dataset_title: str
    dataset_url: str
    continue_url: str
    publisher: str
    created_at: Any
    expires_at: Any


@blueprint.route("/dashboard/uploads")
def my_uploads() -> Any:
    """The caller's own."""
    if not tk.current_user.is_authenticated:
        tk.h.flash_error(tk._("Not authorized to see this page"))
        return tk.h.redirect_to("user.login", came_from=tk.h.url_for("s3multipart_uploads.my_uploads"))
    return _page(_my_uploads)


@blueprint.route("/dashboard/uploads/discard", methods=["POST"])
def discard_mine() -> Any:
    """Gives one of the caller's own up."""
    return _done(
        "s3multipart_upload_abort", _discarded, "s3multipart_uploads.my_uploads", id=_posted("upload")
    )


@blueprint.route("/organization/uploads/<id>")
def organization_uploads(id: str) -> Any:
    """Those to the datasets of an organisation."""
    return _page(lambda: _organization_uploads(id))


@blueprint.route("/organization/uploads/<id>/discard", methods=["POST"])
def discard(id: str) -> Any:
    """Gives an upload to the organisation up."""
    return _done("s3multipart_upload_abort", _discarded, _ORGANISATION, {"id": id}, id=_posted("upload"))


@blueprint.route("/organization/uploads/<id>/hand-over", methods=["POST"])
def hand_over(id: str) -> Any:
    """Gives an upload to another member."""
    asked = {"id": _posted("upload"), "user": _posted("user")}
    return _done("s3multipart_upload_hand_over", _handed_over, _ORGANISATION, {"id": id}, **asked)


@blueprint.route("/organization/uploads/<id>/remove-deleted", methods=["POST"])
def remove_deleted(id: str) -> Any:
    """Removes the files of what was deleted."""
    return _done("s3multipart_deleted_files_remove", _removed, _ORGANISATION, {"id": id}, organization=id)


def s3multipart_has_unfinished_uploads() -> bool:
    """Whether the current user's dashboard has something to show."""
    user = tk.current_user
    return bool(user.is_authenticated and is_current() and unfinished_uploads(user_id=user.id, most=1))


def _my_uploads() -> str:
    user = signed_in_user(caller_context())
    discover_for(user)
    page, uploads = _listed("s3multipart_uploads.my_uploads", {}, user_id=user.id)
    user_dict = tk.get_action("user_show")(caller_context(), {"id": user.id})
    variables = {"uploads": uploads, "page": page, "user_dict": user_dict}
    return str(tk.render("user/dashboard_uploads.html", variables))


def _organization_uploads(reference: str) -> str:
    organisation = administered_organisation(caller_context(), reference)
    counted, quota_bytes = usage(organisation.id), portal_settings().org_quota
    held = held_by_deleted(organisation.id)
    page, uploads = _listed(_ORGANISATION, {"id": reference}, organisation_id=organisation.id)
    variables = {
        "uploads": uploads,
        "page": page,
        "members": _publishers_of(organisation.id),
        "used": size_words(counted.used),
        "allowed": size_words(quota_bytes) if quota_bytes else "",
        "reserved": size_words(counted.reserved) if counted.reserved else "",
        "versions": size_words(counted.versions) if counted.versions else "",
        "held": size_words(held.size_bytes),
        "held_files": held.files,
        "group_dict": tk.get_action("organization_show")(
            caller_context(), {"id": organisation.id, "include_datasets": False}
        ),
        "group_type": organisation.type,
    }
    return str(tk.render("organization/uploads.html", variables))


def _listed(endpoint: str, where: dict[str, str], **whose: str) -> tuple[ListPage, list[ShownUpload]]:
    """The page of the list that is asked for, and what is on it."""

    def url_of(number: int) -> str:
        return str(tk.h.url_for(endpoint, **where, page=number))

    page = asked_page(count_unfinished_uploads(**whose), url_of)
    after = (page.number - 1) * UPLOADS_A_PAGE
    found = list(unfinished_uploads(**whose, after=after, most=UPLOADS_A_PAGE))
    rows = [row for row, _, _ in found]
    replaced = _existing_resources([row.resource_id for row in rows])
    refusals = refusals_of([row.id for row in rows if row.state == RowState.REFUSED])
    return page, [_shown(*each, replaced, refusals) for each in found]


def _publishers_of(organisation_id: str) -> list[dict[str, str]]:
    """Who may be given an upload, as a menu has it."""
    members = (
        model.Session.query(model.User)
        .join(model.Member, model.Member.table_id == model.User.id)
        .filter(
            model.Member.group_id == organisation_id,
            model.Member.table_name == "user",
            model.Member.state == model.State.ACTIVE,
            model.Member.capacity.in_(("admin", "editor")),
            model.User.state == model.State.ACTIVE,
        )
        .order_by(model.User.name)
    )
    return [{"value": user.name, "text": user.display_name} for user in members]


def _existing_resources(resource_ids: list[str]) -> frozenset[str]:
    """Those whose file an upload replaces; the others are only reserved ids."""
    existing = model.Session.query(model.Resource.id).filter(
        model.Resource.id.in_(resource_ids), model.Resource.state == model.State.ACTIVE
    )
    return frozenset(resource_id for (resource_id,) in existing)


def _shown(
    row: Any, package: Any, user: Any, replaced: frozenset[str], refusals: Mapping[str, Any]
) -> ShownUpload:
    is_complete = row.state in _COMPLETE
    stored_bytes = row.size_bytes if is_complete else row.stored_bytes
    is_there = package is not None and package.state != model.State.DELETED
    return ShownUpload(
        id=row.id,
        filename=safe_filename(row.filename),
        asked_filename=in_a_question(safe_filename(row.filename)),
        size=size_words(row.size_bytes),
        # An empty file counts as sent, and an incomplete one never reads 100 %.
        percent=percent_words(100 if is_complete else min(99, 100 * stored_bytes // max(1, row.size_bytes))),
        is_complete=is_complete,
        is_adopting=row.state == RowState.ADOPTING,
        is_quarantined=row.state == RowState.QUARANTINED,
        refusal=str(refusals[row.id]["refusal"]["message"]) if row.id in refusals else "",
        dataset_title=(package.title or package.name) if package is not None else "",
        dataset_url=tk.h.url_for("dataset.read", id=package.name) if is_there else "",
        continue_url=_form_of(row, package, replaced) if is_there else "",
        publisher=user.display_name if user is not None else "",
        created_at=row.created_at,
        expires_at=row.expires_at,
    )


def _form_of(row: Any, package: Any, replaced: frozenset[str]) -> str:
    if row.resource_id in replaced:
        return str(tk.h.url_for("dataset_resource.edit", id=package.name, resource_id=row.resource_id))
    return str(tk.h.url_for("dataset_resource.new", id=package.name))


def _discarded() -> str:
    return str(tk._("The upload was discarded."))


def _handed_over() -> str:
    return str(tk._("The upload was handed over."))


def _removed() -> str:
    return str(tk._("The files of deleted datasets and resources have been removed."))


def _page(make: Callable[[], str]) -> Any:
    try:
        require_current()
        return make()
    except TransferError as refusal:
        return tk.abort(refusal.http_status, sentence(refusal))


def _done(
    action: str, said: Callable[[], str], back_to: str, where: dict[str, str] | None = None, **asked: str
) -> Response:
    """Does it and goes back to the page of the list, which says how it went."""
    call_and_say(action, said, **asked)
    page = {"page": asked_number()} if asked_number() > 1 else {}
    return tk.h.redirect_to(back_to, **(where or {}), **page)


def _posted(field: str) -> str:
    return str(tk.request.form.get(field, ""))
