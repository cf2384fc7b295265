"""The upload protocol as CKAN actions. Each is safe to repeat, and any worker serves any call."""

from typing import Any

import ckan.plugins.toolkit as tk

from ckanext.s3multipart.refusal import ActionFunction, refusing
from ckanext.s3multipart.uploads.caller import CkanCaller
from ckanext.s3multipart.uploads.sha256 import enqueue_sha256, given_sha256, take_given_sha256
from s3portal.portal.protocol import CALLS
from s3portal.transfer import State


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
    return CALLS["create"](CkanCaller(context), asked)


@refusing
def upload_sign_parts(context: dict[str, Any], asked: dict[str, Any]) -> list[dict[str, object]]:
    """Says where to send parts of an upload.

    :param id: the upload's id
    :param part_numbers: at most 1,000 part numbers
    :returns: ``[{"part_number", "url", "headers", "expires_at"}]``
    """
    tk.check_access("s3multipart_upload_sign_parts", context, asked)
    return CALLS["sign_parts"](CkanCaller(context), asked)


@tk.side_effect_free
@refusing
def upload_show(context: dict[str, Any], asked: dict[str, Any]) -> dict[str, object]:
    """Shows an upload, with what the store has of it now.

    :param id: the upload's id
    :returns: the upload
    """
    tk.check_access("s3multipart_upload_show", context, asked)
    return CALLS["show"](CkanCaller(context), asked)


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
    return CALLS["list"](CkanCaller(context), asked)


@refusing
def upload_complete(context: dict[str, Any], asked: dict[str, Any]) -> dict[str, object]:
    """Makes the stored parts a file; again: the same answer.

    :param id: the upload's id
    :param checksum: ``{"algorithm", "value"}`` of the whole file, if the client has it (optional)
    :param sha256: the SHA-256 of the whole file in hexadecimal digits, if the client has it (optional);
        the first one is taken, until the file is attached
    :returns: the upload, completed
    """
    tk.check_access("s3multipart_upload_complete", context, asked)
    sha256 = given_sha256(asked)
    completed = CALLS["complete"](CkanCaller(context), asked)
    if completed["state"] == State.COMPLETED:
        if sha256:
            take_given_sha256(str(completed["id"]), sha256)
        else:
            enqueue_sha256(str(completed["id"]))
    return completed


@refusing
def upload_abort(context: dict[str, Any], asked: dict[str, Any]) -> dict[str, object]:
    """Gives an upload up and removes what the store has of it; again: the same answer.

    Administrators of an organisation may give up the uploads of others to its datasets, too.

    :param id: the upload's id
    :returns: the upload, aborted
    """
    tk.check_access("s3multipart_upload_abort", context, asked)
    return CALLS["abort"](CkanCaller(context), asked)


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
    return CALLS["credentials"](CkanCaller(context), asked)


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
