"""Who may upload to what: signed in, allowed to edit the dataset, and of an organisation that may upload."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import ckan.plugins.toolkit as tk
from ckan import model

from ckanext.s3multipart.errors import (
    DatasetNotFound,
    MayNotEdit,
    NoOrganisation,
    NotSignedIn,
    OrganisationNotEnabled,
    ResourceNotFound,
)
from ckanext.s3multipart.settings import PREFIX, portal_settings
from s3portal.transfer.request_fields import can_be_kept


@dataclass(frozen=True)
class Owner:
    """What an upload belongs to, by ids. ``resource_id`` is that of the resource whose file is replaced, or
    ""."""

    dataset_id: str
    organisation_id: str
    resource_id: str = ""


def signed_in_user(context: Mapping[str, Any]) -> model.User:
    """The user that an action is called by. Raises NotSignedIn."""
    user = model.User.get(context["user"]) if context.get("user") else None
    if user is None or user.state != model.State.ACTIVE:
        raise NotSignedIn
    return user


def authorised_owner(context: Mapping[str, Any], dataset: str, resource_id: str = "") -> Owner:
    """The dataset, by id or name, to which the caller may upload now.

    Raises DatasetNotFound, ResourceNotFound, MayNotEdit, NoOrganisation, OrganisationNotEnabled.
    """
    package = _dataset(dataset)
    if resource_id:
        _require_resource(package, resource_id)
        _require_access(context, "resource_update", {"id": resource_id}, package)
    else:
        _require_access(context, "package_update", {"id": package.id}, package)
    organisation = enabled_organisation(package)
    return Owner(package.id, organisation.id, resource_id)


def enabled_organisation(package: model.Package) -> model.Group:
    """The dataset's organisation, which may upload. Raises NoOrganisation, OrganisationNotEnabled."""
    organisation = model.Group.get(package.owner_org) if package.owner_org else None
    if organisation is None:
        raise NoOrganisation(dataset=package.name)
    enabled = portal_settings().enabled_orgs
    if "*" not in enabled and organisation.name not in enabled:
        raise OrganisationNotEnabled(
            organisation=organisation.title or organisation.name, setting=f"{PREFIX}enabled_orgs"
        )
    return organisation


def organisation_of(dataset_id: str) -> str:
    """The id of the organisation that the dataset belongs to now, "" for none."""
    package = model.Package.get(dataset_id)
    return (package.owner_org or "") if package is not None else ""


def _dataset(reference: str) -> model.Package:
    # The address of a page may have in it what no database can be asked for.
    package = model.Package.get(reference) if can_be_kept(reference) else None
    if package is None or package.state == model.State.DELETED:
        raise DatasetNotFound(dataset=reference)
    return package


def _require_resource(package: model.Package, resource_id: str) -> None:
    resource = model.Resource.get(resource_id)
    if resource is None or resource.package_id != package.id or resource.state != model.State.ACTIVE:
        raise ResourceNotFound(resource=resource_id)


def _require_access(
    context: Mapping[str, Any], action: str, asked: dict[str, Any], package: model.Package
) -> None:
    kept = ("user", "auth_user_obj", "ignore_auth")
    try:
        # A context of its own: CKAN's authorisation leaves what it looked up in the one it is given.
        tk.check_access(action, {name: context[name] for name in kept if name in context}, asked)
    except tk.NotAuthorized as error:
        raise MayNotEdit(dataset=package.name) from error
