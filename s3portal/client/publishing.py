"""Publishes a file to a dataset: resumes an unfinished upload of it, or begins one, and attaches it."""

from __future__ import annotations

import mimetypes
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from s3portal.client.ckan import CkanPortal
from s3portal.client.connections import open_pool
from s3portal.client.dataset_overview import DatasetOverview
from s3portal.client.errors import FileChanged, PortalError, WrongFile
from s3portal.client.fingerprint import fingerprint, require_same_file, same_name
from s3portal.client.local_file import LocalFile
from s3portal.client.portal_uploads import PortalUpload, SignedPart
from s3portal.client.published_files import PublishedFile, find_published
from s3portal.client.sending import PARALLEL_PARTS, PartSender
from s3portal.client.sha256 import Sha256InBackground
from s3portal.client.signing import PresignedUrls, SessionSigner, Signer
from s3portal.client.waits import Wait
from s3portal.transfer import Failure, RetryPolicy, State, parse_ranges

# A part that vanished from the store is sent again, but not for ever.
_ROUNDS = 3


@dataclass(frozen=True)
class Target:
    """What the file becomes: a new resource of the dataset, or the new file of ``resource`` (its id).

    A new resource is called ``name``, or as the file; what is "" is left as it is.
    """

    dataset: str
    resource: str = ""
    name: str = ""
    description: str = ""
    format: str = ""

    def described(self, file: LocalFile) -> dict[str, str]:
        """The fields of the resource that are said."""
        name = {} if self.resource else {"name": file.name}
        return {**name, **self.wanted}

    @property
    def wanted(self) -> dict[str, str]:
        """The fields that were asked for, and not those that follow from the file."""
        fields = {"name": self.name, "description": self.description, "format": self.format}
        return {field: value for field, value in fields.items() if value}


@dataclass(frozen=True)
class Published:
    """A file that readers can have. ``checksum`` is the store's, as in ``crc64nvme:rosUhgp5mIg=``, or
    ""; ``before`` says that the dataset had the very same file already, so nothing was sent, and
    ``changed`` which fields of its resource were brought up to date."""

    url: str
    resource_id: str
    size_bytes: int
    checksum: str
    before: bool = False
    changed: tuple[str, ...] = ()


class Report(Protocol):
    """Hears how it goes, from several threads but one at a time."""

    def has_namesakes(self, name: str, resource_ids: list[str]) -> None:
        """The dataset has these resources of the name that the new one gets."""
        ...

    def began(self, file: LocalFile, stored_bytes: int) -> None:
        """Sending begins; this many bytes are at the store already."""
        ...

    def loaded(self, size_bytes: int) -> None:
        """This many bytes of the file are at the store or on their way; never fewer than before."""
        ...

    def retrying(self, part_number: int, failure: Failure, wait: Wait) -> None:
        """A part failed and will be sent again."""
        ...

    def completing(self) -> None:
        """All parts are sent; the portal compares and saves."""
        ...


class Silence:
    """Says nothing."""

    def has_namesakes(self, name: str, resource_ids: list[str]) -> None: ...
    def began(self, file: LocalFile, stored_bytes: int) -> None: ...
    def loaded(self, size_bytes: int) -> None: ...
    def retrying(self, part_number: int, failure: Failure, wait: Wait) -> None: ...
    def completing(self) -> None: ...


def publish_file(
    portal: CkanPortal,
    path: Path,
    target: Target,
    *,
    report: Report | None = None,
    concurrency: int = PARALLEL_PARTS,
    restart: bool = False,
    session_credentials: bool = False,
    policy: RetryPolicy | None = None,
) -> Published:
    """Uploads the file, or the rest of it, compares checksums, and makes it a resource's file.

    With ``session_credentials`` the parts are signed here and not by the portal. ``restart`` gives up an
    unfinished upload of this name instead of resuming it. Raises UploadFailed: what is stored stays
    there for the next time, unless it can no longer be right (FileChanged, or PortalError with the code
    ``content_differs``).
    """
    file = LocalFile.at(path)
    report = report or Silence()
    overview = DatasetOverview(portal, target.dataset)
    upload = _unfinished(portal, overview, file, target, restart=restart)
    first_batch: list[SignedPart] = []
    if upload is None:
        before = find_published(
            portal,
            overview,
            file,
            dataset=target.dataset,
            resource=target.resource,
            resource_name=target.described(file).get("name", ""),
        )
        if before is not None and not before.is_missing:
            return _described_anew(portal, before, target)
        if before is not None:
            # The store has lost it: it gets its file back, and stays the one that links lead to.
            target = replace(target, resource=before.resource_id)
        _tell_of_namesakes(overview, file, target, report)
        upload, first_batch = _create(portal, file, target)
    else:
        target = _as_begun(overview, upload, target)
        _tell_of_namesakes(overview, file, target, report)
    try:
        if upload.state == State.UPLOADING:
            _send(portal, upload, first_batch, file, report, concurrency, session_credentials, policy)
        else:
            report.began(file, file.size_bytes)
            if upload.state in (State.ADOPTING, State.QUARANTINED):
                # All of it is at the store, and the portal takes it over or checks it; asking again helps it
                # along.
                report.completing()
                portal.complete_upload(upload.id)
    except (FileChanged, PortalError) as error:
        if error.code in ("file_changed", "content_differs"):
            portal.abort_upload(upload.id)
        raise
    resource = portal.attach(
        upload,
        dataset=target.dataset,
        replace=bool(target.resource),
        described=target.described(file),
    )
    return _published(resource)


def _send(
    portal: CkanPortal,
    upload: PortalUpload,
    first_batch: list[SignedPart],
    file: LocalFile,
    report: Report,
    concurrency: int,
    session_credentials: bool,
    policy: RetryPolicy | None,
) -> None:
    """Sends what the store has not, and has the portal complete the upload."""
    stored = upload.stored or ()

    def open_signer(upcoming: Callable[[int], list[int]]) -> Signer:
        if session_credentials:
            return SessionSigner(portal, upload)
        return PresignedUrls(portal, upload.id, first_batch, upcoming)

    sender = PartSender(
        upload,
        file,
        pool=open_pool(first_batch[0].url if first_batch else portal.url, connections=concurrency),
        open_signer=open_signer,
        report=report,
        stored=stored,
        concurrency=concurrency,
        policy=policy,
    )
    report.began(file, sum(map(upload.plan.length, stored)))
    sha256 = Sha256InBackground(file)
    for rounds_left in reversed(range(_ROUNDS)):
        sender.send_all()
        file.require_unchanged()
        report.completing()
        try:
            portal.complete_upload(upload.id, sender.checksum(), sha256.result())
            return
        except PortalError as error:
            if error.code != "parts_missing" or not rounds_left:
                raise
            sender.put_back(_missing(error))


def _missing(error: PortalError) -> list[int]:
    named = (str(error.facts.get(name) or "") for name in ("missing", "wrong_size"))
    return sorted({number for ranges in named for number in parse_ranges(ranges)})


def _unfinished(
    portal: CkanPortal, overview: DatasetOverview, file: LocalFile, target: Target, *, restart: bool
) -> PortalUpload | None:
    """The upload of this file that an earlier run, or a browser, left unfinished, as the store has it now.

    Raises WrongFile where there are only those of other files of this name.
    """
    wrong: WrongFile | None = None
    for upload in overview.unfinished_uploads():
        if not same_name(upload.filename, file.name):
            continue
        if target.resource and upload.resource_id != target.resource:
            continue
        if restart:
            portal.abort_upload(upload.id)
            continue
        try:
            require_same_file(file, upload.size_bytes, upload.fingerprint)
        except WrongFile as difference:
            wrong = wrong or difference
            continue
        return portal.show_upload(upload.id)
    if wrong:
        raise wrong
    return None


def _as_begun(overview: DatasetOverview, upload: PortalUpload, target: Target) -> Target:
    """Where an unfinished upload replaces the file of a resource, finishing it does so too."""
    if target.resource or all(each["id"] != upload.resource_id for each in overview.resources()):
        return target
    return replace(target, resource=upload.resource_id)


def _tell_of_namesakes(overview: DatasetOverview, file: LocalFile, target: Target, report: Report) -> None:
    """A new resource may be a second one of its name, which is not always what was meant."""
    if target.resource:
        return
    name = target.described(file)["name"]
    try:
        resources = overview.resources()
    except PortalError as error:
        if error.status in (401, 403, 404):
            # The portal says it better when an upload is created.
            return
        raise
    namesakes = [str(each["id"]) for each in resources if same_name(str(each.get("name") or ""), name)]
    if namesakes:
        report.has_namesakes(name, namesakes)


def _create(portal: CkanPortal, file: LocalFile, target: Target) -> tuple[PortalUpload, list[SignedPart]]:
    return portal.create_upload(
        dataset=target.dataset,
        resource=target.resource,
        filename=file.name,
        size_bytes=file.size_bytes,
        content_type=mimetypes.guess_type(file.name)[0] or "application/octet-stream",
        fingerprint=fingerprint(file),
        idempotency_key=str(uuid.uuid4()),
    )


def _described_anew(portal: CkanPortal, file: PublishedFile, target: Target) -> Published:
    """The file that was there before, its resource with what is asked for now."""
    changed = portal.describe(file.resource_id, target.wanted) if target.wanted else ()
    return Published(
        file.url, file.resource_id, file.size_bytes, file.checksum, before=True, changed=tuple(changed)
    )


def _published(resource: dict[str, Any]) -> Published:
    return Published(
        url=str(resource["url"]),
        resource_id=str(resource["id"]),
        size_bytes=int(resource.get("size") or 0),
        # Portals of earlier versions have it in ``hash``.
        checksum=str(resource.get("s3multipart_checksum") or resource.get("hash") or ""),
    )
