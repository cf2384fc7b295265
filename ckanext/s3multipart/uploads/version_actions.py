"""What can be done with the versions of a resource's file, as CKAN actions."""

import logging
from typing import Any

import ckan.plugins.toolkit as tk
from ckan import model

from ckanext.s3multipart.auth import context_of_its_own
from ckanext.s3multipart.errors import VersionNotFound
from ckanext.s3multipart.links import version_link
from ckanext.s3multipart.model import UploadRow
from ckanext.s3multipart.permission import active_resource
from ckanext.s3multipart.refusal import ActionFunction, refusing
from ckanext.s3multipart.upload_states import RowState
from ckanext.s3multipart.uploads.attach import FIELD, restoring
from ckanext.s3multipart.uploads.version_auth import may_change_versions
from ckanext.s3multipart.uploads.versions import published_version, remove_version, versions_of
from s3portal.portal.protocol import request_fields
from s3portal.transfer import TransferError

log = logging.getLogger(__name__)


@tk.side_effect_free
@refusing
def version_list(context: dict[str, Any], asked: dict[str, Any]) -> list[dict[str, object]]:
    """Lists the versions of a resource's file that can be downloaded: the current one first, then those that
    were replaced last.

    :param resource: the resource's id
    :returns: ``[{"version", "current", "filename", "size", "content_type",
        "checksum": {"algorithm", "value"} or null, "sha256", "publisher", "uploaded_at", "attached_at",
        "replaced_at", "url"}]``; ``publisher`` is null for those who may not edit the resource, ``sha256``
        where it is not known, and ``replaced_at`` for the current one
    """
    tk.check_access("s3multipart_version_list", context, asked)
    resource = active_resource(request_fields.text(asked, "resource"))
    may_edit = may_change_versions(context, resource.id)
    return [
        shown_version(row, user if may_edit else None, resource) for row, user in versions_of([resource.id])
    ]


@refusing
def version_restore(context: dict[str, Any], asked: dict[str, Any]) -> dict[str, object]:
    """Makes an earlier version the file of its resource again; the one that it has now becomes an earlier
    version. Again: the same answer.

    :param resource: the resource's id
    :param version: the version's id
    :returns: the version, as in ``s3multipart_version_list``
    """
    tk.check_access("s3multipart_version_restore", context, asked)
    resource_id, version_id = _asked(asked)
    if published_version(resource_id, version_id).state == RowState.VERSION:
        _save_with(context, resource_id, version_id)
        log.info("%s restored version %s of resource %s", context["user"], version_id, resource_id)
    for row, user in versions_of([resource_id]):
        if row.id == version_id:
            return shown_version(row, user, active_resource(resource_id))
    # Somebody has removed it already.
    raise VersionNotFound


@refusing
def version_remove(context: dict[str, Any], asked: dict[str, Any]) -> dict[str, object]:
    """Removes an earlier version of a resource's file at once; again: the same answer.

    :param resource: the resource's id
    :param version: the version's id
    :returns: ``{"version", "size"}``
    """
    tk.check_access("s3multipart_version_remove", context, asked)
    resource_id, version_id = _asked(asked)
    size_bytes = remove_version(resource_id, version_id)
    log.info("%s removed version %s of resource %s", context["user"], version_id, resource_id)
    return {"version": version_id, "size": size_bytes}


def actions() -> dict[str, ActionFunction]:
    """The actions by name."""
    return {
        "s3multipart_version_list": version_list,
        "s3multipart_version_restore": version_restore,
        "s3multipart_version_remove": version_remove,
    }


def shown_version(row: UploadRow, user: model.User | None, resource: model.Resource) -> dict[str, object]:
    """A version as the actions answer it; ``user`` is who uploaded it, None for those who may not know."""
    return {
        "version": row.id,
        "current": row.state == RowState.ATTACHED,
        "filename": row.filename,
        "size": row.size_bytes,
        "content_type": row.content_type,
        "checksum": row.as_upload().as_dict()["checksum"],
        "sha256": row.sha256,
        "publisher": user.name if user else None,
        "uploaded_at": row.created_at.isoformat(),
        "attached_at": (row.attached_at or row.updated_at).isoformat(),
        "replaced_at": row.replaced_at.isoformat() if row.replaced_at else None,
        "url": version_link(resource, row.id),
    }


def _asked(asked: dict[str, Any]) -> tuple[str, str]:
    return request_fields.text(asked, "resource"), request_fields.text(asked, "version")


def _save_with(context: dict[str, Any], resource_id: str, version_id: str) -> None:
    """Saves the resource as any other change of it is saved, so that whatever follows a save follows this."""
    try:
        with restoring(version_id):
            tk.get_action("resource_patch")(
                context_of_its_own(context), {"id": resource_id, FIELD: version_id}
            )
    except tk.ValidationError as error:
        if (refusal := _refusal_behind(error)) is not None:
            raise refusal from error
        raise


def _refusal_behind(error: BaseException | None) -> TransferError | None:
    """CKAN makes errors of its own of what a save is refused for."""
    while error is not None:
        if isinstance(error, TransferError):
            return error
        error = error.__cause__ or error.__context__
    return None
