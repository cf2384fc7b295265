"""Listening to the database session that CKAN's actions share."""

from collections.abc import Callable
from typing import Any

from ckan import model
from sqlalchemy import event


def listen_to_session(**listeners: Callable[..., Any]) -> None:
    """Has each listener called at the event that it is given for, like ``after_commit``.

    May be called again: a listener hears of an event once. Source: SQLAlchemy, "ORM Events", SessionEvents.
    """
    for name, listener in listeners.items():
        if not event.contains(model.Session, name, listener):
            event.listen(model.Session, name, listener)
