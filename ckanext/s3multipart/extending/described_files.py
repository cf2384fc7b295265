"""Our rows as other extensions see them."""

from typing import Any

from ckanext.s3multipart.interfaces import BY_UPLOAD, UploadedFile, WantedUpload


def uploaded_file(row: Any) -> UploadedFile:
    """The file of a row of the table of uploads, however it was read."""
    checksum = f"{row.checksum_algorithm.lower()}:{row.checksum_value}" if row.checksum_value else ""
    return UploadedFile(
        upload_id=row.id,
        dataset_id=row.owner_id,
        resource_id=row.resource_id,
        user_id=row.user,
        filename=row.filename,
        size_bytes=row.size_bytes,
        content_type=row.content_type,
        key=row.key,
        etag=row.etag or "",
        version_id=row.version_id,
        checksum=checksum,
        sha256=row.sha256 or "",
    )


def wanted_upload(wanted: Any, *, way: str = BY_UPLOAD) -> WantedUpload:
    """What a caller asks ``create`` for (`s3portal.portal.protocol.Wanted` with CKAN's owner)."""
    owner = wanted.owner
    return WantedUpload(
        dataset_id=owner.dataset_id,
        organisation_id=owner.organisation_id,
        resource_id=owner.resource_id,
        user_id=wanted.user,
        filename=wanted.filename,
        size_bytes=wanted.size_bytes,
        content_type=wanted.content_type,
        way=way,
    )
