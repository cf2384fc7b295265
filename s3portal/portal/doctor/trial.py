"""Check: a file goes from a page of the portal to the store and back, with the very calls and requests of a
real upload and a real download.
"""

import base64
import hashlib
import os
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from s3portal.portal.doctor.answer import Answer
from s3portal.portal.doctor.browsers import Browser
from s3portal.portal.doctor.case import CALL_S, LONG_CALL_S, Case
from s3portal.portal.doctor.causes import (
    Told,
    cause_of_answer,
    cause_of_library,
    cause_of_silence,
)
from s3portal.portal.doctor.connection import NoAnswer
from s3portal.portal.doctor.fetch_cors import CrossOriginRequest
from s3portal.portal.doctor.preflights import examine_preflight, examine_visibility
from s3portal.portal.doctor.workspace import Workspace
from s3portal.portal.findings import Finding
from s3portal.transfer import (
    CRCS,
    INERT_TYPE,
    MD5,
    MIB,
    Checksum,
    ContentDiffers,
    NewUpload,
    PartsMissing,
    StoreError,
    TransferError,
    Upload,
    complete_upload,
    create_upload,
    deadline,
    encryption_arguments,
    format_size,
    presign_distance,
    presign_get,
    sign_parts,
)

#: What a browser sends at a time, as far as it is known before it measured the way.
_MOST_BYTES = 16 * MIB
_TRIES = 3
_PERMISSIONS = {
    "CreateMultipartUpload": "s3:PutObject",
    "CompleteMultipartUpload": "s3:PutObject",
    "ListParts": "s3:ListMultipartUploadParts",
    "HeadObject": "s3:GetObject",
    "AbortMultipartUpload": "s3:AbortMultipartUpload",
}


@dataclass(frozen=True)
class Sample:
    """A file for the trial, and what its one part is compared by."""

    content: bytes
    algorithm: str | None

    @property
    def part_headers(self) -> dict[str, str]:
        """What the uploader sends with the part."""
        if self.algorithm != MD5:
            return {}
        digest = hashlib.md5(self.content, usedforsecurity=False).digest()
        return {"Content-MD5": base64.b64encode(digest).decode("ascii")}

    @property
    def checksum(self) -> Checksum | None:
        """What the uploader hands over at the end."""
        if self.algorithm is None:
            return None
        if self.algorithm == MD5:
            part = hashlib.md5(self.content, usedforsecurity=False).digest()
            return Checksum(MD5, f"{hashlib.md5(part, usedforsecurity=False).hexdigest()}-1")
        crc = CRCS[self.algorithm]
        return Checksum(self.algorithm, crc.encode(crc.update(self.content)))

    @property
    def wanted_headers(self) -> list[str]:
        """The headers of the store's answer that the uploader reads."""
        crc = CRCS.get(self.algorithm or "")
        return ["ETag", crc.header] if crc else ["ETag"]


def part_request(browser: Browser, part_headers: Mapping[str, str]) -> CrossOriginRequest:
    """The PUT of a part, as js/src/core/part-request.js makes it: a slice of a file has no Content-Type."""
    return browser.request("PUT", watched=True, headers=part_headers)


@dataclass
class Outcome:
    """What the trial leaves for other checks: the key of an object that is there, and what was compared."""

    key: str = ""
    algorithm: str | None = None


def sample_bytes(case: Case) -> int:
    """How long a part is tried."""
    settings = case.store.settings
    return max(1, min(settings.part_size, settings.size_limit[0], _MOST_BYTES))


def examine_upload(
    case: Case, browser: Browser, space: Workspace, outcome: Outcome, *, apply: bool
) -> Generator[Finding, None, bool]:
    """Sends one part as a page of the portal would, and completes the upload as the portal does. Returns
    whether an object came of it."""
    key = space.key("trial.bin")
    try:
        with deadline(CALL_S):
            upload = _created(case, space, key)
            signed = sign_parts(case.store, upload, [1])[0]
    except TransferError as error:
        yield _failed(case, "upload", error)
        return False
    outcome.algorithm = upload.checksum_algorithm
    sample = Sample(os.urandom(upload.size_bytes), upload.checksum_algorithm)
    request = part_request(browser, sample.part_headers)
    let_in = yield from examine_preflight(case, browser, request, signed.url, apply=apply)
    try:
        answer = _persistently(lambda: browser.send(request, signed.url, sample.content))
    except NoAnswer as error:
        cause = cause_of_silence(case, error, setting="s3_public_endpoint")
        yield case.wrong("upload", f"a part did not arrive: {cause.text}", cause.mend)
        return False
    if not answer.is_success:
        yield _refused_part(case, answer, upload)
        return False
    if problem := _differs(sample, answer):
        yield case.wrong("upload", problem, "find out what changes data between here and the store")
        return False
    try:
        with deadline(LONG_CALL_S):
            completed = complete_upload(case.store, upload, sample.checksum)
    except TransferError as error:
        yield _failed(case, "upload", error)
        return False
    space.done_with(key, s3_upload_id=upload.s3_upload_id)
    space.note(key, version_id=completed.version_id)
    outcome.key = key
    compared = (sample.algorithm or "").lower()
    text = (
        f"a {format_size(len(sample.content))} part sent to {case.store.address.base_url} as a browser would,"
        f" {f'{compared} compared' if compared else 'nothing compared'}"
    )
    yield case.ok("upload", text)
    if let_in:
        yield from examine_visibility(case, browser, request, answer, sample.wanted_headers, apply=apply)
    if case.browser_downloads:
        yield from _examine_download(
            case, browser, key, completed.content_type, completed.version_id, sample.content
        )
    return True


def examine_plain_write(
    case: Case, browser: Browser, space: Workspace, outcome: Outcome
) -> Generator[Finding, None, bool]:
    """The same for a portal whose pages send nothing themselves: the portal writes, a reader downloads."""
    key, content = space.key("trial.bin"), os.urandom(1000)
    space.note(key)
    try:
        with deadline(CALL_S):
            stored = case.store.client().put_object(
                Bucket=case.store.bucket,
                Key=key,
                Body=content,
                **encryption_arguments(case.store.settings.s3_sse),
            )
    except (ClientError, BotoCoreError) as error:
        space.was_refused(key, error)
        cause = cause_of_library(case, error, permission="s3:PutObject", resource=f"{case.bucket_arn}/*")
        yield case.wrong("upload", cause.text, cause.mend)
        return False
    version_id = stored.get("VersionId")
    space.note(key, version_id=version_id)
    outcome.key = key
    yield case.ok("upload", "an object was written")
    if case.browser_downloads:
        yield from _examine_download(case, browser, key, INERT_TYPE, version_id, content)
    return True


def _created(case: Case, space: Workspace, key: str) -> Upload:
    upload = create_upload(
        case.store,
        NewUpload(
            key=key,
            owner_type="doctor",
            owner_id="doctor",
            user="doctor",
            filename="trial.bin",
            size_bytes=sample_bytes(case),
            metadata={"portal": case.site_url, "user": "doctor", "filename": "trial.bin"},
        ),
    )
    space.note(key, s3_upload_id=upload.s3_upload_id)
    return upload


def _persistently(send: Callable[[], Answer]) -> Answer:
    """A store in passing trouble is asked again, as the uploader does."""
    for _ in range(_TRIES - 1):
        answer = send()
        if answer.status < 500:
            return answer
    return send()


def _failed(case: Case, subject: str, error: TransferError) -> Finding:
    if isinstance(error, ContentDiffers | PartsMissing):
        return case.wrong(subject, str(error), "find out what changes data between here and the store")
    operation = error.operation if isinstance(error, StoreError) else ""
    permission = _PERMISSIONS.get(operation, "s3:PutObject")
    cause = cause_of_library(case, error, permission=permission, resource=f"{case.bucket_arn}/*")
    return case.wrong(subject, f"{operation or 'the upload'} failed: {cause.text}", cause.mend)


def _refused_part(case: Case, answer: Answer, upload: Upload) -> Finding:
    told = Told.by(answer)
    if answer.status == 413:
        text = (
            "something in front of the store does not accept requests of"
            f" {format_size(upload.size_bytes)} (status 413)"
        )
        return case.wrong("upload", text, "raise its body size limit; in nginx: client_max_body_size 0;")
    cause = cause_of_answer(case, told, permission="s3:PutObject", resource=f"{case.bucket_arn}/*")
    if cause.kind == "secret":
        address = case.store.address.base_url
        text = f"the signature of a part is wrong at {address}: something changes requests on their way"
        setting = case.setting("s3_public_endpoint")
        mend = f"make the proxy at {setting} pass Host, path, query and Content-Length"
        return case.wrong("upload", text, mend)
    return case.wrong("upload", f"a part was refused: {cause.text}", cause.mend)


def _differs(sample: Sample, answer: Answer) -> str | None:
    """What is wrong with the part that the store has, as far as its answer tells."""
    crc = CRCS.get(sample.algorithm or "")
    told = answer.header(crc.header) if crc else None
    if crc and told is not None and told != crc.encode(crc.update(sample.content)):
        return f"the part was damaged on its way: its {crc.name} is different in the store"
    return None


def _examine_download(
    case: Case, browser: Browser, key: str, content_type: str, version_id: str | None, content: bytes
) -> Iterator[Finding]:
    """Follows the link to the object as readers do, whole and by a range."""
    url = presign_get(
        case.store,
        key,
        filename="trial.bin",
        content_type=content_type,
        expires_s=case.store.settings.download_expires,
        version_id=version_id,
    )
    subject = "download"
    try:
        answer = browser.visit(url, read_bytes=len(content) + 1)
        piece = browser.send(browser.request("GET", headers={"Range": "bytes=1-4"}), url)
        distance = browser.visit(
            presign_distance(case.store, f"{key}/", case.store.settings.download_expires)
        )
    except NoAnswer as error:
        cause = cause_of_silence(case, error, setting="s3_public_endpoint")
        yield case.wrong(subject, cause.text, cause.mend)
        return
    if not answer.is_success:
        resource = f"{case.bucket_arn}/*"
        permission = "s3:GetObjectVersion" if version_id else "s3:GetObject"
        cause = cause_of_answer(case, Told.by(answer), permission=permission, resource=resource)
        yield case.wrong(subject, cause.text, cause.mend)
    elif answer.body != content:
        text = f"the link returns different bytes from those sent ({len(answer.body):,} of {len(content):,})"
        yield case.wrong(subject, text, "find out what changes data between here and the store")
    elif piece.status != 206 or piece.body != content[1:5]:
        text = f"ranges are not answered (status {piece.status}): a broken download starts from the beginning"
        yield case.look(subject, text, "look for a proxy that removes the Range header")
    elif distance.status >= 500:
        text = f"the request by which browsers measure the distance is answered with status {distance.status}"
        yield case.look(subject, text, "check the store's log")
    else:
        yield case.ok(subject, f"the same bytes came back from {case.store.address.base_url}")
    if answer.is_success and answer.header("Content-Disposition") is None:
        text = "the store leaves out the file's name (response-content-disposition)"
        yield case.look(subject, text, "use a store that supports it")
