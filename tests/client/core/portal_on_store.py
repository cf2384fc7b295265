"""The upload protocol without a portal: the core's functions on a real store, behind the client's calls."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from new_uploads import new_upload

from s3portal.client.ckan import CkanPortal
from s3portal.client.errors import PortalError
from s3portal.transfer import (
    Checksum,
    ObjectGone,
    RetryPolicy,
    State,
    Store,
    TransferError,
    Upload,
    abort_upload,
    assume_upload_role,
    complete_upload,
    create_upload,
    list_parts,
    look_at,
    object_url,
    sign_parts,
)

#: As the real one, without the waiting.
AT_ONCE = RetryPolicy(base_s=0.0, cap_s=0.0)
FIRST_BATCH = 2


class PortalOnStore(CkanPortal):
    """A portal of one dataset and one publisher, in this process. ``calls`` are the actions called so far."""

    def __init__(self, store: Store) -> None:
        super().__init__("http://portal.invalid", "token")
        self.store = store
        self.uploads: dict[str, Upload] = {}
        #: The resources that uploads are for, by the uploads' ids.
        self.meant_for: dict[str, str] = {}
        self.published: list[dict[str, Any]] = []
        self.calls: list[str] = []
        self.may_edit = True
        #: Actions of later versions.
        self.unknown_actions: set[str] = set()

    def _call(self, action: str, **parameters: Any) -> tuple[Any, None]:
        self.calls.append(action)
        if action in self.unknown_actions:
            raise PortalError("no_s3multipart", f"Action name not known: {action}", status=400)
        try:
            result = getattr(self, f"_{action}")(**parameters)
        except TransferError as error:
            raise PortalError(error.code, str(error), status=error.http_status, facts=error.facts) from error
        return json.loads(json.dumps(result)), None

    def _s3multipart_upload_create(
        self,
        *,
        owner: str,
        filename: str,
        size: int,
        content_type: str,
        fingerprint: str,
        resource: str = "",
        **_: str,
    ) -> object:
        new = new_upload(
            self.store,
            "lab",
            owner,
            filename=filename,
            size_bytes=size,
            content_type=content_type,
            fingerprint=fingerprint,
        )
        upload = create_upload(self.store, new)
        self.uploads[upload.id] = upload
        self.meant_for[upload.id] = resource or upload.id
        numbers = range(1, min(upload.part_count, FIRST_BATCH) + 1)
        return {
            "upload": self._shown(upload),
            "parts": self._s3multipart_upload_sign_parts(upload.id, numbers),
        }

    def _s3multipart_upload_sign_parts(self, id: str, part_numbers: Any) -> list[object]:
        return [part.as_dict() for part in sign_parts(self.store, self.uploads[id], part_numbers)]

    def _s3multipart_upload_show(self, id: str) -> object:
        return self._shown(self.uploads[id])

    def _s3multipart_upload_list(self, owner: str) -> list[object]:
        states = (State.UPLOADING, State.ADOPTING, State.COMPLETED, State.REFUSED)
        open_ones = (upload for upload in self.uploads.values() if upload.state in states)
        return [{**upload.as_dict(), "resource": self.meant_for[upload.id]} for upload in open_ones]

    def _s3multipart_upload_complete(
        self, id: str, checksum: dict[str, str] | None = None, sha256: str = ""
    ) -> object:
        given = Checksum(**checksum) if checksum else None
        self.uploads[id] = complete_upload(self.store, self.uploads[id], given)
        return self._shown(self.uploads[id])

    def _s3multipart_upload_abort(self, id: str) -> object:
        self.uploads[id] = abort_upload(self.store, self.uploads[id])
        return self._shown(self.uploads[id])

    def _s3multipart_credentials(self, id: str) -> object:
        upload = self.uploads[id]
        return {
            **assume_upload_role(self.store, "anna", "portal.invalid", key=upload.key).as_dict(),
            "url": object_url(self.store, upload.key),
            "s3_upload_id": upload.s3_upload_id,
            "now": datetime.now(timezone.utc).isoformat(),
        }

    def _resource_create(self, s3multipart_upload_id: str, name: str, **_: str) -> dict[str, Any]:
        upload = self.uploads[s3multipart_upload_id]
        # What was being taken over has been by now.
        self.uploads[upload.id] = replace(upload, state=State.ATTACHED)
        value = f"{upload.checksum_algorithm}:{upload.checksum_value}" if upload.checksum_value else ""
        resource = {
            "id": upload.id,
            "name": name,
            "url": upload.key,
            "size": upload.size_bytes,
            "hash": value,
        }
        self.published.append(resource)
        return resource

    def _resource_patch(self, id: str, s3multipart_upload_id: str = "", **changed: str) -> object:
        if not s3multipart_upload_id:
            (resource,) = (each for each in self.published if each["id"] == id)
            return resource.update(changed)
        self.published = [each for each in self.published if each["id"] != id]
        resource = self._resource_create(s3multipart_upload_id, "replaced")
        resource["id"] = id
        return resource

    def _resource_show(self, id: str) -> object:
        return next(each for each in self.published if each["id"] == id)

    def _s3multipart_file_list(self, owner: str) -> list[object]:
        return [
            {
                "resource": each["id"],
                "upload": upload.id if self.may_edit else None,
                "filename": upload.filename,
                "size": upload.size_bytes,
                "fingerprint": upload.fingerprint if self.may_edit else None,
                "checksum": upload.as_dict()["checksum"],
                "missing_since": None,
            }
            for each in self.published
            for upload in self.uploads.values()
            if upload.key == each["url"]
        ]

    def _s3multipart_upload_overview(self, owner: str) -> object:
        return {
            "uploads": self._s3multipart_upload_list(owner=owner),
            "files": self._s3multipart_file_list(owner=owner),
            "resources": [{"id": each["id"], "name": each["name"]} for each in self.published],
        }

    def has_file(self, dataset: str, resource_id: str) -> bool:
        key = next(each["url"] for each in self.published if each["id"] == resource_id)
        try:
            look_at(self.store, key)
        except ObjectGone:
            return False
        return True

    def _package_show(self, id: str) -> object:
        return {"resources": self.published}

    def _shown(self, upload: Upload) -> object:
        stored = list_parts(self.store, upload) if upload.state == State.UPLOADING else None
        return {**upload.as_dict(stored), "resource": self.meant_for[upload.id]}
