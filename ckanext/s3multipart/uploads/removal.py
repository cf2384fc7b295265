"""Removing files that nothing needs any longer, after the transaction that made them so.

Inside the transaction an upload is only marked; once that is committed its object goes. So a transaction that
is rolled back removes nothing, and what a failing store keeps stays marked for the janitor. What CKAN can
restore keeps its files: those of a deleted resource for a while, those of a deleted dataset until it is
purged or, if the site says so, for a while. A file that is replaced stays as an earlier version where the
site keeps versions.
"""

import logging
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from ckan import model
from sqlalchemy.exc import SQLAlchemyError

from ckanext.s3multipart.extending.described_files import uploaded_file
from ckanext.s3multipart.model import UploadRow, now
from ckanext.s3multipart.outbox.delivering import deliver
from ckanext.s3multipart.outbox.recording import Kind, record_event
from ckanext.s3multipart.schema import is_current
from ckanext.s3multipart.session_events import listen_to_session
from ckanext.s3multipart.settings import ON_DELETE, portal_settings, portal_store
from ckanext.s3multipart.site_mark import is_copied
from ckanext.s3multipart.upload_states import PUBLISHED, TRANSITIONS, RowState
from ckanext.s3multipart.uploads.version_limits import is_surplus, keeps_versions
from s3portal.portal.protocol.sql_rows import new_lease
from s3portal.transfer import TransferError, asking, deadline, delete_object, time_left_s

log = logging.getLogger(__name__)

_MARKED = "s3multipart_marked"
_COMMITTED = "s3multipart_committed"
#: How long a deletion waits for its objects to be removed; the janitor removes the rest.
_REQUEST_WAITS_S = 10
_LEAST_FOR_AN_OBJECT_S = 3

_ROWS = UploadRow.__table__


def replace_file_of_resource(resource_id: str, *, keep: bool = False) -> None:
    """The resource's file makes room for another one, for a link, or for nothing.

    It becomes an earlier version where the site keeps them; versions that are more than the site keeps then,
    or else the file itself, are to be removed when the transaction is committed. With ``keep`` nothing is.
    """
    if not keep and not keeps_versions():
        mark_file_of_resource(resource_id)
        return
    model.Session.execute(
        _ROWS.update()
        .where(_ROWS.c.resource_id == resource_id, _ROWS.c.state == RowState.ATTACHED)
        .values(
            state=TRANSITIONS.step(RowState.ATTACHED, RowState.VERSION), replaced_at=now(), updated_at=now()
        )
    )
    if not keep:
        mark((_ROWS.c.resource_id == resource_id) & is_surplus())


def mark_file_of_resource(resource_id: str) -> None:
    """The resource's file, but none of its earlier versions, is to be removed when the transaction is
    committed."""
    mark((_ROWS.c.resource_id == resource_id) & (_ROWS.c.state == RowState.ATTACHED))


def mark_files_of_dataset(dataset_id: str) -> None:
    """The files of all the dataset's resources, earlier versions too, are to be removed when the transaction
    is committed."""
    mark(_of_dataset(dataset_id))


def mark(which: Any) -> int:
    """The files and earlier versions that a condition on rows holds for are to be removed when the
    transaction is committed; returns how many."""
    marked = model.Session.execute(
        _ROWS.update()
        .where(which, _ROWS.c.state.in_(PUBLISHED))
        .values(state=RowState.REMOVING, updated_at=now())
        .returning(_ROWS.c.id)
    )
    ids = {row.id for row in marked}
    model.Session().info.setdefault(_MARKED, set()).update(ids)
    return len(ids)


def mark_unused_files(entity: object, operation: str) -> None:
    """Marks what a change of a dataset or of a resource leaves without use, and takes the mark back from what
    was restored; inside the change's transaction."""
    if operation == model.DomainObjectOperation.new:
        return
    purged = operation == model.DomainObjectOperation.deleted
    deleted = getattr(entity, "state", None) == model.State.DELETED
    if isinstance(entity, model.Package):
        if purged:
            mark_files_of_dataset(entity.id)
        elif not deleted:
            _keep(_ROWS.c.owner_id == entity.id)
        elif portal_settings().remove_files_on == ON_DELETE:
            _after_grace(_of_dataset(entity.id))
    elif isinstance(entity, model.Resource):
        if not purged and not deleted and entity.url_type != "upload":
            replace_file_of_resource(entity.id)
            _keep(_ROWS.c.resource_id == entity.id)
        elif purged or deleted:
            # CKAN purges deleted resources when their dataset is saved the next time. With a dataset that is
            # purged their files are marked above.
            _after_grace(_ROWS.c.resource_id == entity.id)
        else:
            _keep(_ROWS.c.resource_id == entity.id)


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
            _after_grace(_of_dataset(row.id))
        model.Session.commit()
    return result


def remove_marked(upload_ids: set[str]) -> int:
    """Removes the objects of marked uploads; returns how many went.

    Uploads whose mark is not committed, or that another process is removing, are left alone; within a
    deadline, so is what there is no time for. No connection is held while the store is asked. Raises
    TransferError at the first object that the store does not remove, since the next ones would wait as long.
    """
    if upload_ids and is_copied():
        log.warning(
            "Files of the site that this database was copied from stay; see `ckan s3multipart janitor`"
        )
        return 0
    removed = 0
    engine = model.Session.get_bind()
    for upload_id in sorted(upload_ids):
        left_s = time_left_s()
        if left_s is not None and left_s < _LEAST_FOR_AN_OBJECT_S:
            break
        claimed = _claim(engine, upload_id)
        if claimed is None:
            continue
        state = RowState.REMOVING
        try:
            if not claimed.keep_object:
                with asking(portal_store()):
                    delete_object(portal_store(), claimed.key, claimed.version_id)
            state = TRANSITIONS.step(RowState.REMOVING, RowState.REMOVED)
        finally:
            event_id = _release(engine, upload_id, claimed.lease_token, state)
        if event_id is not None:
            deliver([event_id])
        removed += 1
    return removed


def _claim(engine: Any, upload_id: str) -> Any:
    """The marked upload, if no other process is removing it."""
    is_free = _ROWS.c.lease_until.is_(None) | (_ROWS.c.lease_until < sa.func.now())
    with engine.begin() as connection:
        return connection.execute(
            _ROWS.update()
            .where(_ROWS.c.id == upload_id, _ROWS.c.state == RowState.REMOVING, is_free)
            .values(**new_lease())
            .returning(_ROWS.c.key, _ROWS.c.version_id, _ROWS.c.keep_object, _ROWS.c.lease_token)
        ).first()


def _release(engine: Any, upload_id: str, lease_token: str, state: RowState) -> str | None:
    """Ends the claim; returns the event of what was removed, where somebody is told of it."""
    with engine.begin() as connection:
        row = connection.execute(
            _ROWS.update()
            .where(_ROWS.c.id == upload_id, _ROWS.c.lease_token == lease_token)
            .values(state=state, lease_token=None, lease_until=None, updated_at=now())
            .returning(*_ROWS.c)
        ).first()
        if row is None or state != RowState.REMOVED:
            return None
        return record_event(Kind.FILE_REMOVED, uploaded_file(row), connection)


def listen_to_transactions() -> None:
    """Has marked files removed after each commit; may be called again."""
    listen_to_session(
        after_commit=_after_commit,
        after_rollback=_after_rollback,
        after_transaction_end=_after_transaction_end,
    )


def _of_dataset(dataset_id: str) -> Any:
    """Files that were uploaded to the dataset, without those of resources that another dataset has now."""
    resources = model.resource_table
    is_elsewhere = sa.exists().where(
        resources.c.id == _ROWS.c.resource_id, resources.c.package_id != dataset_id
    )
    return (_ROWS.c.owner_id == dataset_id) & ~is_elsewhere


def _after_grace(which: Any) -> None:
    """The files stay as long as what was deleted can be restored; the janitor removes them then."""
    if portal_settings().delete_grace == 0:
        mark(which)
        return
    model.Session.execute(
        _ROWS.update()
        .where(which, _ROWS.c.state.in_(PUBLISHED), _ROWS.c.unused_since.is_(None))
        .values(unused_since=now())
    )


def _keep(which: Any) -> None:
    """Files of resources that are there, after all."""
    resources = model.resource_table
    is_there = sa.exists().where(
        resources.c.id == _ROWS.c.resource_id, resources.c.state != model.State.DELETED
    )
    model.Session.execute(
        _ROWS.update().where(which, _ROWS.c.unused_since.isnot(None), is_there).values(unused_since=None)
    )


def _after_commit(session: Any) -> None:
    if session.info.get(_MARKED) and not session.in_nested_transaction():
        session.info[_COMMITTED] = session.info.pop(_MARKED)


def _after_transaction_end(session: Any, transaction: Any) -> None:
    """Only now is the session's connection free for others, who need not wait for the store, too."""
    if transaction.parent is not None or not (marked := session.info.pop(_COMMITTED, None)):
        return
    try:
        with deadline(_REQUEST_WAITS_S):
            remove_marked(marked)
    except (TransferError, SQLAlchemyError) as error:
        # What the transaction did stands. `ckan s3multipart janitor` removes what is left.
        log.warning(
            "Some of %s files that are no longer needed are left to the janitor: %s", len(marked), error
        )


def _after_rollback(session: Any) -> None:
    session.info.pop(_MARKED, None)
