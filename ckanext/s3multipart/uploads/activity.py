"""Who uploaded, replaced and deleted a file, and when, in CKAN's activity stream, where its plugin is on.

A line is written in the transaction that it is about, so the two are kept or lost together. CKAN shows
lines about a dataset to those who may see the dataset, but by two conditions: the type ends in ``package``,
and the line has the dataset's permission labels, which follow it when its visibility changes.

CKAN shows what a save changed beside the line before it, by the whole dataset that each line keeps. So ours
carries what the line before it had; where there is none, or others may see that one, it carries nothing.
"""

from typing import Any

import ckan.plugins as p
import ckan.plugins.toolkit as tk
import sqlalchemy as sa
from ckan import model
from ckan.lib.plugins import get_permission_labels
from flask import has_request_context

from ckanext.s3multipart.model import UploadRow, attached_upload
from ckanext.s3multipart.uploads.attach import current_saving
from s3portal.transfer import safe_filename

UPLOADED = "uploaded file to package"
REPLACED = "replaced file of package"
DELETED = "deleted file of package"
TYPES = (UPLOADED, REPLACED, DELETED)


def is_on() -> bool:
    """Whether this portal has an activity stream."""
    return bool(p.plugin_loaded("activity"))


def register_types() -> None:
    """Lets readers of a stream filter it by our types, as by CKAN's own; may be called again."""
    if is_on():
        from ckanext.activity.logic import validators

        for types in (validators.VALIDATORS_PACKAGE_ACTIVITY_TYPES, validators.object_id_validators):
            types.update(dict.fromkeys(TYPES, "package_id_exists"))


def note_attached(row: UploadRow, *, replaces: bool) -> None:
    """The upload became the file of a resource that had none, or that had another one; inside the transaction
    that does it."""
    if is_on():
        _note(REPLACED if replaces else UPLOADED, row)


def note_change(entity: object, operation: str) -> None:
    """A dataset or a resource changed: a file that goes with it is noted, and lines become as private as
    their dataset. Inside the change's transaction, before anything else is done about the file."""
    if not is_on() or operation == model.DomainObjectOperation.new:
        return
    if isinstance(entity, model.Resource):
        _note_deleted(entity, operation)
    elif isinstance(entity, model.Package) and operation == model.DomainObjectOperation.changed:
        _label_again(entity)


def _note_deleted(resource: model.Resource, operation: str) -> None:
    is_kept = (
        operation != model.DomainObjectOperation.deleted
        and resource.state != model.State.DELETED
        and resource.url_type == "upload"
    )
    row = None if is_kept else attached_upload(resource.id)
    # CKAN purges a deleted resource later; that is not noted again.
    if row is not None and row.unused_since is None:
        _note(DELETED, row)


def _who() -> model.User | None:
    """Whoever saves, or else is signed in."""
    saving = current_saving()
    name = saving.user if saving else (tk.current_user.name if has_request_context() else "")
    return model.User.get(name) if name else None


def _note(kind: str, row: UploadRow) -> None:
    from ckanext.activity.model import Activity

    package, user = model.Package.get(row.owner_id), _who()
    if package is None or user is None or package.state == model.State.DELETED:
        return
    labels = get_permission_labels().get_dataset_labels(package)
    has_labels = hasattr(Activity, "permission_labels")
    if not has_labels and (package.private or package.state != model.State.ACTIVE):
        # CKAN 2.10 shows everyone what its users did, whatever they did it to.
        return
    data = {
        "actor": user.name,
        "dataset": {"id": package.id, "type": package.type, "title": package.title or package.name},
        "file": {
            "resource": row.resource_id,
            "name": safe_filename(row.filename),
            "size": row.size_bytes,
        },
        **_carried(Activity, package, labels if has_labels else None),
    }
    activity = Activity(user.id, package.id, kind, data)
    if has_labels:
        activity.permission_labels = labels
    model.Session.add(activity)


def _carried(activities: Any, package: model.Package, labels: list[str] | None) -> dict[str, Any]:
    """The dataset as the line before has it, if the same people may see that one."""
    before = (
        model.Session.query(activities)
        .filter_by(object_id=package.id)
        .order_by(activities.timestamp.desc())
        .first()
    )
    if before is None or "package" not in (before.data or {}):
        return {}
    if labels is None:
        is_for_the_same = before.data["package"].get("private") == package.private
    else:
        is_for_the_same = sorted(before.permission_labels or []) == sorted(labels)
    if not is_for_the_same:
        return {}
    return {"package": before.data["package"]}


def _label_again(package: model.Package) -> None:
    from ckanext.activity.model import Activity

    table = Activity.__table__
    ours = (table.c.object_id == package.id) & table.c.activity_type.in_(TYPES)
    if not hasattr(Activity, "permission_labels"):
        if package.private:
            model.Session.execute(table.delete().where(ours))
        return
    labels = sa.cast(get_permission_labels().get_dataset_labels(package), sa.ARRAY(sa.Text))
    model.Session.execute(
        table.update()
        .where(
            ours,
            sa.cast(table.c.permission_labels, sa.ARRAY(sa.Text)).is_distinct_from(labels),
        )
        .values(permission_labels=labels)
    )
