"""An upload: one multipart upload from creation to attachment, as a row in a portal's table holds it."""

from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any

from s3portal.transfer.part_plan import PartPlan
from s3portal.transfer.states import TRANSITIONS, DeclaredState, State
from s3portal.transfer.stored_parts import StoredParts

#: States in which the whole file is at the store.
_WHOLE = (State.ADOPTING, State.COMPLETED, State.ATTACHED, State.REFUSED)


@dataclass(frozen=True)
class Checksum:
    """A checksum of the whole object, as S3 writes it: ``CRC64NVME`` and base64."""

    algorithm: str
    value: str


@dataclass(frozen=True, kw_only=True)
class Upload:
    """One upload. Frozen: what happens to it makes another, and the portal writes that into its row.

    ``id`` is the portal's own and no secret, ``s3_upload_id`` the store's; ``fingerprint`` is the client's,
    by which it knows its file again. ``checksum_algorithm`` is what the client compares parts by, and once
    completed that of ``checksum_value``, the store's of the whole file. ``state`` is a `State`, or what a
    portal declares besides. Times are aware and UTC.
    """

    id: str
    state: DeclaredState
    owner_type: str
    owner_id: str
    user: str
    filename: str
    size_bytes: int
    content_type: str
    part_size_bytes: int
    part_count: int
    key: str
    s3_upload_id: str
    created_at: datetime
    updated_at: datetime
    expires_at: datetime
    fingerprint: str = ""
    checksum_algorithm: str | None = None
    checksum_value: str | None = None
    etag: str | None = None
    version_id: str | None = None

    @property
    def plan(self) -> PartPlan:
        """How the file is cut into parts."""
        return PartPlan(self.size_bytes, self.part_size_bytes, self.part_count)

    def become(self, state: State, **changes: Any) -> "Upload":
        """The upload in its next state, as of now, with these other values. Raises ImpossibleTransition."""
        after = TRANSITIONS.step(self.state, state)
        return replace(self, state=after, updated_at=datetime.now(timezone.utc), **changes)

    def as_dict(self, stored: StoredParts | None = None) -> dict[str, object]:
        """The upload as the protocol shows it.

        ``stored`` comes from ListParts; without it, what is stored is said to be unknown (null) while
        uploading, and everything afterwards.
        """
        checksum = {"algorithm": self.checksum_algorithm, "value": self.checksum_value}
        return {
            "id": self.id,
            "state": str(self.state),
            "owner": {"type": self.owner_type, "id": self.owner_id},
            "filename": self.filename,
            "size": self.size_bytes,
            "content_type": self.content_type,
            "part_size": self.part_size_bytes,
            "part_count": self.part_count,
            **self._stored(stored),
            "checksum_algorithm": self.checksum_algorithm,
            "checksum": checksum if self.checksum_value else None,
            "fingerprint": self.fingerprint,
            "created_at": self.created_at.isoformat(),
            "updated_at": self.updated_at.isoformat(),
            "expires_at": self.expires_at.isoformat(),
        }

    def _stored(self, stored: StoredParts | None) -> dict[str, str | int | None]:
        if self.state in _WHOLE:
            everything = f"1-{self.part_count}" if self.part_count > 1 else "1"
            return {"stored": everything, "stored_bytes": self.size_bytes}
        if stored is None:
            return {"stored": None, "stored_bytes": None}
        return {**stored.as_dict(self.plan)}
