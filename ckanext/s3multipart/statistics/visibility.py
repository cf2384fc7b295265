"""Which resources a caller may read, as a condition of SQL: ten thousand files are not asked for one by one.

The condition is CKAN's own rule, the labels that `package_show` and search go by. Where another extension has
a rule of its own, each resource is asked for.
"""

from collections.abc import Mapping
from typing import Any

import ckan.plugins as p
import sqlalchemy as sa
from ckan import authz, model
from ckan.lib.plugins import DefaultPermissionLabels, get_permission_labels
from sqlalchemy.dialects.postgresql import ARRAY

from ckanext.s3multipart.auth import allowed

_RESOURCES = model.resource_table
_PACKAGES = model.package_table
#: Whose rules decide who may read a resource.
_READING = frozenset({"package_show", "resource_show"})


def readable_resources(
    context: dict[str, Any], of: sa.sql.ColumnElement[bool], table: Any = None
) -> sa.sql.ColumnElement[bool]:
    """A condition on ``table``'s column ``resource_id``: one of the active resources that ``of``, a condition
    on CKAN's resources and packages, holds for, and that the caller may read."""
    ids = _active(of)
    if _sees_all(context):
        return table.c.resource_id.in_(ids)
    if _ckan_decides():
        return table.c.resource_id.in_(ids.where(_has_label(context)))
    readable = [
        each for each in model.Session.execute(ids).scalars() if allowed("resource_show", context, each)
    ]
    return table.c.resource_id == sa.any_(sa.cast(readable, ARRAY(sa.UnicodeText)))


def _active(of: sa.sql.ColumnElement[bool]) -> Any:
    is_active = (_RESOURCES.c.state == model.State.ACTIVE) & (_PACKAGES.c.state == model.State.ACTIVE)
    resources = sa.select(_RESOURCES.c.id).join(_PACKAGES, _PACKAGES.c.id == _RESOURCES.c.package_id)
    return resources.where(of, is_active)


def _sees_all(context: Mapping[str, Any]) -> bool:
    return bool(context.get("ignore_auth")) or authz.is_sysadmin(context.get("user"))


def _ckan_decides() -> bool:
    """Whether no other extension has a say in who may read what."""
    if type(get_permission_labels()) is not DefaultPermissionLabels:
        return False
    return not any(
        _READING.intersection(plugin.get_auth_functions())
        for plugin in p.PluginImplementations(p.IAuthFunctions)
    )


def _has_label(context: Mapping[str, Any]) -> sa.sql.ColumnElement[bool]:
    """`DefaultPermissionLabels.get_dataset_labels` of an active dataset, in SQL."""
    user = model.User.get(context["user"]) if context.get("user") else None
    labels = get_permission_labels().get_user_dataset_labels(user)
    kinds: dict[str, list[str]] = {"member": [], "creator": [], "collaborator": []}
    for label in labels:
        kind, _, entity_id = label.partition("-")
        if kind in kinds:
            kinds[kind].append(entity_id)
    return sa.or_(
        _PACKAGES.c.private.is_(False),
        _PACKAGES.c.owner_org.in_(kinds["member"]),
        # In CKAN an empty text is no organisation, either.
        sa.func.coalesce(_PACKAGES.c.owner_org, "").in_([""])
        & _PACKAGES.c.creator_user_id.in_(kinds["creator"]),
        _PACKAGES.c.id.in_(kinds["collaborator"]),
    )
