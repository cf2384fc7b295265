"""The upload protocol as CKAN actions. Each is safe to repeat, and any worker serves any call."""

from datetime import datetime, timezone
from typing import Any

import ckan.plugins.toolkit as tk
from ckan import model

from ckanext.s3multipart import upload_calls
from ckanext.s3multipart.auth import own_or_administered_upload
from ckanext.s3multipart.discovery import discover_for
from ckanext.s3multipart.model import UploadRow, find_upload, now
from ckanext.s3multipart.permission import authorised_owner, organisation_of, signed_in_user
from ckanext.s3multipart.quota import keep_room
from ckanext.s3multipart.refusal import ActionFunction, refusing
from ckanext.s3multipart.refusal_text import refusals_of
from ckanext.s3multipart.rules import check_size, check_type
from ckanext.s3multipart.session_prefixes import dataset_credentials, upload_credentials
from ckanext.s3multipart.settings import portal_settings, portal_store, transfer_settings
from ckanext.s3multipart.upload_states import UNFINISHED, RowState
from s3portal.transfer import request_fields
from s3portal.transfer.errors import UploadNotFound, UploadNotOpen
from s3portal.transfer.lifecycle import sign_parts
from s3portal.transfer.presign import object_url
from s3portal.transfer.stored_parts import StoredParts
from s3portal.transfer.upload import Upload

#: The parts whose URLs come with the answer of create: enough to begin with, and few enough for a small
#: answer.
FIRST_BATCH = 100


@refusing
def upload_create(context: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
    """Begins an upload to a dataset.

    :param owner: the dataset's id or name
    :param resource: the id of the resource whose file is replaced (optional)
    :param filename: the file's name
    :param size: its size in bytes
    :param content_type: what the browser says it is (optional)
    :param fingerprint: how the client will know the file again (optional)
    :param round_trip_ms: how long the client's requests take to the store and back at least (optional)
    :param idempotency_key: a repeated call with the same key answers the same upload (optional)
    :returns: ``{"upload": upload, "parts": [{"part_number", "url", "headers", "expires_at"}]}``
    """
    tk.check_access("s3multipart_upload_create", context, asked)
    owner = authorised_owner(
        context, request_fields.text(asked, "owner"), request_fields.text(asked, "resource", required=False)
    )
    wanted = upload_calls.Wanted(
        user=signed_in_user(context),
        owner=owner,
        filename=request_fields.text(asked, "filename"),
        size_bytes=request_fields.size_bytes(asked, "size"),
        content_type=request_fields.text(asked, "content_type", required=False),
        fingerprint=request_fields.text(asked, "fingerprint", required=False),
        round_trip_ms=request_fields.milliseconds(asked, "round_trip_ms"),
        idempotency_key=request_fields.text(asked, "idempotency_key", required=False) or None,
    )
    check_size(transfer_settings(), wanted.size_bytes)
    check_type(portal_settings(), wanted.filename, wanted.content_type)
    row, stored = upload_calls.create(wanted)
    return {"upload": _as_dict(row, stored), "parts": _first_batch(row.as_upload())}


@refusing
def upload_sign_parts(context: dict[str, Any], asked: dict[str, Any]) -> list[dict[str, object]]:
    """Says where to send parts of an upload.

    :param id: the upload's id
    :param part_numbers: at most 1,000 part numbers
    :returns: ``[{"part_number", "url", "headers", "expires_at"}]``
    """
    tk.check_access("s3multipart_upload_sign_parts", context, asked)
    upload = _own_upload(context, asked).as_upload()
    numbers = request_fields.part_numbers(asked, "part_numbers")
    if upload.state == RowState.UPLOADING:
        keep_room(upload, organisation_of(upload.owner_id))
    return [part.as_dict() for part in sign_parts(portal_store(), upload, numbers)]


@tk.side_effect_free
@refusing
def upload_show(context: dict[str, Any], asked: dict[str, Any]) -> dict[str, object]:
    """Shows an upload, with what the store has of it now.

    :param id: the upload's id
    :returns: the upload
    """
    tk.check_access("s3multipart_upload_show", context, asked)
    row = _own_upload(context, asked)
    return _as_dict(*upload_calls.look(row, organisation_of(row.owner_id)))


@tk.side_effect_free
@refusing
def upload_list(context: dict[str, Any], asked: dict[str, Any]) -> list[dict[str, object]]:
    """Lists the caller's uploads that are not the file of a resource yet, the newest first.

    What was written with session credentials or a form is among them: ``completed``, or ``adopting`` as long
    as the portal takes it over, or ``refused`` with the reason in ``refusal``.

    :param owner: the id or name of a dataset (optional: without it, of every dataset)
    :returns: a list of uploads; ``stored`` is null, ``show`` has it
    """
    tk.check_access("s3multipart_upload_list", context, asked)
    user = signed_in_user(context)
    owner = request_fields.text(asked, "owner", required=False)
    package = model.Package.get(owner) if owner else None
    discover_for(user, package.id if package else "")
    unfinished = model.Session.query(UploadRow).filter(
        UploadRow.user == user.id,
        UploadRow.state.in_(UNFINISHED),
        UploadRow.expires_at > now(),
    )
    if owner:
        unfinished = unfinished.filter(UploadRow.owner_id == (package.id if package else owner))
    rows = unfinished.order_by(UploadRow.created_at.desc()).all()
    refusals = refusals_of([row.id for row in rows if row.state == RowState.REFUSED])
    return [{**_as_dict(row), **refusals.get(row.id, {})} for row in rows]


@refusing
def upload_complete(context: dict[str, Any], asked: dict[str, Any]) -> dict[str, object]:
    """Makes the stored parts a file; again: the same answer.

    :param id: the upload's id
    :param checksum: ``{"algorithm", "value"}`` of the whole file, if the client has it (optional)
    :returns: the upload, completed
    """
    tk.check_access("s3multipart_upload_complete", context, asked)
    row = _own_upload(context, asked)
    checksum = request_fields.checksum(asked, "checksum")
    return _as_dict(upload_calls.complete(row.id, organisation_of(row.owner_id), checksum))


@refusing
def upload_abort(context: dict[str, Any], asked: dict[str, Any]) -> dict[str, object]:
    """Gives an upload up and removes what the store has of it; again: the same answer.

    Administrators of an organisation may give up the uploads of others to its datasets, too.

    :param id: the upload's id
    :returns: the upload, aborted
    """
    tk.check_access("s3multipart_upload_abort", context, asked)
    return _as_dict(upload_calls.abort(own_or_administered_upload(context, asked).id))


@refusing
def credentials(context: dict[str, Any], asked: dict[str, Any]) -> dict[str, str]:
    """Session credentials that send the parts of one upload, or upload under a prefix of the caller's own.

    What is uploaded under the prefix is found by ``s3multipart_upload_list``.

    :param id: an upload's id
    :param owner: or else the id or name of a dataset
    :returns: ``{"access_key_id", "secret_access_key", "session_token", "expiration", "now", "endpoint",
        "region", "bucket", "key" or "prefix"}``, and for an upload ``"url"`` and ``"s3_upload_id"``
    """
    tk.check_access("s3multipart_credentials", context, asked)
    user = signed_in_user(context)
    if asked.get("id"):
        row = _own_upload(context, asked)
        upload = row.as_upload()
        if upload.state != RowState.UPLOADING:
            raise UploadNotOpen(state=upload.state)
        # They send parts as signed URLs do.
        keep_room(upload, organisation_of(upload.owner_id))
        owner = authorised_owner(context, upload.owner_id)
        issued = upload_credentials(user, row, owner.organisation_id)
        # What a client needs to sign the parts itself, without rules of its own for keys and addresses.
        request = {"url": object_url(portal_store(), upload.key), "s3_upload_id": upload.s3_upload_id}
    else:
        owner = authorised_owner(context, request_fields.text(asked, "owner"))
        issued = dataset_credentials(user, owner)
        request = {}
    # The clock of the caller may be wrong, and signatures are refused for it.
    return {**issued.as_dict(), **request, "now": datetime.now(timezone.utc).isoformat()}


def actions() -> dict[str, ActionFunction]:
    """The actions by name."""
    return {
        "s3multipart_upload_create": upload_create,
        "s3multipart_upload_sign_parts": upload_sign_parts,
        "s3multipart_upload_show": upload_show,
        "s3multipart_upload_list": upload_list,
        "s3multipart_upload_complete": upload_complete,
        "s3multipart_upload_abort": upload_abort,
        "s3multipart_credentials": credentials,
    }


def _own_upload(context: dict[str, Any], asked: dict[str, Any]) -> UploadRow:
    """The caller's upload. Raises UploadNotFound."""
    row = find_upload(request_fields.text(asked, "id"), signed_in_user(context).id)
    if row is None:
        raise UploadNotFound
    return row


def _first_batch(upload: Upload) -> list[dict[str, object]]:
    if upload.state != RowState.UPLOADING:
        return []
    numbers = range(1, min(upload.part_count, FIRST_BATCH) + 1)
    return [part.as_dict() for part in sign_parts(portal_store(), upload, numbers)]


def _as_dict(row: UploadRow, stored: StoredParts | None = None) -> dict[str, object]:
    """The upload as the protocol shows it, and the resource that it is for."""
    return {**row.as_upload().as_dict(stored), "resource": row.resource_id}
