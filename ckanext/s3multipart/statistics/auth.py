"""Who may see how often files were downloaded: whoever the site's setting lets, of what they may read.

Pages, CSV files and the action all ask `seen_counts`, so none of them says more than another.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import ckan.plugins.toolkit as tk
from ckan import authz, model

from ckanext.s3multipart.auth import REFUSAL, allowed, dataset_that_is_read
from ckanext.s3multipart.errors import DatasetNotFound, OrganisationNotFound
from ckanext.s3multipart.permission import active_resource
from ckanext.s3multipart.settings import EDITORS, EVERYBODY, MEMBERS, portal_settings
from ckanext.s3multipart.statistics.visibility import Which, one_resource, readable_resources
from s3portal.portal.protocol import request_fields
from s3portal.transfer import TransferError

_WORDS = "You may not see download statistics here."
#: CKAN's permissions within an organisation: every member has the one, and editors have the other.
_PERMISSIONS = {MEMBERS: "read", EDITORS: "update_dataset"}


@dataclass(frozen=True)
class SeenCounts:
    """What was asked about, and the ``which`` of its counts that the caller may see."""

    which: Which
    name: str


def for_download_stats(context: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
    """May read what is asked about, and is of those whom ``download_stats_for`` names."""
    try:
        may = _may_see(context, asked)
    except TransferError as refusal:
        context[REFUSAL] = refusal
        return {"success": False, "msg": str(refusal)}
    return {"success": True} if may else {"success": False, "msg": tk._(_WORDS)}


def seen_counts(context: dict[str, Any], asked: Mapping[str, Any]) -> SeenCounts:
    """What the caller may see of a ``resource``, of the dataset ``owner``, or of an ``organization``.

    Raises NotAuthorized, ResourceNotFound, DatasetNotFound, OrganisationNotFound.
    """
    tk.check_access("s3multipart_download_stats", context, dict(asked))
    if asked.get("resource"):
        resource = resource_that_is_read(asked)
        return SeenCounts(one_resource(resource.id), resource.id)
    if asked.get("owner"):
        dataset = dataset_that_is_read(dict(asked))
        of_dataset = model.resource_table.c.package_id == dataset.id
        return SeenCounts(readable_resources(context, of_dataset), dataset.name)
    organisation = organisation_that_is_read(asked)
    of_organisation = model.package_table.c.owner_org == organisation.id
    return SeenCounts(readable_resources(context, of_organisation, many=True), organisation.name)


def may_see_downloads(context: dict[str, Any], dataset_id: str) -> bool:
    """Whether the setting lets the caller see the counts of a dataset that they may read."""
    wanted = portal_settings().download_stats_for
    if wanted == EVERYBODY:
        return True
    if wanted not in _PERMISSIONS:
        return allowed("sysadmin", context, dataset_id)
    dataset = model.Package.get(dataset_id)
    if wanted == MEMBERS and dataset is not None and _belongs(context, dataset.owner_org, wanted):
        return True
    return allowed("package_update", context, dataset_id)


def resource_that_is_read(asked: Mapping[str, Any]) -> model.Resource:
    """The resource ``resource``. Raises ResourceNotFound."""
    return active_resource(request_fields.text(asked, "resource"))


def organisation_that_is_read(asked: Mapping[str, Any]) -> model.Group:
    """The organisation ``organization``, by id or name. Raises OrganisationNotFound."""
    reference = request_fields.text(asked, "organization")
    organisation = model.Group.get(reference)
    is_there = organisation is not None and organisation.state == model.State.ACTIVE
    if not is_there or not organisation.is_organization:
        raise OrganisationNotFound(organisation=reference)
    return organisation


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
        dataset = dataset_that_is_read(asked)
        if dataset.state != model.State.ACTIVE:
            raise DatasetNotFound(dataset=str(asked["owner"]))
        return allowed("package_show", context, dataset.id) and may_see_downloads(context, dataset.id)
    return _may_see_organisation(context, organisation_that_is_read(asked))


def _may_see_organisation(context: dict[str, Any], organisation: model.Group) -> bool:
    """Whether the setting lets the caller see the counts of those of its datasets that they may read."""
    wanted = portal_settings().download_stats_for
    if not allowed("organization_show", context, organisation.id):
        return False
    if wanted == EVERYBODY:
        return True
    if wanted not in _PERMISSIONS:
        return allowed("sysadmin", context, organisation.id)
    return _belongs(context, organisation.id, wanted)


def _belongs(context: Mapping[str, Any], organisation_id: str | None, wanted: str) -> bool:
    if context.get("ignore_auth"):
        return True
    return bool(
        organisation_id
        and context.get("user")
        and authz.has_user_permission_for_group_or_org(organisation_id, context["user"], _PERMISSIONS[wanted])
    )
