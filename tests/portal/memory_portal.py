"""A portal of one's own at its plainest: uploads are kept in a dictionary, owners and people are named by
words.

It is also the portal that shows how little one has to write: three small classes.
"""

import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any

from contract_portal import Answer, PortalInTest, once_at

from s3portal.portal.protocol import (
    CALLS,
    LEASED,
    UNFINISHED,
    Caller,
    Lease,
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
    State,
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
    """Somebody by name; ``may_upload`` and ``administers`` are ids of projects."""

    portal: MemoryPortal
    name: str
    may_upload: frozenset[str] = frozenset()
    administers: frozenset[str] = frozenset()

    @property
    def user(self) -> str:
        if not self.name:
            raise NotSignedIn
        return self.name

    def owner(self, asked: Mapping[str, Any]) -> Project:
        _ = self.user
        if asked.get("owner") not in self.may_upload:
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
        moment, user = datetime.now(timezone.utc), self.user
        return [
            row
            for row in self.portal.rows.rows()
            if row.state in UNFINISHED
            and row.upload.user == user
            and row.upload.owner_id == asked.get("owner", row.upload.owner_id)
            and row.upload.expires_at > moment
        ]

    def administered(self, upload_id: str) -> Row:
        row = self.portal.rows.find(upload_id) if self.user else None
        if row is None or row.upload.owner_id not in self.administers:
            raise UploadNotFound
        return row


class MemoryPortalInTest(PortalInTest):
    """The portal before a store, with its people; each call is made by a process of its own."""

    def __init__(self, open_store: Callable[[int], Store]) -> None:
        self._open_store, self._table = open_store, Table()
        self.store = open_store(100 * 1024 * 1024)
        self.owner, self.other_owner = f"rivers-{uuid.uuid4()}", f"lakes-{uuid.uuid4()}"
        self.prefixes = (f"memory/{self.owner}/", f"memory/{self.other_owner}/")
        both, owner = frozenset({self.owner, self.other_owner}), frozenset({self.owner})
        self.publisher = self._person("publisher", both)
        self.colleague = self._person("colleague", both)
        self.stranger = self._person("stranger")
        self.administrator = self._person("administrator", administers=owner)
        self.anonymous = self._person("")
        self._process = Process()

    def limit_size(self, size_bytes: int) -> None:
        self.store = self._open_store(size_bytes)

    def without_role(self) -> None:
        """There is none."""

    def attach(self, upload_id: str) -> None:
        kept = self._table.kept[upload_id]
        assert kept.state == State.COMPLETED
        kept.upload, kept.state = kept.upload.become(State.ATTACHED), RowState.ATTACHED

    def expire(self, upload_id: str) -> None:
        kept = self._table.kept[upload_id]
        kept.upload = replace(kept.upload, expires_at=datetime.now(timezone.utc))

    def killed(self, moment: str, operation: str, call: Callable[[], object]) -> None:
        process = self._process
        try:
            with once_at(self.store, moment, operation, process.die):
                call()
        except Killed:
            self._process = Process()
        else:
            raise AssertionError(f"no {operation} was sent")

    def _person(self, name: str, may_upload: frozenset[str] = frozenset(), **more: Any) -> Any:
        def call(call_name: str, **asked: Any) -> Answer:
            portal = MemoryPortal(MemoryRows(self._table, self._process), self.store)
            caller = MemoryCaller(portal, name, may_upload, **more)
            try:
                return Answer(200, CALLS[call_name](caller, asked))
            except TransferError as refusal:
                return Answer(refusal.http_status, refusal.as_dict())

        return call
