"""What other extensions and the virus scanner say of files that a command brings: as of those that are
uploaded, and at once, since the command waits."""

from ckanext.s3multipart.extending.described_files import uploaded_file
from ckanext.s3multipart.extending.plugin_calls import before_create
from ckanext.s3multipart.interfaces import BY_MIGRATION, WantedUpload
from ckanext.s3multipart.model import UploadRow
from ckanext.s3multipart.moving.resources import PortalResource
from ckanext.s3multipart.scanning.direct_check import check_now
from ckanext.s3multipart.scanning.scan_rules import require_scannable
from s3portal.portal.migration import NotVerified
from s3portal.transfer import TransferError, Upload


def wanted_file(
    resource: PortalResource, filename: str, size_bytes: int, content_type: str = ""
) -> WantedUpload:
    """A file that is to become that of the resource. A dataset without organization has its own id in the
    place of the organization's."""
    return WantedUpload(
        dataset_id=resource.dataset_id,
        organisation_id=resource.organisation_id or resource.dataset_id,
        resource_id=resource.id,
        user_id=resource.user,
        filename=filename,
        size_bytes=size_bytes,
        content_type=content_type,
        way=BY_MIGRATION,
    )


def require_wanted(wanted: WantedUpload) -> None:
    """Raises TransferError where the file is not accepted."""
    require_scannable(wanted.size_bytes)
    before_create(wanted)


def require_accepted(resource: PortalResource, upload: Upload) -> None:
    """Of a file that is at the store now. Raises NotVerified where it is not accepted, or that is not
    known."""
    row = UploadRow.from_upload(upload, resource_id=resource.id, idempotency_key=None)
    try:
        check_now(uploaded_file(row), upload)
    except TransferError as error:
        raise NotVerified(str(getattr(error, "cause", "") or error)) from error
