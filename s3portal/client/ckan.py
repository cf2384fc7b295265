"""Speaks the upload protocol (docs/http-api.md) to a CKAN portal, with an API token."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

import urllib3

from s3portal.client.connections import open_pool
from s3portal.client.errors import PortalError
from s3portal.client.portal_answers import read_answer, refusal_of
from s3portal.transfer import Failure, PartPlan, RetryPolicy, State, decide, parse_ranges, parse_retry_after

# Completing a huge upload takes minutes.
CALL_TIMEOUT_S = 180.0


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


class CkanPortal:
    """The calls of the protocol to the portal at ``url``, as the owner of ``token``.

    Every call is safe to repeat and is repeated while that may help (retry.py); ``waiting`` hears of it where
    that takes long. Raises PortalError.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        pool: urllib3.PoolManager | None = None,
        policy: RetryPolicy | None = None,
        sleep: Callable[[float], object] = time.sleep,
        waiting: Callable[[PortalError], object] | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self._headers = {"Authorization": token, "Content-Type": "application/json"}
        self._pool = pool or open_pool(url)
        self._policy = policy or RetryPolicy()
        self._sleep = sleep
        self._waiting = waiting

    def create_upload(
        self,
        *,
        dataset: str,
        filename: str,
        size_bytes: int,
        content_type: str,
        idempotency_key: str,
        fingerprint: str = "",
        resource: str = "",
    ) -> tuple[PortalUpload, list[SignedPart]]:
        """Creates an upload, to replace the file of ``resource`` if given; answers it with the first batch of
        signed parts."""
        answer, answered_at = self._call(
            "s3multipart_upload_create",
            owner=dataset,
            filename=filename,
            size=size_bytes,
            content_type=content_type,
            fingerprint=fingerprint,
            idempotency_key=idempotency_key,
            **({"resource": resource} if resource else {}),
        )
        return _upload(answer["upload"]), [_signed_part(part, answered_at) for part in answer["parts"]]

    def sign_parts(self, upload_id: str, part_numbers: list[int]) -> list[SignedPart]:
        """Signs parts, at most 1,000 a call."""
        parts, answered_at = self._call(
            "s3multipart_upload_sign_parts", id=upload_id, part_numbers=part_numbers
        )
        return [_signed_part(part, answered_at) for part in parts]

    def credentials(self, upload_id: str) -> UploadCredentials:
        """Session credentials for this upload alone."""
        answer = self.call("s3multipart_credentials", id=upload_id)
        times = {name: _time(answer[name]) for name in ("expiration", "now")}
        return UploadCredentials(
            **{each.name: answer[each.name] for each in fields(UploadCredentials)} | times
        )

    def unfinished_uploads(self, dataset: str) -> list[PortalUpload]:
        """The token's owner's uploads to this dataset that are no resource's file yet, the newest first.

        A file that was refused is none.
        """
        listed = self.call("s3multipart_upload_list", owner=dataset)
        return [_upload(upload) for upload in listed if upload["state"] != State.REFUSED]

    def show_upload(self, upload_id: str) -> PortalUpload:
        """The upload, with what the store holds of it now."""
        return _upload(self.call("s3multipart_upload_show", id=upload_id))

    def complete_upload(
        self, upload_id: str, checksum: dict[str, str] | None = None, sha256: str = ""
    ) -> PortalUpload:
        """Has the portal compare what the store has with the plan and with our checksum, and complete it.
        ``sha256`` is what resources say of their files; portals of earlier versions ignore it."""
        given: dict[str, Any] = {"checksum": checksum} if checksum else {}
        if sha256:
            given["sha256"] = sha256
        return _upload(self.call("s3multipart_upload_complete", id=upload_id, **given))

    def abort_upload(self, upload_id: str) -> None:
        """Gives the upload up; the store forgets its parts."""
        self.call("s3multipart_upload_abort", id=upload_id)

    def attach(
        self, upload: PortalUpload, *, dataset: str, replace: bool, described: dict[str, str]
    ) -> dict[str, Any]:
        """Makes the upload the file of a new resource, or of the one that it replaces; answers the
        resource."""
        given = {"s3multipart_upload_id": upload.id, **described}
        try:
            if replace:
                resource = self.call("resource_patch", id=upload.resource_id, **given)
            else:
                resource = self.call("resource_create", package_id=dataset, **given)
        except PortalError as error:
            # Done before, and the answer was lost on its way.
            if error.code != "already_attached":
                raise
            resource = self.call("resource_show", id=upload.resource_id)
        return dict(resource)

    def describe(self, resource_id: str, wanted: dict[str, str]) -> list[str]:
        """Brings these fields of a resource up to date; answers the names of those that were different."""
        resource = self.call("resource_show", id=resource_id)
        changed = {name: value for name, value in wanted.items() if resource.get(name) != value}
        if changed:
            self.call("resource_patch", id=resource_id, **changed)
        return list(changed)

    def resources(self, dataset: str) -> list[dict[str, Any]]:
        """The resources that the dataset has."""
        return list(self.call("package_show", id=dataset).get("resources", []))

    def published_files(self, dataset: str) -> list[dict[str, Any]]:
        """The files that the dataset's resources have, as the portal has recorded them. Raises PortalError
        with the code ``no_s3multipart`` where the portal is too old to know."""
        return list(self.call("s3multipart_file_list", owner=dataset))

    def has_file(self, dataset: str, resource_id: str) -> bool:
        """Whether the link of a resource leads to a file: not where the portal says that the store has lost
        it. Everything else that may go wrong says nothing of the file."""
        link = f"{self.url}/dataset/{quote(dataset)}/resource/{quote(resource_id)}/download"
        try:
            answer = self._pool.request(
                "HEAD",
                link,
                headers={"Authorization": self._headers["Authorization"]},
                retries=False,
                redirect=False,
                timeout=CALL_TIMEOUT_S,
            )
        except urllib3.exceptions.HTTPError:
            return True
        return answer.status != 404

    def call(self, action: str, **parameters: object) -> Any:
        """Calls any CKAN action. Raises PortalError with what the portal says where it refuses."""
        return self._call(action, **parameters)[0]

    def _call(self, action: str, **parameters: object) -> tuple[Any, datetime | None]:
        """The result, and what time it was at the portal."""
        tries = 0
        while True:
            tries += 1
            try:
                return self._try_to_call(action, parameters)
            except _NoResult as no_result:
                decision = decide(
                    no_result.failure, tries=tries, signings=0, policy=self._policy, random=random.random
                )
                if decision.action != "retry":
                    raise no_result.error from no_result
                if tries == 2 and self._waiting:
                    self._waiting(no_result.error)
                self._sleep(decision.delay_s)

    def _try_to_call(self, action: str, parameters: dict[str, object]) -> tuple[Any, datetime | None]:
        try:
            response = self._pool.request(
                "POST",
                f"{self.url}/api/3/action/{action}",
                body=json.dumps(parameters).encode(),
                headers=self._headers,
                retries=False,
                # Followed, a POST would become a GET, and the token would go to another host.
                redirect=False,
                timeout=CALL_TIMEOUT_S,
            )
        except urllib3.exceptions.HTTPError as error:
            message = f"{self.url} does not answer ({action}): {error}"
            raise _NoResult(Failure(0, "", str(error)), PortalError("unreachable", message)) from error
        if location := response.get_redirect_location():
            message = (
                f"{self.url} has moved: give its new address with --portal. {action} is now at {location}"
            )
            raise PortalError("moved", message, status=response.status)
        answer = read_answer(response)
        if response.status < 300 and answer.get("success"):
            return answer["result"], _date(response.headers.get("Date"))
        refusal = refusal_of(self.url, action, response, answer)
        retry_after_s = parse_retry_after(response.headers.get("Retry-After"))
        raise _NoResult(Failure(response.status, refusal.code, str(refusal), retry_after_s), refusal)


class _NoResult(Exception):
    def __init__(self, failure: Failure, error: PortalError) -> None:
        super().__init__(str(failure))
        self.failure = failure
        self.error = error


def _upload(shown: dict[str, Any]) -> PortalUpload:
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


def _signed_part(answer: dict[str, Any], answered_at: datetime | None) -> SignedPart:
    good_for_s = (_time(answer["expires_at"]) - (answered_at or datetime.now(timezone.utc))).total_seconds()
    return SignedPart(
        answer["part_number"], answer["url"], dict(answer["headers"]), time.monotonic() + good_for_s
    )


def _time(iso_8601: str) -> datetime:
    # Python 3.10 does not read its Z.
    return datetime.fromisoformat(iso_8601.replace("Z", "+00:00"))


def _date(header: str | None) -> datetime | None:
    try:
        return parsedate_to_datetime(header) if header else None
    except ValueError:
        return None
