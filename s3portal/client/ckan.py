"""Speaks the upload protocol to a CKAN portal, with an API token."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import urllib3

CALL_TIMEOUT_S = 120.0
_ATTEMPTS = 5
_BACKOFF_FACTOR_S = 0.5


class PortalError(Exception):
    """The portal refused a call or did not answer; `code` is stable, the message is for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class SignedPart:
    """Where one part goes, and the headers that the signature covers."""

    part_number: int
    url: str
    headers: dict[str, str]
    expires_at: datetime

    @property
    def has_expired(self) -> bool:
        """Whether the store would refuse it by now."""
        return datetime.now(timezone.utc) >= self.expires_at


@dataclass(frozen=True)
class PlannedUpload:
    """What the sender has to know of an upload. Sizes are bytes."""

    id: str
    size_bytes: int
    part_size_bytes: int
    part_count: int


class CkanPortal:
    """The calls of the protocol (see docs/http-api.md) to the portal at `url`, as the owner of `token`.

    Every call is safe to repeat and is repeated where the connection fails or the portal is busy.
    """

    def __init__(self, url: str, token: str, *, pool: urllib3.PoolManager | None = None) -> None:
        self._actions = f"{url.rstrip('/')}/api/3/action/"
        self._headers = {"Authorization": token, "Content-Type": "application/json"}
        self._pool = pool or urllib3.PoolManager()
        self._retries = urllib3.Retry(
            total=_ATTEMPTS,
            backoff_factor=_BACKOFF_FACTOR_S,
            backoff_jitter=_BACKOFF_FACTOR_S,
            status_forcelist=(429, 502, 503, 504),
            allowed_methods=None,
            raise_on_status=False,
        )

    def create_upload(
        self, *, dataset: str, filename: str, size_bytes: int, content_type: str, idempotency_key: str
    ) -> tuple[PlannedUpload, list[SignedPart]]:
        """Creates an upload; answers it with the first batch of signed parts."""
        answer = self.call(
            "s3multipart_upload_create",
            owner=dataset,
            filename=filename,
            size=size_bytes,
            content_type=content_type,
            idempotency_key=idempotency_key,
        )
        upload = answer["upload"]
        planned = PlannedUpload(upload["id"], upload["size"], upload["part_size"], upload["part_count"])
        return planned, [_signed_part(part) for part in answer["parts"]]

    def sign_parts(self, upload_id: str, part_numbers: list[int]) -> list[SignedPart]:
        """Signs parts, at most 1,000 a call."""
        answer = self.call("s3multipart_upload_sign_parts", id=upload_id, part_numbers=part_numbers)
        return [_signed_part(part) for part in answer]

    def complete_upload(self, upload_id: str) -> None:
        """Has the portal compare what the store has with the plan, and complete the upload."""
        self.call("s3multipart_upload_complete", id=upload_id)

    def abort_upload(self, upload_id: str) -> None:
        """Gives the upload up; the store forgets its parts."""
        self.call("s3multipart_upload_abort", id=upload_id)

    def attach(self, upload_id: str, *, dataset: str, name: str) -> str:
        """Makes the upload the file of a new resource; answers the persistent link."""
        resource = self.call(
            "resource_create", package_id=dataset, name=name, s3multipart_upload_id=upload_id
        )
        return str(resource["url"])

    def call(self, action: str, **parameters: object) -> Any:
        """Calls any CKAN action. Raises PortalError with what the portal says where it refuses."""
        try:
            response = self._pool.request(
                "POST",
                self._actions + action,
                body=json.dumps(parameters).encode(),
                headers=self._headers,
                retries=self._retries,
                timeout=CALL_TIMEOUT_S,
            )
        except urllib3.exceptions.HTTPError as error:
            raise PortalError("unreachable", f"The portal does not answer ({action}): {error}") from error
        try:
            answer = json.loads(response.data)
            if answer["success"]:
                return answer["result"]
            refusal = answer["error"]
        except (ValueError, KeyError, TypeError):
            raise PortalError("no_answer", f"{action} answered {response.status} and no result") from None
        raise PortalError(
            str(refusal.get("code", "refused")), str(refusal.get("message", json.dumps(refusal)))
        )


def _signed_part(answer: dict[str, Any]) -> SignedPart:
    # Python 3.10 does not read the Z of ISO 8601.
    expires_at = datetime.fromisoformat(answer["expires_at"].replace("Z", "+00:00"))
    return SignedPart(answer["part_number"], answer["url"], dict(answer["headers"]), expires_at)
