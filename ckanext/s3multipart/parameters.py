"""The parameters that our actions take; CKAN adds some of its own to any call."""

from collections.abc import Mapping
from typing import Any

import ckan.plugins.toolkit as tk

from s3portal.portal.protocol import FIELDS, require_known

#: What the protocol's calls take in CKAN besides the protocol's own fields.
OWN_FIELDS: Mapping[str, tuple[str, ...]] = {"create": ("resource",), "complete": ("sha256",)}

PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "upload_create": FIELDS["create"] + OWN_FIELDS["create"],
    "upload_sign_parts": FIELDS["sign_parts"],
    "upload_show": FIELDS["show"],
    "upload_list": FIELDS["list"],
    "upload_overview": ("owner",),
    "upload_complete": FIELDS["complete"] + OWN_FIELDS["complete"],
    "upload_abort": FIELDS["abort"],
    "upload_hand_over": FIELDS["hand_over"],
    "credentials": FIELDS["credentials"],
    "file_list": ("owner", "versions"),
    "download_stats": ("resource", "owner", "organization", "from", "to"),
    "version_list": ("resource",),
    "version_restore": ("resource", "version"),
    "version_remove": ("resource", "version"),
    "organization_upload_list": ("organization",),
    "organization_usage": ("organization",),
    "deleted_files_remove": ("organization",),
}


def own_parameters(action: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """What was sent to the action (its name without ``s3multipart_``), without what CKAN adds.

    Raises InvalidRequest for a misspelt parameter.
    """
    own = {name: value for name, value in asked.items() if not _is_of_ckan(name)}
    require_known(own, PARAMETERS[action])
    return own


def _is_of_ckan(name: str) -> bool:
    """CSRF tokens of forms, ``__extras`` and ``__junk`` of schemas, and jQuery's ``_``, which defeats
    caches."""
    return name.startswith("_") or name == tk.config.get("WTF_CSRF_FIELD_NAME")
