"""The calls of the upload protocol, each from what was sent (JSON, as a mapping) to what is answered.

>>> answer = calls.create(caller, {"owner": "rivers", "filename": "gauges.csv", "size": 3})

They raise TransferError, whose ``http_status`` and ``as_dict()`` are the refusal; InvalidRequest for a field
that the call does not take (fields.py). Each is safe to repeat, and any process serves any call.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any

from s3portal.portal.protocol import request_fields
from s3portal.portal.protocol.aborting import abort as abort_row
from s3portal.portal.protocol.completing import complete as complete_row
from s3portal.portal.protocol.creating import begin
from s3portal.portal.protocol.fields import require_no_owner, taking_fields_of
from s3portal.portal.protocol.handing_over import hand_over as hand_row_over
from s3portal.portal.protocol.interface import Caller, OwnerT, Portal, RowT, Wanted
from s3portal.portal.protocol.looking import look
from s3portal.transfer import (
    InvalidRequest,
    State,
    StoredParts,
    UploadNotFound,
    UploadNotOpen,
    object_url,
)
from s3portal.transfer import sign_parts as signed_parts

#: The parts whose URLs come with the answer of create: enough to begin with, and few enough for a small
#: answer.
FIRST_BATCH = 100


@taking_fields_of("create")
def create(caller: Caller[RowT, OwnerT], asked: Mapping[str, Any]) -> dict[str, object]:
    """Begins an upload: ``{"upload": upload, "parts": [{"part_number", "url", "headers", "expires_at"}]}``.

    Given are ``filename`` and ``size``, and optionally ``content_type``, ``fingerprint``, ``round_trip_ms``
    and ``idempotency_key``, besides what the portal needs to know the owner.
    """
    portal = caller.portal
    wanted = Wanted(
        owner=caller.owner(asked),
        user=caller.user,
        filename=request_fields.text(asked, "filename"),
        size_bytes=request_fields.size_bytes(asked, "size"),
        content_type=request_fields.text(asked, "content_type", required=False),
        fingerprint=request_fields.text(asked, "fingerprint", required=False),
        round_trip_ms=request_fields.milliseconds(asked, "round_trip_ms"),
        idempotency_key=request_fields.text(asked, "idempotency_key", required=False) or None,
    )
    portal.check(wanted)
    row, stored = begin(portal, wanted)
    numbers = range(1, min(row.upload.part_count, FIRST_BATCH) + 1)
    parts = _signed(portal, row, numbers) if row.upload.state == State.UPLOADING else []
    return {"upload": shown(portal, row, stored), "parts": parts}


@taking_fields_of("sign_parts")
def sign_parts(caller: Caller[RowT, OwnerT], asked: Mapping[str, Any]) -> list[dict[str, object]]:
    """Where to send the parts ``part_numbers``, at most 1,000, of the upload ``id``."""
    row = caller.open_to_send(upload_id(asked))
    numbers = request_fields.part_numbers(asked, "part_numbers")
    if row.upload.state == State.UPLOADING:
        caller.portal.keep_room(row)
    return _signed(caller.portal, row, numbers)


@taking_fields_of("show")
def show(caller: Caller[RowT, OwnerT], asked: Mapping[str, Any]) -> dict[str, object]:
    """The upload ``id``, with what the store has of it now."""
    return shown(caller.portal, *look(caller.portal, caller.own(upload_id(asked))))


@taking_fields_of("list")
def list_unfinished(caller: Caller[RowT, OwnerT], asked: Mapping[str, Any]) -> list[dict[str, object]]:
    """The caller's uploads that are not attached yet, the newest first; ``stored`` is null, ``show`` has
    it."""
    return [shown(caller.portal, row) for row in caller.unfinished(asked)]


@taking_fields_of("complete")
def complete(caller: Caller[RowT, OwnerT], asked: Mapping[str, Any]) -> dict[str, object]:
    """The upload ``id``, completed; ``checksum`` is ``{"algorithm", "value"}`` of the whole file, if the
    client has it."""
    row = caller.open_to_send(upload_id(asked))
    checksum = request_fields.checksum(asked, "checksum")
    return shown(caller.portal, complete_row(caller.portal, row.upload.id, checksum))


@taking_fields_of("abort")
def abort(caller: Caller[RowT, OwnerT], asked: Mapping[str, Any]) -> dict[str, object]:
    """The upload ``id``, aborted; administrators of its owner may abort anyone's."""
    row = own_or_administered(caller, asked)
    return shown(caller.portal, abort_row(caller.portal, row.upload.id))


@taking_fields_of("credentials")
def credentials(caller: Caller[RowT, OwnerT], asked: Mapping[str, Any]) -> dict[str, str]:
    """Session credentials that send the parts of the upload ``id``, or else write under a prefix of the
    caller's own for the owner."""
    require_no_owner(asked)
    if asked.get("id"):
        row = caller.open_to_send(upload_id(asked))
        if row.upload.state != State.UPLOADING:
            raise UploadNotOpen(state=row.upload.state)
        # They send parts as signed URLs do.
        caller.portal.keep_room(row)
        issued = caller.upload_credentials(row)
        # What a client needs to sign the parts itself, without rules of its own for keys and addresses.
        request = {
            "url": object_url(caller.portal.store(row), row.upload.key),
            "s3_upload_id": row.upload.s3_upload_id,
        }
    else:
        issued = caller.owner_credentials(caller.owner(asked))
        request = {}
    # The clock of the caller may be wrong, and signatures are refused for it.
    return {**issued.as_dict(), **request, "now": datetime.now(timezone.utc).isoformat()}


@taking_fields_of("list_all")
def list_all(caller: Caller[RowT, OwnerT], asked: Mapping[str, Any]) -> list[dict[str, object]]:
    """For administrators of an owner: everyone's uploads to it that are not attached yet, the newest first,
    each with its ``publisher``."""
    portal = caller.portal
    return [{**shown(portal, row), "publisher": row.upload.user} for row in caller.everybodys(asked)]


@taking_fields_of("hand_over")
def hand_over(caller: Caller[RowT, OwnerT], asked: Mapping[str, Any]) -> dict[str, object]:
    """For administrators of the owner of the upload ``id``: the upload, which is that ``user``'s now."""
    row = caller.administered(upload_id(asked))
    user = caller.recipient(row, request_fields.text(asked, "user"))
    return shown(caller.portal, hand_row_over(caller.portal, row.upload.id, user))


#: The calls by the names that they have in the protocol.
CALLS: Mapping[str, Callable[[Caller[Any, Any], Mapping[str, Any]], Any]] = {
    "create": create,
    "sign_parts": sign_parts,
    "show": show,
    "list": list_unfinished,
    "complete": complete,
    "abort": abort,
    "credentials": credentials,
    "list_all": list_all,
    "hand_over": hand_over,
}


def shown(portal: Portal[RowT, OwnerT], row: RowT, stored: StoredParts | None = None) -> dict[str, object]:
    """The upload as the protocol shows it."""
    return {**row.upload.as_dict(stored), **portal.describe(row)}


def own_or_administered(caller: Caller[RowT, OwnerT], asked: Mapping[str, Any]) -> RowT:
    """The caller's own upload, or one to an owner that they administer. Raises UploadNotFound."""
    try:
        return caller.own(upload_id(asked))
    except UploadNotFound:
        return caller.administered(upload_id(asked))


def upload_id(asked: Mapping[str, Any]) -> str:
    """The upload that a call is about. Raises UploadNotFound where that can be no upload's id."""
    try:
        return request_fields.text(asked, "id")
    except InvalidRequest:
        raise UploadNotFound from None


def _signed(portal: Portal[RowT, OwnerT], row: RowT, numbers: Any) -> list[dict[str, object]]:
    return [part.as_dict() for part in signed_parts(portal.store(row), row.upload, numbers)]
