"""Deliveries, one at a time: claimed, so that no other process tells the same at the same time, and settled.

The events of one subject are told in order: a later one waits until an earlier one was delivered or given up.
Everything here has short transactions of its own, and none is open while somebody is told something.
"""

import json
import random
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from ckan import model

from ckanext.s3multipart.interfaces import UploadedFile
from ckanext.s3multipart.model import now
from ckanext.s3multipart.outbox.event_model import Delivery, DeliveryState, Event

#: Longer than anybody who is told may take; then the process is dead.
_LEASE = timedelta(minutes=5)
#: How long to wait after each attempt: soon at first, later twice a day.
_PAUSES = (
    timedelta(seconds=5),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
)
_JITTER = 0.2
_MOST_OF_AN_ERROR = 300

_DELIVERIES = Delivery.__table__
_EVENTS = Event.__table__


@dataclass(frozen=True)
class Due:
    """A delivery that this process is to make now."""

    delivery_id: int
    target: str
    event_id: str
    kind: str
    happened_at: datetime
    file: UploadedFile
    facts: dict[str, str]
    #: This one included.
    attempts: int


def claim(*, of_target: str, event_ids: Collection[str] = (), besides: Collection[str] = ()) -> Due | None:
    """The oldest delivery that is due of the targets whose names begin so; of these events, if they are
    named, and not to the targets ``besides``."""
    moment = now()
    earlier = _DELIVERIES.alias("earlier")
    comes_first = sa.exists().where(
        earlier.c.target == _DELIVERIES.c.target,
        earlier.c.subject == _DELIVERIES.c.subject,
        earlier.c.id < _DELIVERIES.c.id,
        earlier.c.state == str(DeliveryState.WAITING),
    )
    is_free = _DELIVERIES.c.lease_until.is_(None) | (_DELIVERIES.c.lease_until < moment)
    due = (
        sa.select(_DELIVERIES.c.id)
        .where(
            _DELIVERIES.c.state == str(DeliveryState.WAITING),
            _DELIVERIES.c.next_at <= moment,
            _DELIVERIES.c.target.startswith(of_target, autoescape=True),
            _DELIVERIES.c.target.notin_(list(besides)),
            is_free,
            ~comes_first,
        )
        .order_by(_DELIVERIES.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if event_ids:
        due = due.where(_DELIVERIES.c.event_id.in_(list(event_ids)))
    with model.Session.get_bind().begin() as connection:
        claimed = connection.execute(
            _DELIVERIES.update()
            .where(_DELIVERIES.c.id == due.scalar_subquery())
            .values(lease_until=moment + _LEASE, attempts=_DELIVERIES.c.attempts + 1, updated_at=moment)
            .returning(_DELIVERIES.c.id, _DELIVERIES.c.target, _DELIVERIES.c.event_id, _DELIVERIES.c.attempts)
        ).first()
        if claimed is None:
            return None
        event = connection.execute(sa.select(_EVENTS).where(_EVENTS.c.id == claimed.event_id)).one()
    body = json.loads(event.body)
    return Due(
        delivery_id=claimed.id,
        target=claimed.target,
        event_id=event.id,
        kind=event.kind,
        happened_at=event.happened_at,
        file=_file(body["file"]),
        facts=body["facts"],
        attempts=claimed.attempts,
    )


def next_due(of_target: str) -> datetime | None:
    """When the next delivery to such targets is due, None where none waits."""
    waiting = sa.select(sa.func.min(_DELIVERIES.c.next_at)).where(
        _DELIVERIES.c.state == str(DeliveryState.WAITING),
        _DELIVERIES.c.target.startswith(of_target, autoescape=True),
    )
    with model.Session.get_bind().connect() as connection:
        moment: datetime | None = connection.execute(waiting).scalar()
    return moment


def delivered(due: Due) -> None:
    """It was told."""
    _settle(due, state=str(DeliveryState.DELIVERED), last_error=None)


def failed(due: Due, error: str, *, give_up_after: timedelta) -> DeliveryState:
    """It was not: it is tried again after a pause, or given up when so long has passed since it happened.
    Returns its state."""
    moment = now()
    text = error.replace("\x00", "")[:_MOST_OF_AN_ERROR]
    if moment - due.happened_at >= give_up_after:
        _settle(due, state=str(DeliveryState.GIVEN_UP), last_error=text)
        return DeliveryState.GIVEN_UP
    _settle(due, state=str(DeliveryState.WAITING), last_error=text, next_at=moment + pause(due.attempts))
    return DeliveryState.WAITING


def pause(attempts: int) -> timedelta:
    """How long to wait after so many attempts, with jitter: what failed together does not return together."""
    longest = _PAUSES[min(attempts, len(_PAUSES)) - 1]
    return longest * (1 + random.uniform(-_JITTER, _JITTER))  # noqa: S311  # no secret


def _settle(due: Due, **values: Any) -> None:
    with model.Session.get_bind().begin() as connection:
        connection.execute(
            _DELIVERIES.update()
            # One that was given up, or delivered by another process after our lease, stays so.
            .where(
                _DELIVERIES.c.id == due.delivery_id,
                _DELIVERIES.c.state == str(DeliveryState.WAITING),
            )
            .values(lease_until=None, updated_at=now(), **values)
        )


def _file(values: dict[str, Any]) -> UploadedFile:
    """Written by this version or an earlier one: what it does not know is left out."""
    known = {name: values.get(name, "") for name in UploadedFile.__dataclass_fields__}
    return UploadedFile(**known)
