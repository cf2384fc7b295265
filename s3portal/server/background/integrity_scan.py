"""The integrity scan: reads everything that is stored, slowly, and compares it with its checksums.

A disk may change a bit without a word. What the scan finds is logged with the object's name and noted in the
database, where ``s3portal server fsck`` shows it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from s3portal.server.kms.administrator import AdministratorsKeys
from s3portal.server.storage import damage, job_states
from s3portal.server.storage.damage import Damage
from s3portal.server.storage.storage import Storage, now_ms
from s3portal.server.upkeep.bodies import Body, bodies_from
from s3portal.server.upkeep.verifying import check_body

READ_BYTES_PER_S = 8 * 1024 * 1024
ROUND_S = 7 * 24 * 3600
# How many bodies are read between two notes of the position.
BODIES_BETWEEN_NOTES = 200
# What looking at a body costs beside its bytes, counted as bytes.
_BODY_COST_BYTES = 16 * 1024
# Nobody is told less often than this whether a new round is due.
_LOOK_AGAIN_S = 3600.0

log = logging.getLogger(__name__)


class _Stopped(Exception):
    """The server stops while a body is read."""


class IntegrityScan:
    """Reads ``bytes_per_s`` on average, and everything once every ``round_s`` seconds; what is encrypted with
    ``keys``, as far as they open it."""

    name = "integrity-scan"

    def __init__(
        self,
        storage: Storage,
        keys: AdministratorsKeys | None = None,
        *,
        bytes_per_s: int = READ_BYTES_PER_S,
        round_s: float = ROUND_S,
        now_ms: Callable[[], int] = now_ms,
    ) -> None:
        self._storage, self._keys = storage, keys
        self._bytes_per_s = bytes_per_s
        self._round_s = round_s
        self._now_ms = now_ms

    def run(self, stopping: threading.Event) -> float:
        """Continues a round, or begins one that is due; returns when the next one is."""
        state = job_states.read(self._storage, self.name)
        if state.get("position") is None:
            due_in_s: float = state.get("began_at", 0) / 1000 + self._round_s - self._now_ms() / 1000
            if state and due_in_s > 0:
                return min(due_in_s, _LOOK_AGAIN_S)
            state = {"began_at": self._now_ms(), "position": []}
            damage.forget_removed(self._storage)
        if not self._continue(state, stopping):
            return 0.0
        self._note(state, None)
        return min(self._round_s, _LOOK_AGAIN_S)

    def _continue(self, state: dict[str, Any], stopping: threading.Event) -> bool:
        """Reads on from where the round is; returns whether it came to its end."""
        damaged = damage.body_ids(self._storage)

        def pace(count: int) -> None:
            if stopping.wait(count / self._bytes_per_s):
                raise _Stopped

        after = _position_of_json(state["position"])
        for number, (body, position) in enumerate(bodies_from(self._storage, after), 1):
            try:
                self._check(body, damaged, pace)
            except _Stopped:
                # The next run reads this body from its start.
                return False
            if number % BODIES_BETWEEN_NOTES == 0:
                self._note(state, _position_to_json(position))
        return True

    def _check(self, body: Body, damaged: set[str], pace: Callable[[int], None]) -> None:
        pace(_BODY_COST_BYTES)
        found = check_body(self._storage, body, deep=True, pace=pace, keys=self._keys)
        for finding in found:
            log.error("integrity scan: %s. %s", finding.message, finding.fix)
        if found or body.body_id in damaged:
            noted = [
                Damage(body.body_id, f.kind, body.bucket_id, body.key, body.version_id, f.message)
                for f in found
            ]
            damage.replace(self._storage, body.body_id, noted)

    def _note(self, state: dict[str, Any], position: list[Any] | None) -> None:
        job_states.write(self._storage, self.name, {**state, "position": position})


def _position_to_json(position: tuple[str, tuple[Any, ...]]) -> list[Any]:
    kind, columns = position
    return [kind, [column.decode() if isinstance(column, bytes) else column for column in columns]]


def _position_of_json(position: list[Any]) -> tuple[str, tuple[Any, ...]] | None:
    if not position:
        return None
    # The second column is the key, in all tables.
    kind, (bucket_id, key, *others) = position
    return kind, (bucket_id, key.encode(), *others)
