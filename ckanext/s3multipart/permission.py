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
    NotAnAdministrator,
    NotSignedIn,
    OrganisationNotEnabled,
    OrganisationNotFound,
    ResourceNotFound,
)
from ckanext.s3multipart.model import OWNER_TYPE
from ckanext.s3multipart.settings import PREFIX, portal_settings
from s3portal.portal.protocol import can_be_kept


@dataclass(frozen=True)
class Owner:
    """What an upload belongs to, by ids. ``resource_id`` is that of the resource whose file is replaced, or
    ""."""

    dataset_id: str
    organisation_id: str
    resource_id: str = ""

    @property
    def owner_type(self) -> str:
        """As uploads have it."""
        return OWNER_TYPE

    @property
    def owner_id(self) -> str:
        """As uploads have it."""
        return self.dataset_id


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


def active_resource(resource_id: str) -> model.Resource:
    """The resource, if it is not deleted. Raises ResourceNotFound."""
    resource = model.Resource.get(resource_id) if can_be_kept(resource_id) else None
    if resource is None or resource.state != model.State.ACTIVE:
        raise ResourceNotFound(resource=resource_id)
    return resource


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


def administered_organisation(context: Mapping[str, Any], reference: str) -> model.Group:
    """The organisation, by id or name, whose administrator the caller is, or a sysadmin.

    Raises NotSignedIn, OrganisationNotFound, NotAnAdministrator.
    """
    signed_in_user(context)
    organisation = model.Group.get(reference) if can_be_kept(reference) else None
    if organisation is None or not organisation.is_organization:
        raise OrganisationNotFound(organisation=reference)
    if not _may(context, "organization_update", {"id": organisation.id}):
        raise NotAnAdministrator(organisation=organisation.title or organisation.name)
    return organisation


def administers(context: Mapping[str, Any], dataset_id: str) -> bool:
    """Whether the caller is an administrator of the dataset's organisation, or a sysadmin."""
    if signed_in_user(context).sysadmin:
        return True
    organisation_id = organisation_of(dataset_id)
    return bool(organisation_id) and _may(context, "organization_update", {"id": organisation_id})


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
    if not _may(context, action, asked):
        raise MayNotEdit(dataset=package.name)


def _may(context: Mapping[str, Any], action: str, asked: dict[str, Any]) -> bool:
    kept = ("user", "auth_user_obj", "ignore_auth")
    try:
        # A context of its own: CKAN's authorisation leaves what it looked up in the one it is given.
        tk.check_access(action, {name: context[name] for name in kept if name in context}, asked)
    except tk.NotAuthorized:
        return False
    return True
