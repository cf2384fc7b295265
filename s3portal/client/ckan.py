"""Speaks the upload protocol (docs/http-api.md) to a CKAN portal, with an API token."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from dataclasses import fields
from datetime import datetime
from typing import Any
from urllib.parse import quote

import urllib3

from s3portal.client.connections import open_pool
from s3portal.client.errors import PortalError
from s3portal.client.portal_answers import read_answer, refusal_of
from s3portal.client.portal_uploads import (
    PortalUpload,
    SignedPart,
    UploadCredentials,
    read_date,
    read_signed_part,
    read_time,
    read_unfinished,
    read_upload,
)
from s3portal.client.waits import RESUME, UNTRUSTED, Wait, may_pass, unreached, wait_before_next_try
from s3portal.transfer import Failure, RetryPolicy, decide, parse_retry_after

# Completing a huge upload takes minutes.
CALL_TIMEOUT_S = 180.0
# A host that is there connects at once.
CONNECT_TIMEOUT_S = 20.0
# A wait that is as long as this is spoken of the first time.
_SAID_FROM_S = 2.0
# The portal's code for a file that has arrived and that it has not accepted yet.
_BEING_CHECKED = "being_checked"


class CkanPortal:
    """The calls of the protocol to the portal at ``url``, as the owner of ``token``.

    Every call is safe to repeat and is repeated while that may help (retry.py); ``waiting`` hears of it
    before each try but the second, and before that one where it takes long. Raises PortalError.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        pool: urllib3.PoolManager | None = None,
        policy: RetryPolicy | None = None,
        sleep: Callable[[float], object] = time.sleep,
        waiting: Callable[[PortalError, Wait], object] | None = None,
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
        return read_upload(answer["upload"]), [
            read_signed_part(part, answered_at) for part in answer["parts"]
        ]

    def sign_parts(self, upload_id: str, part_numbers: list[int]) -> list[SignedPart]:
        """Signs parts, at most 1,000 a call."""
        parts, answered_at = self._call(
            "s3multipart_upload_sign_parts", id=upload_id, part_numbers=part_numbers
        )
        return [read_signed_part(part, answered_at) for part in parts]

    def credentials(self, upload_id: str) -> UploadCredentials:
        """Session credentials for this upload alone."""
        answer = self.call("s3multipart_credentials", id=upload_id)
        times = {name: read_time(answer[name]) for name in ("expiration", "now")}
        return UploadCredentials(
            **{each.name: answer[each.name] for each in fields(UploadCredentials)} | times
        )

    def unfinished_uploads(self, dataset: str) -> list[PortalUpload]:
        """The token's owner's uploads to this dataset that are no resource's file yet, the newest first.

        A file that was refused is none.
        """
        return read_unfinished(self.call("s3multipart_upload_list", owner=dataset))

    def show_upload(self, upload_id: str) -> PortalUpload:
        """The upload, with what the store holds of it now."""
        return read_upload(self.call("s3multipart_upload_show", id=upload_id))

    def complete_upload(
        self, upload_id: str, checksum: dict[str, str] | None = None, sha256: str = ""
    ) -> PortalUpload:
        """Has the portal compare what the store has with the plan and with our checksum, and complete it.
        ``sha256`` is what resources say of their files; portals of earlier versions ignore it."""
        given: dict[str, Any] = {"checksum": checksum} if checksum else {}
        if sha256:
            given["sha256"] = sha256
        while True:
            try:
                return read_upload(self.call("s3multipart_upload_complete", id=upload_id, **given))
            except PortalError as error:
                # Nothing is wrong, however long the portal takes to check the file.
                if error.code != _BEING_CHECKED:
                    raise

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
                timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=CALL_TIMEOUT_S),
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
                began_at = time.monotonic()
                return self._try_to_call(action, parameters)
            except _NoResult as no_result:
                took_s = time.monotonic() - began_at
                decision = decide(
                    no_result.failure, tries=tries, signings=0, policy=self._policy, random=random.random
                )
                if decision.action != "retry":
                    raise _given_up(no_result) from no_result
                is_long = took_s + decision.delay_s >= _SAID_FROM_S
                if self._waiting and (tries > 1 or is_long):
                    wait = wait_before_next_try(
                        self._policy, no_result.failure, tries=tries, delay_s=decision.delay_s, took_s=took_s
                    )
                    self._waiting(no_result.error, wait)
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
                timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=CALL_TIMEOUT_S),
            )
        except urllib3.exceptions.HTTPError as error:
            met = unreached(self.url, error)
            refused = PortalError("unreachable", f"{met}.")
            if met.code == UNTRUSTED:
                raise refused from error
            raise _NoResult(Failure(0, "", str(met)), refused) from error
        if location := response.get_redirect_location():
            message = (
                f"{self.url} has moved: give its new address with --portal. {action} is now at {location}"
            )
            raise PortalError("moved", message, status=response.status)
        answer = read_answer(response)
        if response.status < 300 and answer.get("success"):
            return answer["result"], read_date(response.headers.get("Date"))
        refusal = refusal_of(self.url, action, response, answer)
        retry_after_s = parse_retry_after(response.headers.get("Retry-After"))
        raise _NoResult(Failure(response.status, refusal.code, str(refusal), retry_after_s), refusal)


class _NoResult(Exception):
    def __init__(self, failure: Failure, error: PortalError) -> None:
        super().__init__(str(failure))
        self.failure = failure
        self.error = error


def _given_up(no_result: _NoResult) -> PortalError:
    """The error, with what to do about it where the same call may work another day."""
    error = no_result.error
    if not may_pass(no_result.failure):
        return error
    return PortalError(error.code, f"{error} {RESUME}", status=error.status, facts=error.facts)
