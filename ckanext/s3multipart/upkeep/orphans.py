"""Orphans, in both directions: objects that no row needs, rows whose objects are gone, and unfinished
multipart uploads that no row knows.

The store's listing and the table are read side by side in the order of keys. Nothing is removed before both
came to their ends. Only what is certainly this portal's is removed: under its prefix, of the form of its
keys, old enough, and, by what the object says of itself or by the ids in its key, of this portal.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from ckan import model

from ckanext.s3multipart.downloads.move_model import CLEARED, KeyMove
from ckanext.s3multipart.downloads.public_keys import ids_of_own_key, is_own_key
from ckanext.s3multipart.model import UploadRow, now
from ckanext.s3multipart.settings import portal_host, portal_store, transfer_settings
from ckanext.s3multipart.upkeep.merging import OutOfOrder, unmatched
from ckanext.s3multipart.upkeep.orphan_findings import MULTIPART, OBJECT, ROW, Orphan, OrphanList
from ckanext.s3multipart.upkeep.unknown_uploads import LEFT_ALONE_FOR, Measuring, is_live, is_ours
from ckanext.s3multipart.upload_states import LEASED, UNFINISHED, RowState
from ckanext.s3multipart.uploads.session_model import Adoption, SessionGrant
from s3portal.portal.protocol import can_be_kept
from s3portal.transfer import (
    NOT_LISTED_CODES,
    ObjectGone,
    StoredObject,
    StoreError,
    StoreFailed,
    WrittenObject,
    list_page,
    list_uploads,
    look_at,
)

#: What was written later than this is never an orphan: its row may come.
YOUNGEST = timedelta(days=7)
_ROWS_A_QUERY = 1000

_ROWS = UploadRow.__table__
#: The row says that there is nothing (any more).
_WITHOUT_OBJECT = (RowState.ABORTED, RowState.REMOVED)
#: Something is about to happen to the object, or to the row.
_UNSETTLED = (*UNFINISHED, *LEASED, RowState.ABORTING, RowState.REMOVING)


@dataclass(frozen=True)
class _Row:
    id: str
    key: str
    state: str
    version_id: str | None
    size_bytes: int
    filename: str
    resource_id: str
    updated_at: datetime

    @property
    def is_settled(self) -> bool:
        """Whether its object has to be there."""
        return self.state == RowState.COMPLETED or self.state not in _UNSETTLED


def look_for_orphans(found: OrphanList) -> None:
    """Fills the list. A store that fails is noted in its report, which is not finished then."""
    report = found.report
    try:
        for orphan in _compared():
            found.add(orphan)
        for orphan in _rows_elsewhere():
            found.add(orphan)
        try:
            for orphan in _multipart_uploads():
                found.add(orphan)
        except StoreFailed as error:
            if error.store_code not in NOT_LISTED_CODES:
                raise
            report.uploads_listed = False
        report.finished = True
    except (StoreError, OutOfOrder) as error:
        report.problem = str(error)
    finally:
        model.Session.rollback()


def needs_object() -> Any:
    """A condition on rows: the object under the key is needed. What was adopted outlives its resource."""
    return _ROWS.c.state.notin_(_WITHOUT_OBJECT) | _ROWS.c.keep_object


def _compared() -> Iterator[Orphan]:
    started_at = now()
    pairs = unmatched(
        _listed(_folder()), lambda listed: listed.key, _rows(_under_prefix(_folder())), lambda row: row.key
    )
    for listed, row in pairs:
        if listed is not None:
            orphan = _orphan_object(listed)
        else:
            assert row is not None
            orphan = _orphan_row(row) if row.is_settled and row.updated_at < started_at else None
        if orphan is not None:
            yield orphan


def _folder() -> str:
    prefix = transfer_settings().s3_prefix.strip("/")
    return f"{prefix}/" if prefix else ""


def _listed(prefix: str) -> Iterator[WrittenObject]:
    start_after, more = "", True
    while more:
        page = list_page(portal_store(), prefix, start_after)
        yield from page.objects
        start_after, more = page.ends_at, bool(page.ends_at)


def _under_prefix(folder: str) -> Any:
    return _ROWS.c.key.startswith(folder, autoescape=True) if folder else sa.true()


def _rows(condition: Any) -> Iterator[_Row]:
    """The rows that an object may be needed by, in the order in which S3 lists keys. A page is a transaction;
    nothing is held while the store is asked."""
    in_order = _ROWS.c.key.collate("C")
    names = ("id", "key", "state", "version_id", "size_bytes", "filename", "resource_id", "updated_at")
    query = (
        sa.select(*(_ROWS.c[name] for name in names))
        .where(needs_object(), condition)
        .order_by(in_order, _ROWS.c.id)
        .limit(_ROWS_A_QUERY)
    )
    later = sa.true()
    while True:
        page = [_Row(**row._mapping) for row in model.Session.execute(query.where(later))]
        model.Session.rollback()
        yield from page
        if len(page) < _ROWS_A_QUERY:
            return
        last = page[-1]
        later = (in_order > last.key) | ((_ROWS.c.key == last.key) & (_ROWS.c.id > last.id))


def _orphan_object(listed: WrittenObject) -> Orphan | None:
    """The finding, None where the object is too young or somebody else's affair."""
    if now() - listed.modified_at < _youngest():
        return None
    why = _why_not_ours(listed.key)
    if why is None and _is_written_by_others(listed.key):
        return None
    if why is None:
        try:
            why = _why_not_said_ours(listed.key, look_at(portal_store(), listed.key))
        except ObjectGone:
            return None
    why = why or _why_linked(listed.key)
    return Orphan(
        OBJECT,
        listed.key,
        listed.size_bytes,
        listed.modified_at.isoformat(),
        safe=why is None,
        why=why or "no row needs it",
    )


def _youngest() -> timedelta:
    return max(YOUNGEST, timedelta(seconds=transfer_settings().upload_expires))


def _why_not_ours(key: str) -> str | None:
    if not can_be_kept(key) or not is_own_key(key):
        return "its key is not of the portal's form"
    return None


def _is_written_by_others(key: str) -> bool:
    """Whether session credentials or forms may have written it, which session_sweep.py removes, or a file is
    on its way to another key, which key_moves.py sees to."""
    written = sa.func.starts_with(key, SessionGrant.prefix)
    moving = ((KeyMove.target_key == key) | (KeyMove.source_key == key)) & (KeyMove.state != CLEARED)
    found = (
        model.Session.query(SessionGrant.id).filter(written).first()
        or model.Session.query(Adoption.upload_id).filter_by(source_key=key).first()
        or model.Session.query(KeyMove.id).filter(moving).first()
    )
    model.Session.rollback()
    return found is not None


def _why_not_said_ours(key: str, found: StoredObject) -> str | None:
    """None where the object, or else the ids in its key, say that it is this portal's."""
    ids = ids_of_own_key(key)
    assert ids is not None
    portal = found.metadata.get("portal", "")
    if portal not in ("", portal_host()):
        return f"it says that it is of {portal}"
    if portal and found.metadata.get("upload") == ids.upload_id:
        return None
    dataset = model.Session.get(model.Package, ids.dataset_id)
    group = model.Session.get(model.Group, ids.organisation_id)
    model.Session.rollback()
    if dataset is not None and (group is not None or ids.organisation_id == ids.dataset_id):
        return None
    return "neither it nor its key says that it is this portal's"


def _why_linked(key: str) -> str | None:
    """None unless a link has the id in its URL that only this object's key has: a migration that adopted the
    object was reverted, or somebody wrote the object's address there."""
    ids = ids_of_own_key(key)
    assert ids is not None
    linked = (
        model.Session.query(model.Resource.id)
        .filter(
            model.Resource.state == model.State.ACTIVE,
            sa.func.coalesce(model.Resource.url_type, "") != "upload",
            model.Resource.url.contains(ids.upload_id, autoescape=True),
        )
        .first()
    )
    model.Session.rollback()
    return None if linked is None else f"the URL of resource {linked.id} leads to it"


def _orphan_row(row: _Row) -> Orphan | None:
    """The finding, None where the version that was recorded is there after all."""
    try:
        look_at(portal_store(), row.key, row.version_id)
    except ObjectGone:
        pass
    else:
        return None
    current = model.Session.execute(sa.select(_ROWS.c.state, _ROWS.c.key).where(_ROWS.c.id == row.id)).first()
    model.Session.rollback()
    if current is None or tuple(current) != (row.state, row.key):
        return None
    safe = row.state == RowState.COMPLETED
    where = f"{row.filename}, resource {row.resource_id}"
    why = f"never saved: {where}" if safe else f"restore it from a backup: {where}"
    return Orphan(ROW, row.key, row.size_bytes, row.updated_at.isoformat(), safe, why, row.id)


def _rows_elsewhere() -> Iterator[Orphan]:
    """Rows with keys that the listing does not come to: adopted ones, and those from before the prefix was
    set."""
    if not _folder():
        return
    for row in _rows(~_under_prefix(_folder())):
        orphan = _orphan_row(row) if row.is_settled else None
        if orphan is not None:
            yield orphan


def _multipart_uploads() -> Iterator[Orphan]:
    measuring = Measuring()
    for listed in list_uploads(portal_store(), _folder()):
        if now() - listed.initiated_at < LEFT_ALONE_FOR or is_live(listed):
            continue
        ours = is_ours(listed)
        yield Orphan(
            MULTIPART,
            listed.key,
            measuring.size_bytes(listed),
            listed.initiated_at.isoformat(),
            safe=ours,
            why="no row knows it" if ours else "it may not be the portal's",
            upload_id=listed.s3_upload_id,
        )
