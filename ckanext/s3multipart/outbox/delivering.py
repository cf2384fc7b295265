"""Telling what happened, after the transaction in which it happened: plugins at once, and again later where
they fail. What no process was left to tell is told by the janitor."""

import logging
from collections.abc import Collection
from datetime import timedelta
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from ckanext.s3multipart.extending.errors import ExtensionFailed
from ckanext.s3multipart.extending.plugin_calls import tell
from ckanext.s3multipart.outbox.claims import Due, claim, delivered, failed
from ckanext.s3multipart.outbox.recording import PLUGIN, PLUGIN_METHODS, RECORDED
from ckanext.s3multipart.outbox.sending import queue_webhooks
from ckanext.s3multipart.session_events import listen_to_session
from ckanext.s3multipart.settings import webhook_settings

log = logging.getLogger(__name__)

_COMMITTED = "s3multipart_committed_events"
_PLUGINS_GIVEN_UP_AFTER = timedelta(days=3)


def deliver(event_ids: Collection[str]) -> None:
    """Tells these events, which are committed. Raises nothing: what happened stands."""
    try:
        if webhook_settings().webhooks:
            queue_webhooks()
        tell_plugins(event_ids)
    except SQLAlchemyError as error:
        log.warning("What happened to %s files is told by the janitor: %s", len(event_ids), error)


def tell_plugins(event_ids: Collection[str] = ()) -> int:
    """Tells plugins what is due, of these events or of all; returns how many were told."""
    told = 0
    while due := claim(of_target=PLUGIN, event_ids=event_ids):
        told += _tell(due)
    return told


def _tell(due: Due) -> bool:
    plugin = due.target.removeprefix(PLUGIN)
    try:
        tell(PLUGIN_METHODS[due.kind], plugin, due.file)
    except ExtensionFailed as error:
        failed(due, str(error.__cause__), give_up_after=_PLUGINS_GIVEN_UP_AFTER)
        return False
    delivered(due)
    return True


def listen_to_commits() -> None:
    """Has events told after each commit; may be called again."""
    listen_to_session(
        after_commit=_after_commit,
        after_rollback=_after_rollback,
        after_transaction_end=_after_transaction_end,
    )


def _after_commit(session: Any) -> None:
    if session.info.get(RECORDED) and not session.in_nested_transaction():
        session.info.setdefault(_COMMITTED, []).extend(session.info.pop(RECORDED))


def _after_transaction_end(session: Any, transaction: Any) -> None:
    """Only now may plugins use the session: their own transactions begin in it."""
    if transaction.parent is None and (event_ids := session.info.pop(_COMMITTED, None)):
        deliver(event_ids)


def _after_rollback(session: Any) -> None:
    session.info.pop(RECORDED, None)
