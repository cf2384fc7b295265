"""What CKAN's IUploader gets: how a resource is written when its file is our upload."""

from typing import Any

from ckan import model

from ckanext.s3multipart.extending.described_files import uploaded_file
from ckanext.s3multipart.model import UploadRow, attached_upload, now
from ckanext.s3multipart.outbox.recording import Kind, record_event
from ckanext.s3multipart.upload_states import RowState
from ckanext.s3multipart.uploads.activity import note_attached
from ckanext.s3multipart.uploads.attach import FIELD, Saving, current_saving
from ckanext.s3multipart.uploads.file_facts import (
    describe_new,
    file_of,
    forget_copied_files,
    forget_for_file_of_ckan,
    forget_for_link,
    former_files,
    keep_true,
)
from ckanext.s3multipart.uploads.removal import replace_file_of_resource


class AttachingUpload:
    """A completed upload that becomes the resource's file.

    The resource is described when this is made, before CKAN validates it; the upload is attached when CKAN
    calls ``upload``, in the transaction that saves the resource.
    """

    def __init__(self, saving: Saving, resource: dict[str, Any]) -> None:
        self._row = saving.take(resource.pop(FIELD), resource.get("id"))
        #: An earlier version of the resource's file comes back.
        self._is_restored = self._row.state == RowState.VERSION
        is_there = self._row.state == RowState.ATTACHED
        self._attached_at = self._row.attached_at if is_there else now()
        self.mimetype = self._row.content_type
        self.filesize = self._row.size_bytes
        # Whatever else the form carries: the upload is the file.
        resource.pop("upload", None)
        resource.pop("clear_upload", None)
        former = former_files(resource.get("id"))
        if not resource.get("id") and model.Resource.get(self._row.resource_id) is None:
            resource["id"] = self._row.resource_id
        describe_new(resource, self._row, self._attached_at, former)

    def upload(self, resource_id: str, max_size: int = 0) -> None:
        """Attaches the upload. CKAN's own size limit is for files that pass through CKAN, so it is not
        asked."""
        if self._row.state == RowState.ATTACHED:
            return
        replaced = attached_upload(resource_id)
        kind = Kind.FILE_REPLACED if replaced is not None else Kind.FILE_ATTACHED
        facts = {"replaced": replaced.id} if replaced is not None else {}
        # A restore takes nothing away.
        replace_file_of_resource(resource_id, keep=self._is_restored)
        self._row.state = RowState.ATTACHED
        self._row.replaced_at = None
        self._row.resource_id = resource_id
        self._row.attached_at = self._row.updated_at = self._attached_at
        note_attached(self._row, replaces=replaced is not None)
        model.Session.flush()
        record_event(kind, uploaded_file(self._row), **facts)


class KeptUpload:
    """The resource keeps its file, and its fields are set to what is true of that file."""

    def __init__(self, resource: dict[str, Any], row: UploadRow) -> None:
        self.mimetype = row.content_type
        self.filesize = row.size_bytes
        resource.pop("upload", None)
        resource.pop("clear_upload", None)
        keep_true(resource, row)

    def upload(self, resource_id: str, max_size: int = 0) -> None:
        """Nothing is uploaded."""


def resource_uploader(resource: dict[str, Any]) -> AttachingUpload | KeptUpload | None:
    """The uploader for a resource that is being saved, or None where CKAN's own has to do it.

    Raises what `Saving.take` raises.
    """
    saving = current_saving()
    if saving is None:
        return None
    saving.remember(resource)
    if resource.get(FIELD):
        return AttachingUpload(saving, resource)
    resource.pop(FIELD, None)
    row = file_of(resource.get("id"))
    if row is None:
        forget_copied_files(resource)
        return None
    if filename := getattr(resource.get("upload"), "filename", ""):
        # A file came through CKAN's own form field: CKAN stores it, and ours has been replaced.
        forget_for_file_of_ckan(resource, [row], filename)
        replace_file_of_resource(resource["id"])
        return None
    # CKAN leaves the type of a resource as it is where it is not said.
    if resource.get("clear_upload") or resource.get("url_type", "upload") not in ("upload", None):
        forget_for_link(resource, [row])
        return None
    return KeptUpload(resource, row)
