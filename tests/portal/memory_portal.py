"""A portal of one's own at its plainest: uploads are kept in a dictionary, owners and people are named by
words.

It also shows what a portal has to write: three small classes.
"""

import threading
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any

from s3portal.portal.protocol import (
    LEASED,
    UNFINISHED,
    Caller,
    CannotTakeOver,
    Lease,
    NotAnAdministrator,
    Portal,
    Row,
    Rows,
    RowState,
    Wanted,
    shown_state,
)
from s3portal.transfer import (
    DeclaredState,
    NewUpload,
    NotAllowed,
    Store,
    TransferError,
    Upload,
    UploadNotFound,
    begin_upload,
    new_upload_id,
    object_key,
    plan_upload,
)


class NotSignedIn(TransferError):
    code = "not_signed_in"
    http_status = 401
    template = "Log in first."


class Killed(BaseException):
    """The process is dead: nothing of it runs any more, no tidying up either."""


@dataclass
class Process:
    """One that serves a call."""

    name: str = field(default_factory=lambda: str(uuid.uuid4()))
    is_dead: bool = False

    def require_alive(self) -> None:
        if self.is_dead:
            raise Killed

    def die(self) -> None:
        self.is_dead = True
        raise Killed


@dataclass(frozen=True)
class Project:
    """What uploads belong to here."""

    owner_id: str
    owner_type: str = "project"


@dataclass
class Kept:
    """A row: what is kept of one upload."""

    upload: Upload
    state: DeclaredState
    state_before: DeclaredState
    idempotency_key: str | None
    holder: Process | None = None
    token: str = ""

    def as_row(self) -> Row:
        return Row(upload=replace(self.upload, state=shown_state(self.state)), state=self.state)


@dataclass
class Table:
    """What all processes share."""

    kept: dict[str, Kept] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)


@dataclass(frozen=True)
class MemoryRows(Rows[Row, Project]):
    """The table, as one process has it before it."""

    table: Table
    process: Process

    def let_go(self) -> None:
        self.process.require_alive()

    def find(self, upload_id: str) -> Row | None:
        kept = self._kept().get(upload_id)
        return kept.as_row() if kept else None

    def made_by_key(self, user: str, idempotency_key: str) -> Row | None:
        for kept in self._kept().values():
            if (kept.upload.user, kept.idempotency_key) == (user, idempotency_key):
                return kept.as_row()
        return None

    def insert(self, row: Row, wanted: Wanted[Project]) -> Lease[Row] | None:
        with self.table.lock:
            key = wanted.idempotency_key
            if key is not None and self.made_by_key(wanted.user, key) is not None:
                return None
            kept = self._kept()[row.upload.id] = Kept(row.upload, RowState.CREATING, RowState.CREATING, key)
            return self._leased(kept, RowState.CREATING, row)

    def is_leased(self, upload_id: str) -> bool:
        kept = self._kept().get(upload_id)
        return kept is not None and kept.holder is not None and not kept.holder.is_dead

    def take(
        self,
        upload_id: str,
        state: DeclaredState,
        *,
        before: Sequence[DeclaredState] = (),
        abandoned: Sequence[DeclaredState] = (),
        only_expired: bool = False,
    ) -> Lease[Row] | None:
        with self.table.lock:
            kept = self._kept().get(upload_id)
            if kept is None:
                return None
            is_live = kept.upload.expires_at > datetime.now(timezone.utc) and kept.state != RowState.ABORTING
            if only_expired and is_live:
                return None
            is_over = kept.state in abandoned and not self.is_leased(upload_id)
            if kept.state not in before and not is_over:
                return None
            state_before = kept.state_before if kept.state in LEASED else kept.state
            given_back = kept.state if kept.state == RowState.ABORTING else state_before
            as_before = replace(kept.upload, state=shown_state(state_before))
            kept.state, kept.state_before = state, state_before
            return self._leased(kept, given_back, Row(upload=as_before, state=state_before))

    def record(self, lease: Lease[Row], upload: Upload) -> bool:
        return self._end(lease, upload, upload.state)

    def give_back(self, lease: Lease[Row], *, store_failed: bool = False) -> bool:
        return self._end(lease, lease.upload, lease.before)

    def delete(self, lease: Lease[Row]) -> None:
        with self.table.lock:
            if self._kept()[lease.upload.id].token == lease.token:
                del self._kept()[lease.upload.id]

    def hand_over(self, upload_id: str, user: str, states: Sequence[DeclaredState]) -> bool:
        with self.table.lock:
            kept = self._kept().get(upload_id)
            moment = datetime.now(timezone.utc)
            if kept is None or kept.state not in states or kept.upload.expires_at <= moment:
                return False
            kept.upload, kept.idempotency_key = replace(kept.upload, user=user, updated_at=moment), None
            return True

    def rows(self) -> list[Row]:
        """All rows, the newest first."""
        return [kept.as_row() for kept in reversed(self._kept().values())]

    def _kept(self) -> dict[str, Kept]:
        self.process.require_alive()
        return self.table.kept

    def _leased(self, kept: Kept, given_back: DeclaredState, row: Row) -> Lease[Row]:
        kept.holder, kept.token = self.process, str(uuid.uuid4())
        return Lease(kept.token, kept.state, given_back, row)

    def _end(self, lease: Lease[Row], upload: Upload, state: DeclaredState) -> bool:
        with self.table.lock:
            kept = self._kept()[lease.upload.id]
            if kept.token != lease.token:
                return False
            kept.upload, kept.state, kept.holder, kept.token = upload, state, None, ""
            return True


@dataclass(frozen=True)
class MemoryPortal(Portal[Row, Project]):
    """One store, for everybody."""

    rows: MemoryRows
    at: Store

    def store(self, row: Row) -> Store:
        return self.at

    def plan(self, wanted: Wanted[Project]) -> Row:
        upload_id = new_upload_id()
        new = NewUpload(
            id=upload_id,
            key=object_key("", "memory", wanted.owner.owner_id, upload_id, wanted.filename),
            owner_type=wanted.owner.owner_type,
            owner_id=wanted.owner.owner_id,
            user=wanted.user,
            filename=wanted.filename,
            size_bytes=wanted.size_bytes,
            content_type=wanted.content_type,
            fingerprint=wanted.fingerprint,
            round_trip_ms=wanted.round_trip_ms,
        )
        return Row(upload=plan_upload(self.at, new), state=RowState.CREATING)

    def begin(self, row: Row) -> Upload:
        return begin_upload(self.at, row.upload, {"filename": row.upload.filename})


@dataclass(frozen=True)
class MemoryCaller(Caller[Row, Project]):
    """Somebody by name; ``administers`` and those of ``publishers``, by their names, are ids of projects."""

    portal: MemoryPortal
    name: str
    publishers: Mapping[str, frozenset[str]]
    administers: frozenset[str] = frozenset()

    @property
    def user(self) -> str:
        if not self.name:
            raise NotSignedIn
        return self.name

    def owner(self, asked: Mapping[str, Any]) -> Project:
        _ = self.user
        if asked.get("owner") not in self.publishers.get(self.name, ()):
            raise NotAllowed(reason="You may not upload to this project.")
        return Project(asked["owner"])

    def own(self, upload_id: str) -> Row:
        row = self.portal.rows.find(upload_id) if self.user else None
        if row is None or row.upload.user != self.name:
            raise UploadNotFound
        return row

    def open_to_send(self, upload_id: str) -> Row:
        row = self.own(upload_id)
        self.owner({"owner": row.upload.owner_id})
        return row

    def unfinished(self, asked: Mapping[str, Any]) -> list[Row]:
        user, owner = self.user, asked.get("owner")
        return [
            row
            for row in self._unfinished()
            if row.upload.user == user and owner in (None, row.upload.owner_id)
        ]

    def everybodys(self, asked: Mapping[str, Any]) -> list[Row]:
        if self.user and asked.get("owner") not in self.administers:
            raise NotAnAdministrator
        return [row for row in self._unfinished() if row.upload.owner_id == asked["owner"]]

    def recipient(self, row: Row, reference: str) -> str:
        if row.upload.owner_id not in self.publishers.get(reference, ()):
            raise CannotTakeOver(user=reference)
        return reference

    def _unfinished(self) -> list[Row]:
        moment = datetime.now(timezone.utc)
        rows = self.portal.rows.rows()
        return [row for row in rows if row.state in UNFINISHED and row.upload.expires_at > moment]

    def administered(self, upload_id: str) -> Row:
        row = self.portal.rows.find(upload_id) if self.user else None
        if row is None or row.upload.owner_id not in self.administers:
            raise UploadNotFound
        return row
