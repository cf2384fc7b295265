"""Who may see how often files were downloaded: whoever the site's setting lets, of what they may read."""

from collections.abc import Mapping
from typing import Any

import ckan.plugins.toolkit as tk
from ckan import model

from ckanext.s3multipart.auth import allowed, dataset_that_is_read
from ckanext.s3multipart.permission import active_resource, administered_organisation
from ckanext.s3multipart.settings import EDITORS, EVERYBODY, portal_settings
from s3portal.portal.protocol import request_fields
from s3portal.transfer import TransferError

_WORDS = "You may not see download statistics here."


def for_download_stats(context: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
    """May read what is asked about, and is of those whom ``download_stats_for`` names."""
    try:
        may = _may_see(context, asked)
    except TransferError as refusal:
        return {"success": False, "msg": str(refusal)}
    return {"success": True} if may else {"success": False, "msg": tk._(_WORDS)}


def may_see_downloads(context: dict[str, Any], dataset_id: str) -> bool:
    """Whether the setting lets the caller see the counts of a dataset that they may read."""
    wanted = portal_settings().download_stats_for
    if wanted == EVERYBODY:
        return True
    if wanted == EDITORS:
        return allowed("package_update", context, dataset_id)
    return allowed("sysadmin", context, dataset_id)


def resource_that_is_read(asked: Mapping[str, Any]) -> model.Resource:
    """The resource ``resource``. Raises ResourceNotFound."""
    return active_resource(request_fields.text(asked, "resource"))


def auth_functions() -> dict[str, Any]:
    """The authorisation functions by the names of their actions."""
    return {"s3multipart_download_stats": tk.auth_allow_anonymous_access(for_download_stats)}


def _may_see(context: dict[str, Any], asked: dict[str, Any]) -> bool:
    if asked.get("resource"):
        resource = resource_that_is_read(asked)
        return allowed("resource_show", context, resource.id) and may_see_downloads(
            context, resource.package_id
        )
    if asked.get("owner"):
        dataset_id = dataset_that_is_read(asked).id
        return allowed("package_show", context, dataset_id) and may_see_downloads(context, dataset_id)
    administered_organisation(context, request_fields.text(asked, "organization"))
    return True
