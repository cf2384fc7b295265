"""What CKAN's IUploader gets: how a resource is written when its file is an upload of ours."""

from datetime import datetime, timezone
from typing import Any

from ckan import model

from ckanext.s3multipart.attach import FIELD, Saving, current_saving, format_of
from ckanext.s3multipart.model import UploadRow, attached_upload, now
from ckanext.s3multipart.removal import mark_file_of_resource
from s3portal.transfer.keys import safe_filename
from s3portal.transfer.upload import ATTACHED


class AttachingUpload:
    """A completed upload that becomes the resource's file.

    The resource is described when this is made, before CKAN validates it; the upload is attached when CKAN
    calls ``upload``, in the transaction that saves the resource.
    """

    def __init__(self, saving: Saving, resource: dict[str, Any]) -> None:
        saving.remember(resource)
        self._row = saving.take(resource.pop(FIELD))
        self.mimetype = self._row.content_type
        self.filesize = self._row.size_bytes
        # Whatever else the form carries: the upload is the file.
        resource.pop("upload", None)
        resource.pop("clear_upload", None)
        before = attached_upload(resource["id"]) if resource.get("id") else None
        if not resource.get("id") and model.Resource.get(self._row.resource_id) is None:
            resource["id"] = self._row.resource_id
        _describe_new(resource, self._row, before)

    def upload(self, resource_id: str, max_size: int = 0) -> None:
        """Attaches the upload. CKAN's own size limit is for files that pass through CKAN, so it is not
        asked."""
        if self._row.state == ATTACHED:
            return
        mark_file_of_resource(resource_id)
        self._row.state = ATTACHED
        self._row.resource_id = resource_id
        self._row.updated_at = now()
        model.Session.flush()


class KeptUpload:
    """The resource keeps the file that it has: what is known of the file stays, also where a form left it
    out."""

    def __init__(self, resource: dict[str, Any], row: UploadRow) -> None:
        self.mimetype = row.content_type
        self.filesize = row.size_bytes
        resource.pop("upload", None)
        # Shown with its whole address; kept by its name, which CKAN's way there and back would have changed.
        resource["url"] = safe_filename(row.filename)
        for name, value in (("mimetype", row.content_type), ("hash", checksum_text(row))):
            if not resource.get(name):
                resource[name] = value

    def upload(self, resource_id: str, max_size: int = 0) -> None:
        """Nothing is uploaded."""


def resource_uploader(resource: dict[str, Any]) -> AttachingUpload | KeptUpload | None:
    """The uploader for a resource that is being saved, or None where CKAN's own has to do it.

    Raises what `Saving.take` raises.
    """
    saving = current_saving()
    if saving is None:
        return None
    if resource.get(FIELD):
        return AttachingUpload(saving, resource)
    resource.pop(FIELD, None)
    row = attached_upload(resource["id"]) if resource.get("id") else None
    # CKAN leaves the type of a resource as it is where it is not said.
    if row is None or resource.get("url_type", "upload") != "upload":
        return None
    if getattr(resource.get("upload"), "filename", ""):
        # A file came through CKAN's own form field: CKAN stores it, and ours has been replaced.
        mark_file_of_resource(resource["id"])
        return None
    return KeptUpload(resource, row)


def checksum_text(row: UploadRow) -> str:
    """The checksum as a resource has it, ``crc64nvme:`` and the value; "" without one."""
    return f"{row.checksum_algorithm.lower()}:{row.checksum_value}" if row.checksum_value else ""


def _describe_new(resource: dict[str, Any], row: UploadRow, before: UploadRow | None) -> None:
    """Writes what is known of the file into the resource. ``before`` is the upload that was its file until
    now."""
    resource["url"] = safe_filename(row.filename)
    resource["url_type"] = "upload"
    resource["size"] = row.size_bytes
    resource["mimetype"] = row.content_type
    resource["last_modified"] = datetime.now(timezone.utc).replace(tzinfo=None).isoformat()
    if not resource.get("format"):
        resource["format"] = format_of(row.filename)
    if row.checksum_value:
        resource["hash"] = checksum_text(row)
    elif before is not None and resource.get("hash") == checksum_text(before):
        resource["hash"] = ""
