"""The URL by which a browser measures how far it is from the store. It is fetched by the form's script, since
no page has anything that the portal's keys have signed.
"""

from uuid import uuid4

import ckan.plugins.toolkit as tk
from flask import Blueprint, Response, jsonify, request

from ckanext.s3multipart.permission import authorised_owner, signed_in_user
from ckanext.s3multipart.schema import require_current
from ckanext.s3multipart.settings import portal_store, transfer_settings
from s3portal.transfer import TransferError, dataset_prefix, presign_distance

#: It is used at once.
_EXPIRES_S = 60

blueprint = Blueprint("s3multipart_distance", __name__)


@blueprint.route("/s3multipart/distance/<dataset>")
def distance(dataset: str) -> tuple[Response, int]:
    """``{"url"}`` for anyone who may upload to the dataset; ``{"code"}`` of the refusal for others."""
    # Without this CKAN adds a lifetime of its own.
    request.environ["__no_cache__"] = True
    context = {"user": tk.current_user.name, "auth_user_obj": tk.current_user}
    try:
        require_current()
        signed_in_user(context)
        owner = authorised_owner(context, dataset)
        prefix = dataset_prefix(transfer_settings().s3_prefix, owner.organisation_id, owner.dataset_id)
        answer, status = {"url": presign_distance(portal_store(), f"{prefix}{uuid4()}/", _EXPIRES_S)}, 200
    except TransferError as refusal:
        answer, status = {"code": refusal.code}, refusal.http_status
    response = jsonify(answer)
    response.headers["Cache-Control"] = "no-store"
    return response, status
