"""``s3multipart_file_list``: which of our files a dataset's resources have now, told by the uploads' rows.

Everyone who may edit the dataset can edit the fields of its resources, and other extensions do; this is the
place to ask whether a file is there.
"""

from datetime import datetime
from typing import Any

import ckan.plugins.toolkit as tk
from ckan import model

from ckanext.s3multipart.auth import allowed, dataset_that_is_read
from ckanext.s3multipart.downloads.file_check import FileCheck
from ckanext.s3multipart.model import UploadRow
from ckanext.s3multipart.refusal import refusing
from ckanext.s3multipart.upload_states import RowState
from ckanext.s3multipart.uploads.version_actions import shown_version
from ckanext.s3multipart.uploads.versions import versions_of


@tk.side_effect_free
@refusing
def file_list(context: dict[str, Any], asked: dict[str, Any]) -> list[dict[str, object]]:
    """Lists the files that a dataset's resources have now, in the order of the resources.

    Who may see the dataset sees what a download tells as well. How the publisher's program knows the file
    again, and the upload it came by, are for those who may edit the dataset.

    :param owner: the dataset's id or name
    :param versions: whether each file comes with its earlier versions (optional)
    :returns: ``[{"resource", "upload", "filename", "size", "content_type", "fingerprint",
        "checksum": {"algorithm", "value"} or null, "sha256", "attached_at", "missing_since"}]``; ``upload``
        and ``fingerprint`` are null for readers, ``sha256`` where it is not known, and ``missing_since``
        unless the store has lost the file; where they are asked for, ``versions`` are the earlier ones as
        ``s3multipart_version_list`` has them
    """
    tk.check_access("s3multipart_file_list", context, asked)
    dataset_id = dataset_that_is_read(asked).id
    may_edit = allowed("package_update", context, dataset_id)
    files = [
        _as_dict(row, missing_since, may_edit=may_edit)
        for row, missing_since in _attached_rows(dataset_id)
        # Plugins restrict single resources of a dataset that everyone sees.
        if allowed("resource_show", context, row.resource_id)
    ]
    if str(asked.get("versions")).lower() in ("true", "1", "yes"):
        _add_versions(files, may_edit=may_edit)
    return files


def _attached_rows(dataset_id: str) -> list[tuple[UploadRow, datetime | None]]:
    """The row's own dataset is not asked: what counts is which dataset has the resource now."""
    return (
        model.Session.query(UploadRow, FileCheck.missing_since)
        .outerjoin(FileCheck, FileCheck.upload_id == UploadRow.id)
        .join(model.Resource, model.Resource.id == UploadRow.resource_id)
        .filter(
            UploadRow.state == RowState.ATTACHED,
            model.Resource.package_id == dataset_id,
            model.Resource.state == model.State.ACTIVE,
            model.Resource.url_type == "upload",
        )
        .order_by(model.Resource.position)
        .all()
    )


def _add_versions(files: list[dict[str, object]], *, may_edit: bool) -> None:
    by_resource: dict[str, list[dict[str, object]]] = {str(file["resource"]): [] for file in files}
    for row, user in versions_of(list(by_resource), earlier_only=True):
        resource = model.Resource.get(row.resource_id)
        by_resource[row.resource_id].append(shown_version(row, user if may_edit else None, resource))
    for file in files:
        file["versions"] = by_resource[str(file["resource"])]


def _as_dict(row: UploadRow, missing_since: datetime | None, *, may_edit: bool) -> dict[str, object]:
    return {
        "resource": row.resource_id,
        "upload": row.id if may_edit else None,
        "filename": row.filename,
        "size": row.size_bytes,
        "content_type": row.content_type,
        "fingerprint": row.fingerprint if may_edit else None,
        "checksum": row.as_upload().as_dict()["checksum"],
        "sha256": row.sha256,
        "attached_at": (row.attached_at or row.updated_at).isoformat(),
        "missing_since": missing_since.isoformat() if missing_since else None,
    }
