"""The console's uploads in its database. Every method is one transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from s3portal.console.database import ConsoleDatabase
from s3portal.portal.protocol import (
    LEASE_S,
    LEASED,
    UNFINISHED,
    Lease,
    Row,
    Rows,
    RowState,
    Wanted,
    shown_state,
)
from s3portal.portal.protocol.lease_holders import is_dead, new_token
from s3portal.transfer import DeclaredState, Upload

_TIMES = ("created_at", "updated_at", "expires_at")
#: So long a row stays that is over, for a page that still knows it.
_KEPT_S = 30 * 24 * 3600


@dataclass(frozen=True)
class Folder:
    """What an upload belongs to: a bucket, and the folder that the file goes into ('' for none)."""

    bucket: str
    prefix: str
    owner_type: str = "folder"

    @property
    def owner_id(self) -> str:
        return f"{self.bucket}/{self.prefix}"

    @classmethod
    def of(cls, owner_id: str) -> Folder:
        bucket, _, prefix = owner_id.partition("/")
        return cls(bucket, prefix)


@dataclass(frozen=True)
class ConsoleRows(Rows[Row, Folder]):
    """``now`` gives seconds since 1970."""

    database: ConsoleDatabase
    now: Callable[[], float]

    def let_go(self) -> None:
        """Nothing is held: each method had a connection of its own."""

    def find(self, upload_id: str) -> Row | None:
        return self._one("id = ?", upload_id)

    def made_by_key(self, user: str, idempotency_key: str) -> Row | None:
        return self._one("user = ? AND idempotency_key = ?", user, idempotency_key)

    def unfinished(self, user: str, owner_id: str) -> list[Row]:
        """The uploads of a user to a folder that are not given up or finished, the newest first."""
        found = self._all(
            f"user = ? AND owner = ? AND state IN ({', '.join('?' * len(UNFINISHED))}) AND expires_at > ?",
            *(user, owner_id),
            *(state.value for state in UNFINISHED),
            self.now(),
        )
        return sorted(found, key=lambda row: row.upload.created_at, reverse=True)

    def insert(self, row: Row, wanted: Wanted[Folder]) -> Lease[Row] | None:
        token = new_token()
        upload = row.upload
        with self.database.transaction() as connection:
            # What was over long ago is forgotten: the store's lifecycle rule removes the parts.
            connection.execute("DELETE FROM uploads WHERE expires_at <= ?", (self.now() - _KEPT_S,))
            try:
                connection.execute(
                    "INSERT INTO uploads VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        upload.id,
                        upload.user,
                        upload.owner_id,
                        RowState.CREATING.value,
                        RowState.CREATING.value,
                        wanted.idempotency_key,
                        token,
                        self.now() + LEASE_S,
                        upload.expires_at.timestamp(),
                        _text_of(upload),
                    ),
                )
            except sqlite3.IntegrityError:
                if wanted.idempotency_key is None:
                    raise
                return None
        return Lease(token, RowState.CREATING, RowState.CREATING, row)

    def is_leased(self, upload_id: str) -> bool:
        with self.database.transaction() as connection:
            found = connection.execute(
                "SELECT lease_token, lease_until FROM uploads WHERE id = ?", (upload_id,)
            ).fetchone()
        return found is not None and self._lasts(*found)

    def take(
        self,
        upload_id: str,
        state: DeclaredState,
        *,
        before: Sequence[DeclaredState] = (),
        abandoned: Sequence[DeclaredState] = (),
        only_expired: bool = False,
    ) -> Lease[Row] | None:
        token = new_token()
        with self.database.transaction() as connection:
            found = connection.execute(
                "SELECT state, state_before, lease_token, lease_until, expires_at, upload FROM uploads "
                "WHERE id = ?",
                (upload_id,),
            ).fetchone()
            if found is None:
                return None
            kept, kept_before = RowState(found[0]), RowState(found[1])
            if only_expired and found[4] > self.now() and kept != RowState.ABORTING:
                return None
            is_over = kept in abandoned and not self._lasts(found[2], found[3])
            if kept not in before and not is_over:
                return None
            state_before = kept_before if kept in LEASED else kept
            given_back = kept if kept == RowState.ABORTING else state_before
            connection.execute(
                "UPDATE uploads SET state = ?, state_before = ?, lease_token = ?, lease_until = ? "
                "WHERE id = ?",
                (state.value, state_before.value, token, self.now() + LEASE_S, upload_id),
            )
        upload = replace(_upload_of(found[5]), state=shown_state(state_before))
        return Lease(token, state, given_back, Row(upload=upload, state=state_before))

    def record(self, lease: Lease[Row], upload: Upload) -> bool:
        return self._end(lease, upload, upload.state)

    def give_back(self, lease: Lease[Row], *, store_failed: bool = False) -> bool:
        return self._end(lease, lease.upload, lease.before)

    def delete(self, lease: Lease[Row]) -> None:
        with self.database.transaction() as connection:
            connection.execute(
                "DELETE FROM uploads WHERE id = ? AND lease_token = ?", (lease.upload.id, lease.token)
            )

    def hand_over(self, upload_id: str, user: str, states: Sequence[DeclaredState]) -> bool:
        """Nobody administers another's uploads here: a bucket's page shows all that are unfinished."""
        return False

    def finish(self, upload_id: str) -> None:
        """The object is the user's own from now on, and giving the upload up does not remove it."""
        with self.database.transaction() as connection:
            connection.execute(
                "UPDATE uploads SET state = ?, state_before = ? WHERE id = ? AND state = ?",
                (RowState.ATTACHED.value, RowState.ATTACHED.value, upload_id, RowState.COMPLETED.value),
            )

    def _lasts(self, token: str, until: float) -> bool:
        return bool(token) and until >= self.now() and not is_dead(token)

    def _one(self, condition: str, *values: Any) -> Row | None:
        return next(iter(self._all(condition, *values)), None)

    def _all(self, condition: str, *values: Any) -> list[Row]:
        with self.database.transaction() as connection:
            found = connection.execute(
                f"SELECT state, upload FROM uploads WHERE {condition}",  # noqa: S608  (the conditions above)
                values,
            ).fetchall()
        return [_row(RowState(state), text) for state, text in found]

    def _end(self, lease: Lease[Row], upload: Upload, state: DeclaredState) -> bool:
        with self.database.transaction() as connection:
            changed = connection.execute(
                "UPDATE uploads SET state = ?, state_before = ?, lease_token = '', lease_until = 0, "
                "upload = ?, expires_at = ? WHERE id = ? AND lease_token = ?",
                (
                    state.value,
                    state.value,
                    _text_of(upload),
                    upload.expires_at.timestamp(),
                    upload.id,
                    lease.token,
                ),
            ).rowcount
        return changed > 0


def _row(state: RowState, text: str) -> Row:
    return Row(upload=replace(_upload_of(text), state=shown_state(state)), state=state)


def _text_of(upload: Upload) -> str:
    values = asdict(upload)
    values["state"] = upload.state.value
    return json.dumps(values | {name: values[name].isoformat() for name in _TIMES})


def _upload_of(text: str) -> Upload:
    values = json.loads(text)
    values["state"] = RowState(values["state"])
    return Upload(**values | {name: datetime.fromisoformat(values[name]) for name in _TIMES})
