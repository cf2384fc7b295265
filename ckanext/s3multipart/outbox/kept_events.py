"""What is kept of events: for the list of an administrator, to be sent again, and for how long."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from ckan import model

from ckanext.s3multipart.model import now
from ckanext.s3multipart.outbox.event_model import Delivery, DeliveryState, Event
from ckanext.s3multipart.outbox.recording import WEBHOOK

_DELIVERIES = Delivery.__table__
_EVENTS = Event.__table__
_KEPT_FOR = timedelta(days=30)
_IS_WEBHOOK = _DELIVERIES.c.target.startswith(WEBHOOK, autoescape=True)


@dataclass(frozen=True)
class KeptDelivery:
    """A delivery as an administrator sees it; ``url`` is without its query."""

    id: int
    state: str
    kind: str
    url: str
    resource_id: str
    happened_at: datetime
    attempts: int
    next_at: datetime
    last_error: str


def kept_deliveries(states: Collection[str], most: int) -> list[KeptDelivery]:
    """Deliveries to webhooks in these states, the newest first."""
    wanted = (
        sa.select(_DELIVERIES, _EVENTS.c.kind, _EVENTS.c.happened_at)
        .join(_EVENTS, _EVENTS.c.id == _DELIVERIES.c.event_id)
        .where(_IS_WEBHOOK, _DELIVERIES.c.state.in_([str(state) for state in states]))
        .order_by(_DELIVERIES.c.id.desc())
        .limit(most)
    )
    return [_kept(row) for row in model.Session.execute(wanted)]


def count_deliveries() -> dict[str, int]:
    """How many deliveries to webhooks there are in each state."""
    counted = sa.select(_DELIVERIES.c.state, sa.func.count()).where(_IS_WEBHOOK).group_by(_DELIVERIES.c.state)
    found = {str(state): 0 for state in DeliveryState}
    return found | {row[0]: int(row[1]) for row in model.Session.execute(counted)}


def send_again(ids: Collection[int] = ()) -> int:
    """Has deliveries to webhooks that wait or were given up be sent now, all of them or these; returns how
    many. Commits."""
    again = _DELIVERIES.update().where(
        _IS_WEBHOOK, _DELIVERIES.c.state.in_((str(DeliveryState.WAITING), str(DeliveryState.GIVEN_UP)))
    )
    if ids:
        again = again.where(_DELIVERIES.c.id.in_(list(ids)))
    done = model.Session.execute(again.values(state=str(DeliveryState.WAITING), next_at=now()))
    model.Session.commit()
    return int(done.rowcount)


def forget_old_events() -> int:
    """Deletes events that happened long ago and wait for nobody; returns how many. Commits."""
    waits = sa.exists().where(
        _DELIVERIES.c.event_id == _EVENTS.c.id, _DELIVERIES.c.state == str(DeliveryState.WAITING)
    )
    gone = model.Session.execute(_EVENTS.delete().where(_EVENTS.c.happened_at < now() - _KEPT_FOR, ~waits))
    model.Session.commit()
    return int(gone.rowcount)


def _kept(row: Any) -> KeptDelivery:
    return KeptDelivery(
        id=row.id,
        state=row.state,
        kind=row.kind,
        url=row.target.removeprefix(WEBHOOK).partition("#")[0],
        resource_id=row.subject,
        happened_at=row.happened_at,
        attempts=row.attempts,
        next_at=row.next_at,
        last_error=row.last_error or "",
    )
