"""What a portal implements so that it speaks the upload protocol: `Rows`, `Portal` and `Caller`.

`Rows` keeps the uploads. `Portal` knows stores, keys and limits, and has no caller: a janitor uses it as
well. `Caller` is someone who calls now, with the permissions that they have. What a portal does not have (a
quota, session credentials, administrators) it leaves out: those methods are no abstract ones.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from s3portal.portal.protocol.errors import CannotTakeOver, NoSessionCredentials, NotAnAdministrator
from s3portal.transfer import (
    DeclaredState,
    SessionCredentials,
    Store,
    StoredParts,
    Upload,
    UploadNotFound,
)


class Owner(Protocol):
    """What an upload belongs to, as far as the protocol knows it."""

    @property
    def owner_type(self) -> str:
        """The kind of thing, such as ``dataset``."""

    @property
    def owner_id(self) -> str:
        """Its id in the portal."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """An upload as the portal keeps it. A portal that keeps more of it has a subclass.

    ``upload`` has the state that callers see, ``state`` is the row's own (states.py).
    """

    upload: Upload
    state: DeclaredState


OwnerT = TypeVar("OwnerT", bound=Owner)
RowT = TypeVar("RowT", bound=Row)


@dataclass(frozen=True, kw_only=True)
class Wanted(Generic[OwnerT]):
    """What a caller asks ``create`` for. ``user`` is the publisher's id; ``owner`` is one that they may
    upload to."""

    user: str
    owner: OwnerT
    filename: str
    size_bytes: int
    content_type: str = ""
    fingerprint: str = ""
    round_trip_ms: float | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True)
class Lease(Generic[RowT]):
    """The right to change one upload. ``row`` is as it was before; its state is ``state`` while the lease
    lasts, and ``before`` again if it is given back."""

    token: str
    state: DeclaredState
    before: DeclaredState
    row: RowT

    @property
    def upload(self) -> Upload:
        """The upload as it was before."""
        return self.row.upload


class Rows(ABC, Generic[RowT, OwnerT]):
    """The portal's table of uploads. Every method is one transaction, which is over when it returns.

    A lease is a committed change of a row: its state becomes one of `LEASED`, it gets a token, and until a
    time no one else gets one. What came of it is written only if the row still has the token. A process that
    died leaves its lease behind, and after its time, or where `is_leased` knows the process to be dead, the
    next call takes the row over. `SqlRows` does all of this in a PostgreSQL table.
    """

    @abstractmethod
    def let_go(self) -> None:
        """Ends the transaction that reading began: no connection is held while the store is asked."""

    @abstractmethod
    def find(self, upload_id: str) -> RowT | None:
        """The upload, no matter who made it."""

    @abstractmethod
    def made_by_key(self, user: str, idempotency_key: str) -> RowT | None:
        """The upload that this user made with the idempotency key."""

    @abstractmethod
    def insert(self, row: RowT, wanted: Wanted[OwnerT]) -> Lease[RowT] | None:
        """Writes a new row, in the state ``creating``, and takes the room for it in the same transaction.

        None where the user has a row with this idempotency key by now. Raises QuotaExceeded.
        """

    @abstractmethod
    def is_leased(self, upload_id: str) -> bool:
        """Whether a lease of the upload lasts. One whose process is known to be dead is ended here."""

    @abstractmethod
    def take(
        self,
        upload_id: str,
        state: DeclaredState,
        *,
        before: Sequence[DeclaredState] = (),
        abandoned: Sequence[DeclaredState] = (),
        only_expired: bool = False,
    ) -> Lease[RowT] | None:
        """Compares and sets, at once: a lease of the upload, whose row then has this ``state``.

        None unless the row is in a state ``before``, or in one of ``abandoned`` with a lease that is over;
        with ``only_expired``, also unless the upload's time is over or someone began to give it up. Raises
        ImpossibleTransition.
        """

    @abstractmethod
    def record(self, lease: Lease[RowT], upload: Upload) -> bool:
        """Writes what came of it and ends the lease; False, with nothing written, where it was lost."""

    @abstractmethod
    def give_back(self, lease: Lease[RowT], *, store_failed: bool = False) -> bool:
        """Ends the lease, with the upload as it was before; False where the lease was lost.

        ``store_failed`` says why: a portal with a quota keeps the room of an upload that is not at fault.
        """

    @abstractmethod
    def delete(self, lease: Lease[RowT]) -> None:
        """Nothing came of it, and no row is left."""

    @abstractmethod
    def hand_over(self, upload_id: str, user: str, states: Sequence[DeclaredState]) -> bool:
        """Compares and sets, at once: the upload is that user's, and its idempotency key is free again; False
        unless its row is in one of these states and its time is not over."""


class Portal(ABC, Generic[RowT, OwnerT]):
    """Where uploads go, under which key, and what may be uploaded. ``rows`` keeps them."""

    rows: Rows[RowT, OwnerT]

    @abstractmethod
    def store(self, row: RowT) -> Store:
        """Where the upload is, or goes to. Raises StoreFailed where that is known no more."""

    @abstractmethod
    def plan(self, wanted: Wanted[OwnerT]) -> RowT:
        """A row that is not written yet, in the state ``creating``, with its key (`plan_upload`).

        No request to the store. Raises InvalidRequest, FileTooLarge.
        """

    @abstractmethod
    def begin(self, row: RowT) -> Upload:
        """Begins the planned upload at the store (`begin_upload`). Raises StoreUnavailable, StoreFailed."""

    def check(self, wanted: Wanted[OwnerT]) -> None:
        """Raises FileTooLarge, TypeNotAllowed and whatever else the portal refuses before it looks for
        room."""

    def describe(self, row: RowT) -> Mapping[str, object]:
        """What the portal shows of an upload besides the protocol's own fields."""
        return {}

    # Room: of portals with a quota.

    def look_for_room(self, wanted: Wanted[OwnerT]) -> None:
        """Called before a row is written: may ask the store what stands still. `Rows.insert` decides."""

    def keep_room(self, row: RowT) -> None:
        """Called before more of an upload is sent. Raises QuotaExceeded."""

    def take_room_again(self, row: RowT) -> None:
        """Called before an upload that may have lost its room is completed. Raises QuotaExceeded."""

    def record_progress(self, row: RowT, stored: StoredParts) -> None:
        """Notes what the store has of the upload."""

    # Taking over: of portals that let others than themselves create objects.

    def as_recorded(self, row: RowT, completed: Upload) -> Upload:
        """What is recorded of an upload that the store has completed, in the transaction of `Rows.record`."""
        return completed

    def taken_over(self, row: RowT) -> RowT:
        """The row, completed, once nobody but the portal can write its file and the portal has checked it.
        Raises BeingTakenOver or another error of status 503 before, SourceChanged, and why the file is not
        accepted."""
        return row

    def was_found(self, row: RowT) -> bool:
        """Whether the upload's file was written without the portal, so that it has no S3 upload id."""
        return False


class Caller(ABC, Generic[RowT, OwnerT]):
    """The person or program that calls the portal; they are checked again with every call."""

    portal: Portal[RowT, OwnerT]

    @property
    @abstractmethod
    def user(self) -> str:
        """Their id, as uploads have it. Raises an error of status 401 where they are not signed in."""

    @abstractmethod
    def owner(self, asked: Mapping[str, Any]) -> OwnerT:
        """What the call is about, if the caller may upload to it now. Raises 403 and 404 with the rule."""

    @abstractmethod
    def own(self, upload_id: str) -> RowT:
        """Their own upload, to look at it and to give it up. Raises UploadNotFound for any other."""

    @abstractmethod
    def open_to_send(self, upload_id: str) -> RowT:
        """As `own`, and they may still upload to its owner. Raises UploadNotFound, and as `owner`."""

    @abstractmethod
    def unfinished(self, asked: Mapping[str, Any]) -> list[RowT]:
        """Their uploads that are not attached, given up or expired, the newest first; of one owner where the
        call names one."""

    def fields_of(self, call: str, fields: tuple[str, ...]) -> tuple[str, ...]:
        """What the call of this name takes here: these fields of the protocol, unless the portal knows more,
        or knows the owner from the address."""
        return fields

    def administered(self, upload_id: str) -> RowT:
        """An upload of anyone, to an owner that the caller administers. Raises UploadNotFound."""
        raise UploadNotFound

    def everybodys(self, asked: Mapping[str, Any]) -> list[RowT]:
        """Like `unfinished`, but everyone's, for an owner that the caller administers. Raises an error of
        status 403."""
        raise NotAnAdministrator

    def recipient(self, row: RowT, reference: str) -> str:
        """The id of the user that is called so, who may upload to the upload's owner. Raises an error of
        status 409 where there is none."""
        raise CannotTakeOver(user=reference)

    def upload_credentials(self, row: RowT) -> SessionCredentials:
        """Session credentials that send the parts of this upload. Raises CredentialsNotConfigured."""
        raise NoSessionCredentials

    def owner_credentials(self, owner: OwnerT) -> SessionCredentials:
        """Session credentials for a prefix of their own. Raises CredentialsNotConfigured."""
        raise NoSessionCredentials
