"""The upload protocol as CKAN actions. Each is safe to repeat, and any worker serves any call."""

import uuid
from datetime import datetime, timezone
from typing import Any

import ckan.plugins.toolkit as tk
from ckan import model
from sqlalchemy.exc import IntegrityError

from ckanext.s3multipart.model import OWNER_TYPE, REMOVED, REMOVING, UploadRow, find_upload, now
from ckanext.s3multipart.permission import Owner, authorised_owner, signed_in_user
from ckanext.s3multipart.refusal import ActionFunction, refusing
from ckanext.s3multipart.rules import check_quota, check_size, check_type, content_type_of
from ckanext.s3multipart.settings import portal_host, portal_settings, portal_store, transfer_settings
from s3portal.transfer import request_fields
from s3portal.transfer.completion import complete_upload
from s3portal.transfer.errors import InvalidRequest, Problem, UploadNotFound, UploadNotOpen
from s3portal.transfer.keys import dataset_prefix
from s3portal.transfer.lifecycle import abort_upload, create_upload, list_parts, sign_parts
from s3portal.transfer.presign import object_url
from s3portal.transfer.session_credentials import assume_upload_role
from s3portal.transfer.stored_parts import StoredParts
from s3portal.transfer.upload import COMPLETED, UPLOADING, Upload

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
    user = signed_in_user(context)
    owner = authorised_owner(
        context, request_fields.text(asked, "owner"), request_fields.text(asked, "resource", required=False)
    )
    filename = request_fields.text(asked, "filename")
    size_bytes = request_fields.size_bytes(asked, "size")
    content_type = request_fields.text(asked, "content_type", required=False)
    idempotency_key = request_fields.text(asked, "idempotency_key", required=False) or None

    check_size(transfer_settings(), size_bytes)
    check_type(portal_settings(), filename, content_type)
    row = _created_before(user.id, idempotency_key)
    if row is None:
        check_quota(portal_settings(), owner.organisation_id, size_bytes)
        fingerprint = request_fields.text(asked, "fingerprint", required=False)
        round_trip_ms = request_fields.milliseconds(asked, "round_trip_ms")
        row = _create(
            user, owner, filename, size_bytes, content_type, fingerprint, round_trip_ms, idempotency_key
        )
    elif (row.owner_id, row.filename, row.size_bytes) != (owner.dataset_id, filename, size_bytes):
        raise InvalidRequest(field="idempotency_key", problem=Problem.USED_BEFORE)
    return {"upload": _shown(row), "parts": _first_batch(row.as_upload())}


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
    return [part.as_dict() for part in sign_parts(portal_store(), upload, numbers)]


@tk.side_effect_free
@refusing
def upload_show(context: dict[str, Any], asked: dict[str, Any]) -> dict[str, object]:
    """Shows an upload, with what the store has of it now.

    :param id: the upload's id
    :returns: the upload
    """
    tk.check_access("s3multipart_upload_show", context, asked)
    return _shown(_own_upload(context, asked))


@tk.side_effect_free
@refusing
def upload_list(context: dict[str, Any], asked: dict[str, Any]) -> list[dict[str, object]]:
    """Lists the caller's uploads that are not the file of a resource yet, the newest first.

    :param owner: the id or name of a dataset (optional: without it, of every dataset)
    :returns: a list of uploads; ``stored`` is null, ``show`` has it
    """
    tk.check_access("s3multipart_upload_list", context, asked)
    unfinished = model.Session.query(UploadRow).filter(
        UploadRow.user == signed_in_user(context).id,
        UploadRow.state.in_((UPLOADING, COMPLETED)),
        UploadRow.expires_at > now(),
    )
    if owner := request_fields.text(asked, "owner", required=False):
        package = model.Package.get(owner)
        unfinished = unfinished.filter(UploadRow.owner_id == (package.id if package else owner))
    return [_as_dict(row) for row in unfinished.order_by(UploadRow.created_at.desc())]


@refusing
def upload_complete(context: dict[str, Any], asked: dict[str, Any]) -> dict[str, object]:
    """Makes the stored parts a file; again: the same answer.

    :param id: the upload's id
    :param checksum: ``{"algorithm", "value"}`` of the whole file, if the client has it (optional)
    :returns: the upload, completed
    """
    tk.check_access("s3multipart_upload_complete", context, asked)
    row = _own_upload(context, asked, lock=True)
    if row.state in (REMOVING, REMOVED):
        raise UploadNotOpen(state=row.state)
    checksum = request_fields.checksum(asked, "checksum")
    row.record(complete_upload(portal_store(), row.as_upload(), checksum))
    model.Session.commit()
    return _as_dict(row)


@refusing
def upload_abort(context: dict[str, Any], asked: dict[str, Any]) -> dict[str, object]:
    """Gives an upload up and removes what the store has of it; again: the same answer.

    :param id: the upload's id
    :returns: the upload, aborted
    """
    tk.check_access("s3multipart_upload_abort", context, asked)
    row = _own_upload(context, asked, lock=True)
    if row.state in (REMOVING, REMOVED):
        raise UploadNotOpen(state=row.state)
    row.record(abort_upload(portal_store(), row.as_upload()))
    model.Session.commit()
    return _as_dict(row)


@refusing
def credentials(context: dict[str, Any], asked: dict[str, Any]) -> dict[str, str]:
    """Session credentials that upload to exactly one upload's key, or under one dataset's prefix.

    :param id: an upload's id
    :param owner: or else the id or name of a dataset
    :returns: ``{"access_key_id", "secret_access_key", "session_token", "expiration", "now", "endpoint",
        "region", "bucket", "key" or "prefix"}``, and for an upload ``"url"`` and ``"s3_upload_id"``
    """
    tk.check_access("s3multipart_credentials", context, asked)
    user = signed_in_user(context)
    if asked.get("id"):
        upload = _own_upload(context, asked).as_upload()
        if upload.state != UPLOADING:
            raise UploadNotOpen(state=upload.state)
        scope = {"key": upload.key}
        # What a client needs to sign the parts itself, without rules of its own for keys and addresses.
        request = {"url": object_url(portal_store(), upload.key), "s3_upload_id": upload.s3_upload_id}
    else:
        owner = authorised_owner(context, request_fields.text(asked, "owner"))
        prefix = transfer_settings().s3_prefix
        scope = {"prefix": dataset_prefix(prefix, owner.organisation_id, owner.dataset_id)}
        request = {}
    issued = assume_upload_role(portal_store(), user.name, portal_host(), **scope)
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


def _own_upload(context: dict[str, Any], asked: dict[str, Any], *, lock: bool = False) -> UploadRow:
    """The caller's upload; with ``lock``, calls for it come one after the other. Raises UploadNotFound."""
    row = find_upload(request_fields.text(asked, "id"), signed_in_user(context).id, lock=lock)
    if row is None:
        raise UploadNotFound
    return row


def _created_before(user_id: str, idempotency_key: str | None) -> UploadRow | None:
    if idempotency_key is None:
        return None
    return (
        model.Session.query(UploadRow).filter_by(user=user_id, idempotency_key=idempotency_key).one_or_none()
    )


def _create(
    user: model.User,
    owner: Owner,
    filename: str,
    size_bytes: int,
    content_type: str,
    fingerprint: str,
    round_trip_ms: float | None,
    idempotency_key: str | None,
) -> UploadRow:
    # A new resource gets its id now, so that the object can say from the beginning what it is the file of.
    resource_id = owner.resource_id or str(uuid.uuid4())
    upload = create_upload(
        portal_store(),
        key_owner=(owner.organisation_id, owner.dataset_id),
        owner_type=OWNER_TYPE,
        owner_id=owner.dataset_id,
        user=user.id,
        filename=filename,
        size_bytes=size_bytes,
        content_type=content_type_of(filename, content_type),
        fingerprint=fingerprint,
        round_trip_ms=round_trip_ms,
        metadata={
            "portal": portal_host(),
            # Every reader of the file sees what an object says of itself. People log in by their names.
            "user": user.id if portal_settings().user_in_metadata else "",
            "dataset": owner.dataset_id,
            "resource": resource_id,
            "filename": filename,
        },
    )
    row = UploadRow.from_upload(upload, resource_id=resource_id, idempotency_key=idempotency_key)
    model.Session.add(row)
    try:
        model.Session.commit()
    except IntegrityError:
        # The same call came twice at once, and the other one was first.
        model.Session.rollback()
        abort_upload(portal_store(), upload)
        first = _created_before(user.id, idempotency_key)
        if first is None:
            raise
        return first
    return row


def _first_batch(upload: Upload) -> list[dict[str, object]]:
    if upload.state != UPLOADING:
        return []
    numbers = range(1, min(upload.part_count, FIRST_BATCH) + 1)
    return [part.as_dict() for part in sign_parts(portal_store(), upload, numbers)]


def _shown(row: UploadRow) -> dict[str, object]:
    """The upload with what the store has of it now."""
    upload = row.as_upload()
    if upload.state != UPLOADING:
        return _as_dict(row)
    try:
        return _as_dict(row, list_parts(portal_store(), upload))
    except UploadNotFound:
        # A process that died between the store's answer and its own: the object, if there is one, tells.
        row.record(complete_upload(portal_store(), upload))
        model.Session.commit()
        return _as_dict(row)


def _as_dict(row: UploadRow, stored: StoredParts | None = None) -> dict[str, object]:
    """The upload as the protocol shows it, and the resource that it is for."""
    return {**row.as_upload().as_dict(stored), "resource": row.resource_id}
