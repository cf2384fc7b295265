"""Leases: one process asks the store about an upload, and no row stays locked while it waits.

Taking a lease is a committed change of the row's state, such as from ``uploading`` to ``completing``, by one
statement that compares first; so of two callers one gets it. What the store did is written by another
statement, which compares the lease. A process that dies leaves its lease behind; the next caller takes it,
at once where the process is known to be dead (lease_holders.py), or else when the lease is over.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from ckan import model

from ckanext.s3multipart.lease_holders import is_dead, new_token
from ckanext.s3multipart.model import UploadRow, upload_of
from ckanext.s3multipart.upload_states import LEASED, TRANSITIONS, RowState
from s3portal.transfer.errors import StoreBusy, StoreError
from s3portal.transfer.store_gate import COMPLETE
from s3portal.transfer.upload import Upload

#: Longer than any call may ask the store, with what a busy machine adds.
LEASE_S = COMPLETE.within_s + 45
#: How long a call waits for another one that has the lease, before it is told to come again.
_PATIENCE_S = 2.0
_LOOK_AGAIN_S = 0.1
_RETRY_AFTER_S = 2

_ROWS = UploadRow.__table__


@dataclass(frozen=True)
class Lease:
    """The right to change one upload. ``upload`` is as it was before, ``before`` the row's own state then;
    ``state`` is the one that the row has while the lease lasts."""

    token: str
    state: RowState
    before: RowState
    upload: Upload

    def record(self, state: str, **values: Any) -> bool:
        """Writes what came of it and ends the lease; False where somebody else has it by now."""
        after = RowState(state)
        if after != self.state:
            TRANSITIONS.step(self.state, after)
        changed = model.Session.execute(
            _ROWS.update()
            .where(_ROWS.c.id == self.upload.id, _ROWS.c.lease_token == self.token)
            .values(state=after, **values, lease_token=None, lease_until=None)
        )
        model.Session.commit()
        return bool(changed.rowcount)

    def record_upload(self, upload: Upload, **values: Any) -> bool:
        """As `record`, with everything that is known of the upload."""
        known = {each.name: getattr(upload, each.name) for each in fields(Upload) if each.name != "id"}
        return self.record(**known, **values)

    def give_back(self, **values: Any) -> bool:
        """The upload is as it was before, but for these values."""
        return self.record(self.before, **values)

    def delete(self) -> None:
        """Nothing came of it, and nothing is to be left."""
        model.Session.execute(
            _ROWS.delete().where(_ROWS.c.id == self.upload.id, _ROWS.c.lease_token == self.token)
        )
        model.Session.commit()


def new_lease() -> dict[str, Any]:
    """The columns of a row that is made with a lease."""
    return {"lease_token": new_token(), "lease_until": _lease_end()}


def take_lease(
    upload_id: str,
    state: RowState,
    *,
    before: tuple[RowState, ...] = (),
    abandoned: tuple[RowState, ...] = (),
    only_if: Any = None,
    **values: Any,
) -> Lease | None:
    """A lease of the upload, whose row then has this ``state``.

    None unless the row is in a state ``before``, or in one of ``abandoned`` by somebody whose lease is over;
    ``only_if`` is another condition. Commits.
    """
    for each in (*before, *abandoned):
        if each != state:
            TRANSITIONS.step(each, state)
    was = sa.select(_ROWS.c.id, _ROWS.c.state).where(_ROWS.c.id == upload_id).with_for_update().cte("was")
    lease_is_over = sa.func.coalesce(_ROWS.c.lease_until < sa.func.now(), True)
    is_over = _ROWS.c.state.in_(abandoned) & lease_is_over
    condition = _ROWS.c.state.in_(before) | is_over
    token = new_token()
    row = model.Session.execute(
        _ROWS.update()
        .where(_ROWS.c.id == was.c.id, condition if only_if is None else condition & only_if)
        .values(state=state, lease_token=token, lease_until=_lease_end(), **values)
        .returning(*_ROWS.c, was.c.state.label("state_before"))
    ).first()
    model.Session.commit()
    if row is None:
        return None
    state_before = _left_by_the_dead(row) if row.state_before in LEASED else RowState(row.state_before)
    # What somebody began to give up is given up, whatever it was.
    given_back = RowState.ABORTING if row.state_before == RowState.ABORTING else state_before
    return Lease(token, state, given_back, upload_of(_With(row, state_before)))


def settled(upload_id: str, find: Callable[[], UploadRow | None]) -> UploadRow | None:
    """The upload's row as soon as nobody asks the store about it, or their lease is over.

    Holds no database connection while it waits. Raises StoreBusy where that takes long.
    """
    give_up_at = time.monotonic() + _PATIENCE_S
    while True:
        row = find()
        if row is None or row.state not in LEASED or not is_leased(upload_id):
            return row
        model.Session.rollback()
        if time.monotonic() >= give_up_at:
            raise StoreBusy(operation=f"wait for {upload_id}", retry_after_s=_RETRY_AFTER_S)
        time.sleep(_LOOK_AGAIN_S)


def is_leased(upload_id: str) -> bool:
    """Whether a lease of the upload is not over, by the database's clock. That of a process that is dead is
    ended here."""
    lease = sa.select(_ROWS.c.lease_token).where(
        _ROWS.c.id == upload_id, _ROWS.c.lease_until >= sa.func.now()
    )
    token = model.Session.execute(lease).scalar()
    if token is None or not is_dead(token):
        return token is not None
    model.Session.execute(
        _ROWS.update()
        .where(_ROWS.c.lease_token == token)
        .values(lease_until=sa.func.now() - timedelta(seconds=1))
    )
    model.Session.commit()
    return False


@contextmanager
def given_back_on_error(lease: Lease, **if_store_fails: Any) -> Iterator[None]:
    """What the store refuses or does not answer leaves the upload as it was; where the store was asked and
    failed, with these values."""
    try:
        yield
    except BaseException as error:
        model.Session.rollback()
        failed = isinstance(error, StoreError) and not isinstance(error, StoreBusy)
        lease.give_back(**(if_store_fails if failed else {}))
        raise


def _lease_end() -> Any:
    return sa.func.now() + timedelta(seconds=LEASE_S)


def _left_by_the_dead(row: Any) -> RowState:
    """The state before that of a lease whose process died."""
    if not row.s3_upload_id and row.reserved_until is not None:
        return RowState.CREATING
    if not row.s3_upload_id and not row.etag:
        # It was found at the store (discovery.py), and nobody creates it.
        return RowState.ADOPTING
    return RowState.COMPLETED if row.etag else RowState.UPLOADING


class _With:
    """A row of the table with another state."""

    def __init__(self, row: Any, state: str) -> None:
        self._row = row
        self.state = state

    def __getattr__(self, name: str) -> Any:
        return getattr(self._row, name)
