"""Removing files that nothing needs any more, after the transaction that made them so.

Inside the transaction an upload is only marked; once that is committed its object goes. So a transaction that
is rolled back removes nothing, and what a failing store keeps stays marked for the janitor.
"""

import logging
from collections.abc import Callable
from typing import Any

import ckan.plugins.toolkit as tk
import sqlalchemy as sa
from ckan import model
from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError

from ckanext.s3multipart.model import REMOVED, REMOVING, UploadRow, now
from ckanext.s3multipart.schema import is_current
from ckanext.s3multipart.settings import ON_DELETE, portal_settings, portal_store
from s3portal.transfer.errors import TransferError
from s3portal.transfer.lifecycle import delete_object
from s3portal.transfer.upload import ATTACHED

log = logging.getLogger(__name__)

_MARKED = "s3multipart_marked"


def mark_file_of_resource(resource_id: str) -> None:
    """The resource's file is to be removed when the transaction is committed."""
    _mark(UploadRow.resource_id == resource_id)


def mark_files_of_dataset(dataset_id: str) -> None:
    """The files of all the dataset's resources are to be removed when the transaction is committed."""
    _mark(UploadRow.owner_id == dataset_id)


def mark_unused_files(entity: object, operation: str) -> None:
    """Marks what a change of a dataset or of a resource leaves without use; inside the change's
    transaction."""
    if operation == model.DomainObjectOperation.new:
        return
    purged = operation == model.DomainObjectOperation.deleted
    deleted = getattr(entity, "state", None) == model.State.DELETED
    if isinstance(entity, model.Package):
        if purged or (deleted and portal_settings().remove_files_on == ON_DELETE):
            mark_files_of_dataset(entity.id)
    elif isinstance(entity, model.Resource) and (purged or deleted or entity.url_type != "upload"):
        mark_file_of_resource(entity.id)


@tk.chained_action
def bulk_update_delete(
    next_action: Callable[..., Any], context: dict[str, Any], asked: dict[str, Any]
) -> Any:
    """CKAN's own, which deletes datasets of an organisation; up to 2.11 without telling plugins."""
    result = next_action(context, asked)
    if portal_settings().remove_files_on == ON_DELETE and is_current():
        deleted = model.Session.query(model.Package.id).filter(
            model.Package.id.in_(asked.get("datasets", [])), model.Package.state == model.State.DELETED
        )
        for row in deleted:
            mark_files_of_dataset(row.id)
        model.Session.commit()
    return result


def remove_marked(upload_ids: set[str]) -> int:
    """Removes the objects of marked uploads, each in a transaction of its own; returns how many went.

    Uploads whose mark is not committed, or that another process is removing, are left alone. Raises
    TransferError at the first object that the store does not remove, since the next ones would wait as long.
    """
    removed = 0
    engine = model.Session.get_bind()
    table = UploadRow.__table__
    for upload_id in sorted(upload_ids):
        with engine.begin() as connection:
            marked = connection.execute(
                sa.select(table.c.key, table.c.version_id)
                .where(table.c.id == upload_id, table.c.state == REMOVING)
                .with_for_update(skip_locked=True)
            ).first()
            if marked is None:
                continue
            delete_object(portal_store(), marked.key, marked.version_id)
            connection.execute(
                table.update().where(table.c.id == upload_id).values(state=REMOVED, updated_at=now())
            )
        removed += 1
    return removed


def listen_to_transactions() -> None:
    """Has marked files removed after each commit; may be called again."""
    for name, listener in (("after_commit", _after_commit), ("after_rollback", _after_rollback)):
        if not event.contains(model.Session, name, listener):
            event.listen(model.Session, name, listener)


def _mark(which: Any) -> None:
    table = UploadRow.__table__
    marked = model.Session.execute(
        table.update()
        .where(which, table.c.state == ATTACHED)
        .values(state=REMOVING, updated_at=now())
        .returning(table.c.id)
    )
    model.Session().info.setdefault(_MARKED, set()).update(row.id for row in marked)


def _after_commit(session: Any) -> None:
    marked = session.info.get(_MARKED)
    if not marked or session.in_nested_transaction():
        return
    del session.info[_MARKED]
    try:
        remove_marked(marked)
    except (TransferError, SQLAlchemyError) as error:
        # What the transaction did stands. `ckan s3multipart janitor` removes what is left.
        log.warning(
            "Some of %s files that are not needed any more are left to the janitor: %s", len(marked), error
        )


def _after_rollback(session: Any) -> None:
    session.info.pop(_MARKED, None)
