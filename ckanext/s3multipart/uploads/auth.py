"""Who may upload: an upload may be used by the user who made it, if they may still edit its dataset.

Sysadmins are checked too, since organisations that may not upload may not upload through them either.
"""

from typing import Any

from ckanext.s3multipart.auth import answer, answering_everybody, dataset_that_is_read
from ckanext.s3multipart.model import UploadRow, any_upload, find_upload
from ckanext.s3multipart.permission import (
    administered_organisation,
    administers,
    authorised_owner,
    signed_in_user,
)
from s3portal.portal.protocol import request_fields, upload_id
from s3portal.transfer import UploadNotFound


def for_owner(context: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
    """May upload to the dataset ``owner``, or replace the file of its ``resource``."""
    return answer(context, lambda: _may_upload_to_owner(context, asked))


def for_upload(context: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
    """Made the upload ``id``, and may still upload to its dataset."""
    return answer(context, lambda: _may_go_on(context, asked))


def for_own_upload(context: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
    """Made the upload ``id``; looking at it and aborting it need nothing more."""
    return answer(context, lambda: _own_upload(context, asked))


def for_own_or_administered_upload(context: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
    """Made the upload ``id``, or administers the organisation of its dataset."""
    return answer(context, lambda: own_or_administered_upload(context, asked))


def for_administered_upload(context: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
    """Administers the organisation of the dataset of the upload ``id``."""
    return answer(context, lambda: administered_upload(context, asked))


def for_administrator(context: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
    """Administers the organisation ``organization``."""
    return answer(
        context, lambda: administered_organisation(context, request_fields.text(asked, "organization"))
    )


def for_anybody_signed_in(context: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
    """Is signed in: everyone may see what they themselves have begun."""
    return answer(context, lambda: signed_in_user(context))


def for_publisher_who_looks(context: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
    """Is signed in, and the dataset ``owner`` is there; whether they may see it is CKAN's to say."""
    return answer(context, lambda: (signed_in_user(context), dataset_that_is_read(asked)))


def for_credentials(context: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
    """As for the upload ``id``, or else as for the dataset ``owner``."""
    return for_upload(context, asked) if asked.get("id") else for_owner(context, asked)


def auth_functions() -> dict[str, Any]:
    """The authorisation functions by the names of their actions."""
    return answering_everybody(
        {
            "s3multipart_upload_create": for_owner,
            "s3multipart_upload_sign_parts": for_upload,
            "s3multipart_upload_complete": for_upload,
            "s3multipart_upload_show": for_own_upload,
            "s3multipart_upload_abort": for_own_or_administered_upload,
            "s3multipart_upload_hand_over": for_administered_upload,
            "s3multipart_organization_upload_list": for_administrator,
            "s3multipart_organization_usage": for_administrator,
            "s3multipart_deleted_files_remove": for_administrator,
            "s3multipart_upload_list": for_anybody_signed_in,
            "s3multipart_upload_overview": for_publisher_who_looks,
            "s3multipart_credentials": for_credentials,
        }
    )


def _may_upload_to_owner(context: dict[str, Any], asked: dict[str, Any]) -> None:
    signed_in_user(context)
    resource_id = request_fields.text(asked, "resource", required=False)
    authorised_owner(context, request_fields.text(asked, "owner"), resource_id)


def _may_go_on(context: dict[str, Any], asked: dict[str, Any]) -> None:
    row = _own_upload(context, asked)
    authorised_owner(context, row.owner_id)


def own_or_administered_upload(context: dict[str, Any], asked: dict[str, Any]) -> UploadRow:
    """The upload ``id``, the caller's own or one of an organisation that they administer.

    Raises NotSignedIn, UploadNotFound.
    """
    try:
        return _own_upload(context, asked)
    except UploadNotFound:
        return administered_upload(context, asked)


def administered_upload(context: dict[str, Any], asked: dict[str, Any]) -> UploadRow:
    """The upload ``id``, of an organisation that the caller administers. To others it is not there.

    Raises NotSignedIn, UploadNotFound.
    """
    signed_in_user(context)
    row = any_upload(upload_id(asked))
    if row is None or not administers(context, row.owner_id):
        raise UploadNotFound
    return row


def _own_upload(context: dict[str, Any], asked: dict[str, Any]) -> UploadRow:
    user = signed_in_user(context)
    row = find_upload(upload_id(asked), user.id)
    if row is None:
        raise UploadNotFound
    return row
