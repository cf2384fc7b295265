"""Who signs the parts of an upload: the portal, in batches ahead of need, or this machine, with session
credentials for just this upload."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from s3portal.client.ckan import CkanPortal
from s3portal.client.errors import PortalError
from s3portal.client.portal_uploads import PortalUpload, SignedPart, UploadCredentials
from s3portal.transfer import SigningKeys, UrlSigner, bucket_address

# URLs live minutes, so not all of them at once; and more than 1 GiB has in parts of 5 MiB, so that a file of
# this size is signed with the first batch and one more call.
SIGNED_AHEAD = 256

#: New credentials are fetched this long before the current ones expire, which are used until then.
REFRESH_BEFORE_S = 5 * 60
#: Credentials this close to their end are no longer used: the part has to arrive, too.
MARGIN_S = 60
#: STS makes none that live shorter (AssumeRole, DurationSeconds): who says so has a clock that is wrong.
SHORTEST_LIFE_S = 15 * 60
#: A URL is used at once, and again for some tries.
URL_EXPIRES_S = 900


class Signer(Protocol):
    """Says where a part goes. Called from several threads."""

    def sign(self, part_number: int) -> SignedPart: ...

    def sign_again(self, expired: SignedPart) -> SignedPart:
        """After the store called this signature too old."""
        ...


class PresignedUrls:
    """Asks the portal. ``upcoming`` says which parts, at most this many, are next."""

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

    def sign_again(self, expired: SignedPart) -> SignedPart:
        """A new URL for the part. Raises PortalError."""
        with self._lock:
            # The others are as old, or made with the same keys.
            self._signed.clear()
        return self.sign(expired.part_number)

    def _fetch(self, part_number: int) -> None:
        wanted = dict.fromkeys([part_number, *self._upcoming(SIGNED_AHEAD - 1)])
        parts = self._portal.sign_parts(self._upload_id, list(wanted))
        self._signed = {part.part_number: part for part in parts}


class SessionSigner:
    """Signs here, as the portal would: part number and length pinned. One call an hour to the portal, and by
    its clock, whatever that of this machine says."""

    def __init__(
        self, portal: CkanPortal, upload: PortalUpload, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._portal = portal
        self._upload = upload
        self._clock = clock
        self._held: _Held | None = None
        self._refreshing = threading.Lock()

    def sign(self, part_number: int) -> SignedPart:
        """The part's URL. Raises PortalError where the portal gives no credentials."""
        held = self._current()
        credentials = held.credentials
        age_s = self._clock() - held.fetched_at
        signer = UrlSigner(
            address=bucket_address(credentials.url, credentials.key),
            region=credentials.region,
            credentials=SigningKeys(
                credentials.access_key_id, credentials.secret_access_key, credentials.session_token
            ),
            signed_at=credentials.now + timedelta(seconds=age_s),
            expires_s=URL_EXPIRES_S,
        )
        ((_, url),) = signer.part_urls(
            credentials.key, credentials.s3_upload_id, self._upload.plan, [part_number]
        )
        return SignedPart(part_number, url, {}, time.monotonic() + min(URL_EXPIRES_S, held.life_s - age_s))

    def sign_again(self, expired: SignedPart) -> SignedPart:
        """A URL signed with new credentials. Raises PortalError."""
        held = self._held
        # Signed with older credentials than these, it says nothing about them.
        if held and held.credentials.access_key_id in expired.url:
            self._held = None
        return self.sign(expired.part_number)

    def _current(self) -> _Held:
        """Credentials that are good for a while, fetched by one thread at a time."""
        while True:
            held = self._held
            left_s = held.fetched_at + held.life_s - self._clock() if held else 0.0
            if held and left_s > REFRESH_BEFORE_S:
                return held
            usable = held if left_s > MARGIN_S else None
            if not self._refreshing.acquire(blocking=usable is None):
                assert usable is not None
                return usable
            try:
                # Unless another thread did while this one waited.
                if self._held is held:
                    self._held = self._fetch()
            except PortalError:
                if usable is None:
                    raise
                return usable
            finally:
                self._refreshing.release()

    def _fetch(self) -> _Held:
        fetched_at = self._clock()
        try:
            return _Held(self._portal.credentials(self._upload.id), fetched_at)
        except PortalError as error:
            if error.status != 501:
                raise
            sentence = (
                f"{self._portal.url} does not issue session credentials: its administrator would have to set "
                f"{error.facts.get('setting', 's3_role')}. The same command works without --credentials."
            )
            raise PortalError(error.code, sentence, status=501, facts=error.facts) from error


@dataclass(frozen=True)
class _Held:
    """Credentials, and when they were requested, by this machine's monotonic clock."""

    credentials: UploadCredentials
    fetched_at: float

    @property
    def life_s(self) -> float:
        return max(SHORTEST_LIFE_S, (self.credentials.expiration - self.credentials.now).total_seconds())
