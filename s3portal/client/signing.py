"""The presigned URLs of an upload's parts: fetched in batches ahead of need, one fetch at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Protocol

from s3portal.client.ckan import CkanPortal, SignedPart

# URLs live minutes, so not all of them at once.
SIGNED_AHEAD = 100


class Signer(Protocol):
    """Says where a part goes. Called from several threads."""

    def sign(self, part_number: int) -> SignedPart: ...

    def sign_again(self, part_number: int) -> SignedPart:
        """After the store called a signature too old."""
        ...


class PresignedUrls:
    """Asks the portal. ``upcoming`` says which parts, at most so many, are next."""

    def __init__(
        self,
        portal: CkanPortal,
        upload_id: str,
        first_batch: Iterable[SignedPart],
        upcoming: Callable[[int], list[int]],
    ) -> None:
        self._portal = portal
        self._upload_id = upload_id
        self._upcoming = upcoming
        self._signed = {part.part_number: part for part in first_batch}
        self._lock = threading.Lock()

    def sign(self, part_number: int) -> SignedPart:
        """The part's URL. Raises PortalError."""
        with self._lock:
            part = self._signed.pop(part_number, None)
            if part is None or part.has_expired:
                self._fetch(part_number)
                part = self._signed.pop(part_number)
            return part

    def sign_again(self, part_number: int) -> SignedPart:
        """A new URL for the part. Raises PortalError."""
        with self._lock:
            # The others are as old, or made with the same keys.
            self._signed.clear()
        return self.sign(part_number)

    def _fetch(self, part_number: int) -> None:
        wanted = dict.fromkeys([part_number, *self._upcoming(SIGNED_AHEAD - 1)])
        parts = self._portal.sign_parts(self._upload_id, list(wanted))
        self._signed = {part.part_number: part for part in parts}
