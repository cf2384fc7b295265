"""What sites that ran ckanext-s3multipart call: its two API routes and its template helpers, in their shapes.

Other than there, permission is checked first and a refusal has its HTTP status; keys never reach a page of
ours; what is written is private, under a prefix of the user's own (session_prefixes.py), and found there by
discovery.py; and no answer is wrapped for other sites.
"""

import shlex
from typing import Any

import ckan.plugins.toolkit as tk
from ckan import model
from flask import Blueprint, Response, json, request

from ckanext.s3multipart.permission import authorised_owner, signed_in_user
from ckanext.s3multipart.schema import require_current
from ckanext.s3multipart.settings import portal_store, transfer_settings
from ckanext.s3multipart.uploads.session_model import CREDENTIALS
from ckanext.s3multipart.uploads.session_prefixes import dataset_credentials, form_prefix, live_prefix
from ckanext.s3multipart.wording import sentence
from s3portal.transfer import MAX_PART_SIZE_BYTES, TransferError, dataset_prefix, retry_after_s, store_errors

#: S3 takes as much in one POST as in one part.
_LARGEST_POST_BYTES = MAX_PART_SIZE_BYTES

blueprint = Blueprint("s3multipart_compat", __name__)


@blueprint.route("/api/3/action/get_s3_auth/<dataset>")
def get_s3_auth(dataset: str) -> Response:
    """Session credentials for the user's prefix of the dataset, in the shape of STS's own answer, and the
    prefix; ``{"error"}`` if refused."""
    return _answer(lambda: session_credentials(dataset))


@blueprint.route("/api/3/action/get_s3_post/<dataset>")
def get_s3_post(dataset: str) -> Response:
    """``{"url", "fields", "curl_example"}`` of a form that posts one file; ``{"error"}`` if refused."""
    return _answer(lambda: _form_post(dataset))


def get_s3_bucket() -> str:
    """The bucket's name."""
    return transfer_settings().s3_bucket


def get_s3_region() -> str:
    """The bucket's region."""
    return transfer_settings().s3_region


def get_s3_prefix(dataset: str) -> str:
    """What keys begin with that the caller's session credentials for the dataset can write, ending in ``/``.

    For those who may not upload: what the keys of the dataset's files begin with.
    """
    context = _context()
    package = tk.get_action("package_show")(context, {"id": dataset})
    try:
        require_current()
        user, owner = signed_in_user(context), authorised_owner(context, package["id"])
    except TransferError:
        return dataset_prefix(transfer_settings().s3_prefix, package["owner_org"] or "", package["id"])
    prefix = live_prefix(user, owner, CREDENTIALS).prefix
    model.Session.commit()
    return prefix


def get_session_credentials(dataset: str) -> dict[str, Any]:
    """Session credentials for the user's prefix of the dataset, or ``{"error"}``. They are secrets: do not
    write them into pages."""
    try:
        return session_credentials(dataset)
    except TransferError as error:
        return {"error": sentence(error)}


def session_credentials(dataset: str) -> dict[str, Any]:
    """What STS answers, and ``Prefix``. Raises what authorised_owner and dataset_credentials raise."""
    require_current()
    context = _context()
    user = signed_in_user(context)
    issued = dataset_credentials(user, authorised_owner(context, dataset))
    return {
        "Credentials": {
            "AccessKeyId": issued.access_key_id,
            "SecretAccessKey": issued.secret_access_key,
            "SessionToken": issued.session_token,
            "Expiration": str(issued.expiration),
        },
        "Prefix": issued.prefix,
    }


def helpers() -> dict[str, Any]:
    """The template helpers by name."""
    return {
        function.__name__: function
        for function in (get_s3_bucket, get_s3_region, get_s3_prefix, get_session_credentials)
    }


def _form_post(dataset: str) -> dict[str, Any]:
    require_current()
    context = _context()
    user = signed_in_user(context)
    prefix = form_prefix(user, authorised_owner(context, dataset))
    store, settings = portal_store(), transfer_settings()
    with store_errors("PresignPost"):
        post = store.client().generate_presigned_post(
            store.bucket,
            prefix + "${filename}",
            Conditions=[["content-length-range", 0, min(settings.size_limit[0], _LARGEST_POST_BYTES)]],
            ExpiresIn=settings.url_expires,
        )
    # The policy that is signed names no host, so the form may go to the address that browsers use.
    url, fields = store.address.base_url, post["fields"]
    arguments = [f"-F {shlex.quote(f'{name}={value}')}" for name, value in fields.items()]
    curl_example = " ".join(["curl -v", *arguments, "-F file=@filename", shlex.quote(url)])
    return {"url": url, "fields": fields, "curl_example": curl_example}


def _context() -> dict[str, Any]:
    return {"user": tk.current_user.name, "auth_user_obj": tk.current_user}


def _answer(result: Any) -> Response:
    request.environ["__no_cache__"] = True
    headers = {"Cache-Control": "no-store"}
    try:
        body, status = result(), 200
    except TransferError as error:
        body, status = {"error": sentence(error)}, error.http_status
        if (wait_s := retry_after_s(error)) is not None:
            headers["Retry-After"] = str(wait_s)
    return Response(
        json.dumps(body), status=status, headers=headers, content_type="application/json;charset=utf-8"
    )
