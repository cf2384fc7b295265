"""Leases in a PostgreSQL table, for portals that have SQLAlchemy (1.4 or 2).

The table has the columns ``id``, ``state``, ``updated_at``, ``idempotency_key``, ``lease_token`` (text),
``lease_until`` (timestamp with time zone), and whatever the portal's own functions map uploads to.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Generic

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from s3portal.portal.protocol.interface import Lease, OwnerT, Rows, RowT, Wanted
from s3portal.portal.protocol.lease_holders import is_dead, new_token
from s3portal.portal.protocol.leases import LEASE_S
from s3portal.portal.protocol.states import LEASED, TRANSITIONS, RowState
from s3portal.transfer import DeclaredState, Transitions, Upload

Values = dict[str, Any]


def new_lease() -> Values:
    """The columns of a row that gets a lease now."""
    return {"lease_token": new_token(), "lease_until": sa.func.now() + timedelta(seconds=LEASE_S)}


@dataclass(frozen=True, kw_only=True)
class SqlRows(Rows[RowT, OwnerT], Generic[RowT, OwnerT]):
    """The rows of ``table``. ``session`` gives the session of this thread or request.

    ``user_column`` holds the publisher's id. ``is_expired`` is a condition on the table. The functions map:
    ``row_of`` the columns of a row to what the calls use; ``columns_of`` an upload to columns;
    ``new_columns`` what else a new row has; ``left_by_the_dead`` the columns of a row with an abandoned lease
    to its state before that. ``states`` and ``transitions`` declare the states of the rows. ``take_room`` is
    called in the transaction that inserts a row, and raises QuotaExceeded.
    """

    table: Any
    session: Callable[[], Any]
    user_column: Any
    is_expired: Any
    row_of: Callable[[Values], RowT]
    columns_of: Callable[[Upload], Values]
    new_columns: Callable[[RowT], Values]
    left_by_the_dead: Callable[[Values], DeclaredState]
    states: type[DeclaredState] = RowState
    transitions: Transitions[Any] = TRANSITIONS
    user_value: Callable[[str], Any] = str
    take_room: Callable[[Wanted[OwnerT]], None] = lambda wanted: None
    #: Columns of a row that the store's failure gives back.
    after_failure: Callable[[], Values] = dict

    def let_go(self) -> None:
        self.session().commit()

    def find(self, upload_id: str) -> RowT | None:
        return self.one(self.table.c.id == upload_id)

    def made_by_key(self, user: str, idempotency_key: str) -> RowT | None:
        return self.one(
            self.user_column == self.user_value(user), self.table.c.idempotency_key == idempotency_key
        )

    def one(self, *conditions: Any) -> RowT | None:
        """The row that the conditions hold for."""
        return next(iter(self.all(*conditions)), None)

    def all(self, *conditions: Any, order: Any = None) -> list[RowT]:
        """The rows that the conditions hold for."""
        query = sa.select(*self.table.c).where(*conditions)
        found = self.session().execute(query if order is None else query.order_by(order))
        return [self.row_of(dict(row._mapping)) for row in found]

    def insert(self, row: RowT, wanted: Wanted[OwnerT]) -> Lease[RowT] | None:
        lease = new_lease()
        self.take_room(wanted)
        values = {
            **self.columns_of(row.upload),
            **self.new_columns(row),
            **lease,
            "id": row.upload.id,
            "state": RowState.CREATING,
            "idempotency_key": wanted.idempotency_key,
        }
        try:
            self.session().execute(self.table.insert().values(**values))
            self.session().commit()
        except IntegrityError:
            self.session().rollback()
            if wanted.idempotency_key is None:
                raise
            return None
        return Lease(lease["lease_token"], RowState.CREATING, RowState.CREATING, row)

    def is_leased(self, upload_id: str) -> bool:
        # By the database's clock.
        rows = self.table.c
        lease = sa.select(rows.lease_token).where(rows.id == upload_id, rows.lease_until >= sa.func.now())
        token = self.session().execute(lease).scalar()
        if token is None or not is_dead(token):
            return token is not None
        over = sa.func.now() - timedelta(seconds=1)
        self.session().execute(self.table.update().where(rows.lease_token == token).values(lease_until=over))
        self.session().commit()
        return False

    def take(
        self,
        upload_id: str,
        state: DeclaredState,
        *,
        before: Sequence[DeclaredState] = (),
        abandoned: Sequence[DeclaredState] = (),
        only_expired: bool = False,
    ) -> Lease[RowT] | None:
        for each in (*before, *abandoned):
            # A portal that takes nothing over has no row that is adopting.
            if each in list(self.states):
                self._require_way(each, state)
        rows = self.table.c
        was = sa.select(rows.id, rows.state).where(rows.id == upload_id).with_for_update().cte("was")
        lease_is_over = sa.func.coalesce(rows.lease_until < sa.func.now(), True)
        condition = rows.state.in_(before) | (rows.state.in_(abandoned) & lease_is_over)
        if only_expired:
            condition &= self.is_expired | (rows.state == RowState.ABORTING)
        lease = new_lease()
        taken = self.session().execute(
            self.table.update()
            .where(rows.id == was.c.id, condition)
            .values(state=state, **lease)
            .returning(*rows, was.c.state.label("state_before"))
        )
        row = taken.first()
        self.session().commit()
        if row is None:
            return None
        values = dict(row._mapping)
        was_in = self.states(values.pop("state_before"))
        state_before = self.left_by_the_dead(values) if was_in in LEASED else was_in
        # Once aborting has begun, it is finished, whatever the state was before.
        given_back = was_in if was_in == RowState.ABORTING else state_before
        as_before = self.row_of({**values, "state": state_before})
        return Lease(lease["lease_token"], state, given_back, as_before)

    def record(self, lease: Lease[RowT], upload: Upload) -> bool:
        columns = self.columns_of(upload)
        columns.pop("id", None)
        self._require_way(lease.state, upload.state)
        return self._end(lease, columns)

    def give_back(self, lease: Lease[RowT], *, store_failed: bool = False) -> bool:
        self.session().rollback()
        return self._end(lease, {"state": lease.before, **(self.after_failure() if store_failed else {})})

    def delete(self, lease: Lease[RowT]) -> None:
        self.session().rollback()
        self.session().execute(self.table.delete().where(*self._is_ours(lease)))
        self.session().commit()

    def hand_over(self, upload_id: str, user: str, states: Sequence[DeclaredState]) -> bool:
        rows = self.table.c
        handed = self.session().execute(
            self.table.update()
            # An expired upload may be removed at any moment, so it is not handed over.
            .where(rows.id == upload_id, rows.state.in_(states), ~self.is_expired)
            .values(
                {
                    self.user_column: self.user_value(user),
                    rows.idempotency_key: None,
                    rows.updated_at: datetime.now(timezone.utc),
                }
            )
        )
        self.session().commit()
        return bool(handed.rowcount)

    def _require_way(self, before: DeclaredState, after: DeclaredState) -> None:
        """Raises ImpossibleTransition for what the table of states does not have: a mistake in a program."""
        if before != after:
            self.transitions.step(before, after)

    def _end(self, lease: Lease[RowT], values: Mapping[str, Any]) -> bool:
        changed = self.session().execute(
            self.table.update()
            .where(*self._is_ours(lease))
            .values(**values, lease_token=None, lease_until=None)
        )
        if not changed.rowcount:
            self.session().rollback()
            return False
        self.session().commit()
        return True

    def _is_ours(self, lease: Lease[RowT]) -> tuple[Any, ...]:
        rows = self.table.c
        return rows.id == lease.upload.id, rows.lease_token == lease.token, rows.state == lease.state
