"""Which resources a caller may read, as a condition of SQL: ten thousand files are not asked for one by one.

The condition is CKAN's own rule, the labels that `package_show` and search go by. Where another extension has
a rule of its own, each resource is asked for.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ckan.plugins as p
import sqlalchemy as sa
from ckan import authz, model
from ckan.lib.plugins import DefaultPermissionLabels, get_permission_labels
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by

from ckanext.s3multipart.auth import allowed

_RESOURCES = model.resource_table
_PACKAGES = model.package_table
#: Whose rules decide who may read a resource.
_READING = frozenset({"package_show", "resource_show"})


@dataclass(frozen=True)
class Which:
    """Resources: ``condition`` makes a condition of a column that has their ids. ``digest`` is another one
    for any other set of them; "" for those that are few."""

    condition: Callable[[Any], Any]
    digest: str = ""


def one_resource(resource_id: str) -> Which:
    """That one."""
    return Which(lambda column: column == resource_id)


def readable_resources(
    context: dict[str, Any], of: sa.sql.ColumnElement[bool], *, many: bool = False
) -> Which:
    """Those of the active resources that ``of``, a condition on CKAN's resources and packages, holds for, and
    that the caller may read. ``many`` are not listed, but found by the database while it counts."""
    ids = _active(of)
    if not (_sees_all(context) or _ckan_decides()):
        found = model.Session.execute(ids).scalars().all()
        return _listed([each for each in found if allowed("resource_show", context, each)])
    if not _sees_all(context):
        ids = ids.where(_has_label(context))
    if many:
        return Which(lambda column: column.in_(ids), _digest(ids))
    return _listed(model.Session.execute(ids).scalars().all())


def _listed(resource_ids: Sequence[str]) -> Which:
    ids = sa.cast(list(resource_ids), ARRAY(sa.UnicodeText))
    return Which(lambda column: column == sa.any_(ids))


def _digest(ids: Any) -> str:
    """Of a list as PostgreSQL writes it, which quotes what people put into ids to look like two of them."""
    each = ids.subquery().c.id
    written = sa.cast(sa.func.array_agg(aggregate_order_by(each, each)), sa.Text)
    digest = sa.func.encode(sa.func.sha256(sa.func.convert_to(sa.func.coalesce(written, ""), "UTF8")), "hex")
    return str(model.Session.execute(sa.select(digest)).scalar())


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
