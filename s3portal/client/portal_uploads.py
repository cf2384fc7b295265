"""Uploads, parts and credentials, as a portal shows them."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any

from s3portal.transfer import PartPlan, State, parse_ranges


@dataclass(frozen=True)
class SignedPart:
    """Where one part goes, and the headers that the signature covers. ``good_until`` is a time of
    ``time.monotonic``, so that a wrong clock on this machine does no harm."""

    part_number: int
    url: str = field(repr=False)
    headers: dict[str, str]
    good_until: float

    @property
    def has_expired(self) -> bool:
        """Whether the store would refuse it by now."""
        return time.monotonic() >= self.good_until


@dataclass(frozen=True)
class UploadCredentials:
    """Keys that upload to ``key`` and do nothing else: the object at ``url``, by the store's own
    ``s3_upload_id``. Times are the portal's."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)
    expiration: datetime
    now: datetime
    region: str
    key: str
    url: str
    s3_upload_id: str


@dataclass(frozen=True)
class PortalUpload:
    """An upload as the portal shows it. ``stored`` is None where the portal did not ask the store."""

    id: str
    state: str
    filename: str
    size_bytes: int
    part_size_bytes: int
    part_count: int
    fingerprint: str
    checksum_algorithm: str | None
    checksum: dict[str, str] | None
    stored: tuple[int, ...] | None
    #: The resource that has, or will have, this file.
    resource_id: str

    @property
    def plan(self) -> PartPlan:
        """How the file is cut into parts."""
        return PartPlan(self.size_bytes, self.part_size_bytes, self.part_count)


def read_upload(shown: dict[str, Any]) -> PortalUpload:
    """An upload of the portal's answer."""
    return PortalUpload(
        id=shown["id"],
        state=shown["state"],
        filename=shown["filename"],
        size_bytes=shown["size"],
        part_size_bytes=shown["part_size"],
        part_count=shown["part_count"],
        fingerprint=shown.get("fingerprint") or "",
        checksum_algorithm=shown.get("checksum_algorithm"),
        checksum=shown.get("checksum"),
        stored=None if shown.get("stored") is None else tuple(parse_ranges(shown["stored"])),
        resource_id=shown.get("resource") or "",
    )


def read_unfinished(listed: Iterable[dict[str, Any]]) -> list[PortalUpload]:
    """The uploads of the portal's list that can still become a file: one that was refused cannot."""
    return [read_upload(upload) for upload in listed if upload["state"] != State.REFUSED]


def read_signed_part(answer: dict[str, Any], answered_at: datetime | None) -> SignedPart:
    """The part; ``answered_at`` is what time it was at the portal."""
    good_for = read_time(answer["expires_at"]) - (answered_at or datetime.now(timezone.utc))
    good_until = time.monotonic() + good_for.total_seconds()
    return SignedPart(answer["part_number"], answer["url"], dict(answer["headers"]), good_until)


def read_time(iso_8601: str) -> datetime:
    """A time of an answer."""
    # Python 3.10 does not read its Z.
    return datetime.fromisoformat(iso_8601.replace("Z", "+00:00"))


def read_date(header: str | None) -> datetime | None:
    """The time of a Date header."""
    try:
        return parsedate_to_datetime(header) if header else None
    except ValueError:
        return None
