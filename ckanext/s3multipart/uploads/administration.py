"""What administrators of an organisation do with the uploads of its publishers, as actions and for pages."""

from typing import Any

import ckan.plugins.toolkit as tk
from ckan import model

from ckanext.s3multipart.errors import CannotTakeOver
from ckanext.s3multipart.model import UploadRow, now
from ckanext.s3multipart.permission import administered_organisation, authorised_owner
from ckanext.s3multipart.refusal import ActionFunction, refusing
from ckanext.s3multipart.settings import portal_settings
from ckanext.s3multipart.upload_states import UNFINISHED, RowState
from ckanext.s3multipart.uploads.auth import administered_upload
from ckanext.s3multipart.uploads.held_files import remove_held
from ckanext.s3multipart.uploads.portal import PORTAL
from ckanext.s3multipart.uploads.quota import usage
from s3portal.portal import protocol
from s3portal.portal.protocol import can_be_kept, request_fields
from s3portal.transfer import TransferError, UploadNotFound

_ROWS = UploadRow.__table__
#: The store has all of the file.
_WHOLE = (RowState.QUARANTINED, RowState.COMPLETED)


@tk.side_effect_free
@refusing
def organization_upload_list(context: dict[str, Any], asked: dict[str, Any]) -> list[dict[str, object]]:
    """Lists everyone's uploads to an organisation's datasets that are not the file of a resource yet, the
    newest first. For its administrators.

    :param organization: the organisation's id or name
    :returns: a list of uploads, each with its ``publisher``, the name of the ``dataset`` and
        ``last_stored_bytes``, what the store had of it when it was last asked
    """
    tk.check_access("s3multipart_organization_upload_list", context, asked)
    organisation = administered_organisation(context, request_fields.text(asked, "organization"))
    return [shown(*found) for found in unfinished_uploads(organisation_id=organisation.id)]


@tk.side_effect_free
@refusing
def organization_usage(context: dict[str, Any], asked: dict[str, Any]) -> dict[str, object]:
    """What an organisation's files hold, in bytes. For its administrators.

    :param organization: the organisation's id or name
    :returns: ``{"used", "allowed", "reserved", "deleted", "versions", "files"}``: ``reserved`` of what is
        used is room for uploads in progress, ``deleted`` belongs to deleted datasets and resources, and
        ``versions`` to earlier versions of files; no quota is null
    """
    tk.check_access("s3multipart_organization_usage", context, asked)
    organisation = administered_organisation(context, request_fields.text(asked, "organization"))
    return {**vars(usage(organisation.id)), "allowed": portal_settings().org_quota or None}


@refusing
def deleted_files_remove(context: dict[str, Any], asked: dict[str, Any]) -> dict[str, object]:
    """Removes the files of an organisation's deleted datasets and resources at once. They cannot be restored
    with their files afterwards. For administrators of the organisation.

    :param organization: the organisation's id or name
    :returns: ``{"files", "bytes"}`` of what is removed
    """
    tk.check_access("s3multipart_deleted_files_remove", context, asked)
    organisation = administered_organisation(context, request_fields.text(asked, "organization"))
    removed = remove_held(organisation.id)
    return {"files": removed.files, "bytes": removed.size_bytes}


@refusing
def upload_hand_over(context: dict[str, Any], asked: dict[str, Any]) -> dict[str, object]:
    """Gives an unfinished upload of one publisher to another, who may upload to its dataset. For
    administrators of the dataset's organisation.

    :param id: the upload's id
    :param user: the name or id of who gets it
    :returns: the upload
    """
    tk.check_access("s3multipart_upload_hand_over", context, asked)
    row = administered_upload(context, asked)
    upload_id = row.id
    hand_over(row, request_fields.text(asked, "user"))
    found = unfinished_uploads(upload_id=upload_id)
    if not found:
        # Its new owner has already saved or discarded it.
        raise UploadNotFound
    return shown(*found[0])


def actions() -> dict[str, ActionFunction]:
    """The actions by name."""
    return {
        "s3multipart_organization_upload_list": organization_upload_list,
        "s3multipart_organization_usage": organization_usage,
        "s3multipart_deleted_files_remove": deleted_files_remove,
        "s3multipart_upload_hand_over": upload_hand_over,
    }


def hand_over(row: UploadRow, user_reference: str) -> None:
    """Makes the upload another user's. Commits.

    A repeated creation by the one who began it makes a new upload. Raises CannotTakeOver, UploadNotOpen,
    UploadNotFound.
    """
    user = model.User.get(user_reference) if can_be_kept(user_reference) else None
    if user is None or user.state != model.State.ACTIVE:
        raise CannotTakeOver(user=user_reference)
    resource = model.Resource.get(row.resource_id)
    try:
        authorised_owner({"user": user.name}, row.owner_id, row.resource_id if resource else "")
    except TransferError as error:
        raise CannotTakeOver(user=user.name) from error
    protocol.hand_over(PORTAL, row.id, user.id)


def unfinished_uploads(
    *,
    organisation_id: str = "",
    user_id: str = "",
    upload_id: str = "",
    after: int = 0,
    most: int | None = None,
) -> list[tuple[UploadRow, model.Package | None, model.User | None]]:
    """Uploads that are not saved yet and not expired, of an organisation or a user or everyone, with their
    datasets and publishers: the newest first, without the first ``after`` of them, and at most this many."""
    found = (
        model.Session.query(UploadRow, model.Package, model.User)
        .outerjoin(model.Package, model.Package.id == UploadRow.owner_id)
        .outerjoin(model.User, model.User.id == UploadRow.user)
        .order_by(UploadRow.created_at.desc(), UploadRow.id)
        .populate_existing()
    )
    return list(_unfinished(found, organisation_id, user_id, upload_id).offset(after).limit(most))


def count_unfinished_uploads(*, organisation_id: str = "", user_id: str = "") -> int:
    """How many ``unfinished_uploads`` there are."""
    found = model.Session.query(UploadRow.id).outerjoin(model.Package, model.Package.id == UploadRow.owner_id)
    return int(_unfinished(found, organisation_id, user_id, "").count())


def _unfinished(found: Any, organisation_id: str, user_id: str, upload_id: str) -> Any:
    """The query, narrowed to unfinished uploads of the given organisation, user or id."""
    found = found.filter(UploadRow.state.in_(UNFINISHED), UploadRow.expires_at > now())
    for column, value in (
        (model.Package.owner_org, organisation_id),
        (UploadRow.user, user_id),
        (UploadRow.id, upload_id),
    ):
        if value:
            found = found.filter(column == value)
    return found


def shown(row: UploadRow, package: Any, user: Any) -> dict[str, object]:
    """The upload as the protocol shows it, with what an administrator wants to know besides."""
    return {
        **row.as_upload().as_dict(None),
        "resource": row.resource_id,
        "publisher": user.name if user else None,
        "dataset": package.name if package else None,
        "last_stored_bytes": row.size_bytes if row.state in _WHOLE else row.stored_bytes,
    }
