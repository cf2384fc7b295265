"""Notifications: what the journal says is told to the webhooks that the buckets' rules name, at least once.

First the events become deliveries in the database, in the transaction that notes how far the journal was
read; then they are sent, again and again until a target takes them. A receiver may get one twice, after a
crash.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial

from s3portal.server.background.events import event_document
from s3portal.server.background.interruptible import Interrupted, answer_of
from s3portal.server.background.targets import NotDelivered, Target, deliver
from s3portal.server.bucket_settings import notification
from s3portal.server.storage import buckets, deliveries, job_states, journal
from s3portal.server.storage.deliveries import Delivery
from s3portal.server.storage.records import Bucket, Change
from s3portal.server.storage.storage import Storage, now_ms

EVERY_S = 1.0
LINES_AT_ONCE = 500
DELIVERIES_AT_ONCE = 50
FIRST_PAUSE_MS = 1000
LONGEST_PAUSE_MS = 3600 * 1000
#: How long a target may refuse before a notification is given up.
PATIENCE_MS = 3 * 24 * 3600 * 1000
# Without anything to deliver, the position is noted this often.
_LINES_BETWEEN_NOTES = 1000

log = logging.getLogger(__name__)


class NotificationJob:
    """Reads the journal every second and sends what the rules of buckets ask for.

    What was changed before a folder was first opened by a server with this job is told to nobody.
    """

    name = "notifications"

    def __init__(
        self,
        storage: Storage,
        targets: Collection[Target],
        region: str | None = None,
        send: Callable[[Target, str, bytes], None] = deliver,
    ) -> None:
        self._storage = storage
        self._targets: Mapping[str, Target] = {target.name: target for target in targets}
        self._region = region
        self._send = send
        self._began_at = journal.last_sequence(storage)
        self._noted: int | None = None
        self._position = 0

    def run(self, stopping: threading.Event) -> float:
        self._collect(stopping)
        while not stopping.is_set() and self._deliver(stopping):
            pass
        return EVERY_S

    def _collect(self, stopping: threading.Event) -> None:
        """Makes deliveries of what the journal has."""
        if self._noted is None:
            state = job_states.read(self._storage, self.name)
            self._noted = self._position = state.get("sequence", self._began_at)
            if not state:
                self._note(())
        while not stopping.is_set():
            changes = journal.changes_after(self._storage, self._position, LINES_AT_ONCE)
            if not changes:
                return
            new = [*self._deliveries(changes)]
            self._position = changes[-1].sequence
            if new or self._position - self._noted >= _LINES_BETWEEN_NOTES:
                self._note(new)

    def _note(self, new: Sequence[Delivery]) -> None:
        state = {"sequence": self._position}

        def change(connection: sqlite3.Connection) -> None:
            deliveries.insert(connection, new)
            job_states.note(connection, self.name, state)

        self._storage.database.write(change)
        self._noted = self._position

    def _deliveries(self, changes: Sequence[Change]) -> Iterator[Delivery]:
        found: dict[int, Bucket] = {
            bucket.bucket_id: bucket
            for bucket in buckets.find_all(self._storage)
            if notification.KIND in bucket.settings
        }
        now = now_ms()
        for change in changes:
            bucket = found.get(change.bucket_id)
            if bucket is None or change.key is None:
                continue
            for rule in notification.read(bucket.settings[notification.KIND]):
                if rule.matches(change.event, change.key):
                    body = event_document(change, bucket, rule.rule_id, self._region)
                    yield Delivery(rule.target, body, now)

    def _deliver(self, stopping: threading.Event) -> bool:
        """Sends what is due; returns whether more is."""
        due = deliveries.due(self._storage, now_ms(), DELIVERIES_AT_ONCE)
        done: list[int] = []
        postponed: list[tuple[int, int]] = []
        failing: set[str] = set()
        for delivery in due:
            if stopping.is_set():
                break
            # A target that just failed would only be waited for again; its others keep their order.
            try:
                problem = (
                    "it just failed" if delivery.target in failing else self._problem(delivery, stopping)
                )
            except Interrupted:
                break
            if problem is None:
                done.append(delivery.delivery_id)
            elif now_ms() - delivery.created_at > PATIENCE_MS:
                log.error("a notification for %s is given up: %s", delivery.target, problem)
                done.append(delivery.delivery_id)
            else:
                failing.add(delivery.target)
                postponed.append((now_ms() + pause_ms(delivery.attempts), delivery.delivery_id))
        if done or postponed:
            deliveries.settle(self._storage, done, postponed)
        return len(due) == DELIVERIES_AT_ONCE

    def _problem(self, delivery: Delivery, stopping: threading.Event) -> str | None:
        """Sends a delivery; returns why it was not taken, or None. Raises Interrupted."""
        target = self._targets.get(delivery.target)
        if target is None:
            return "it is not among the notification_targets of the configuration"
        try:
            answer_of(
                partial(self._send, target, f"{delivery.delivery_id}", delivery.body.encode()), stopping
            )
        except NotDelivered as refused:
            log.warning("notification target %s: %s; it is tried again", target.name, refused)
            return str(refused)
        return None


def pause_ms(attempts: int) -> int:
    """Returns how long a target is left alone after its ``attempts + 1``-th failure."""
    return min(FIRST_PAUSE_MS << min(attempts, 20), LONGEST_PAUSE_MS)
