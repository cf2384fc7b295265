"""How a call can be refused, and what can be wrong with an upload; the store's own failures are in
``store_failures.py``."""

from dataclasses import dataclass
from enum import Enum

from s3portal.transfer.states import State
from s3portal.transfer.store_failures import StoreBusy
from s3portal.transfer.transfer_error import Fact, ShowSize, TransferError


class Problem(str, Enum):
    """What can be wrong with a field of a call: a template that reads on after the field's name."""

    MISSING = "is missing"
    NO_TEXT = "must be a text of at most %(limit)s characters"
    LENGTH = "must have 1 to %(limit)s characters"
    NEGATIVE = "must not be negative"
    NO_SIZE = "must be a number of bytes"
    NO_TIME = "must be a number of milliseconds"
    NO_PART_NUMBERS = "must be a list of part numbers"
    NO_CHECKSUM = "must be an object with algorithm and value"
    NO_OBJECT = "must be a JSON object"
    USED_BEFORE = "was already used for another file"
    NO_UPLOAD = "must be the id of one upload"
    MISSPELT = "is not a parameter of this call. Did you mean %(nearest)s? The call takes %(known)s"
    NOT_WITH_ID = "cannot be given together with id: leave one of them out"
    NO_SHA256 = "must be a SHA-256, 64 hexadecimal digits"
    NO_DAY = "must be a day, as in 2026-11-26"


@dataclass(kw_only=True, eq=False, repr=False)
class InvalidRequest(TransferError):
    """A field of the call has a value that cannot be used, or is none of the call's. Where the problem speaks
    of a limit, it is a fact, and so are the ``known`` fields and the ``nearest`` of them."""

    code = "invalid_request"
    http_status = 422
    template = "%(field)s %(problem)s."
    word_facts = {"problem": tuple(problem.value for problem in Problem)}

    field: str
    problem: Problem
    limit: int | None = None
    known: str | None = None
    nearest: str | None = None


@dataclass(kw_only=True, eq=False, repr=False)
class NotAllowed(TransferError):
    """The caller may not do this. ``reason`` is the whole sentence: the portal knows which rule it was."""

    code = "not_allowed"
    http_status = 403
    template = "%(reason)s"

    reason: str


@dataclass(kw_only=True, eq=False, repr=False)
class FileTooLarge(TransferError):
    """The file has more bytes than ``setting`` (its name) lets in, or than the store can hold."""

    code = "file_too_large"
    http_status = 413
    template = (
        "This portal stores files of up to %(limit)s; this one is %(given)s."
        " Ask the administrator, or split the file."
    )
    size_facts = frozenset({"limit", "given"})

    limit: int
    given: int
    setting: str


@dataclass(kw_only=True, eq=False, repr=False)
class TypeNotAllowed(TransferError):
    """Files of this type are not stored here. ``allowed`` lists the types that are."""

    code = "type_not_allowed"
    http_status = 415
    template = "This portal does not store files of type %(given)s. It stores: %(allowed)s."

    given: str
    allowed: str
    setting: str


@dataclass(kw_only=True, eq=False, repr=False)
class QuotaExceeded(TransferError):
    """The file does not fit in what the owner may store."""

    code = "quota_exceeded"
    http_status = 409
    template = (
        "%(used)s of %(allowed)s is used, so another %(given)s does not fit."
        " Delete files that are no longer needed, or ask the administrator."
    )
    size_facts = frozenset({"used", "allowed", "given"})

    used: int
    allowed: int
    given: int
    setting: str


class UploadNotFound(TransferError):
    """No such upload, or not this caller's: the same answer, so that ids cannot be guessed."""

    code = "upload_not_found"
    http_status = 404
    template = "This upload no longer exists, or it is not yours. Choose the file again."


@dataclass(kw_only=True, eq=False, repr=False)
class UploadNotOpen(TransferError):
    """The upload takes no more parts: it was completed, attached or aborted before."""

    code = "upload_not_open"
    http_status = 409
    template = "This upload is already %(state)s and accepts no more parts."
    word_facts = {"state": tuple(state.value for state in State)}

    state: str


@dataclass(kw_only=True, eq=False, repr=False)
class PartOutsidePlan(TransferError):
    """The upload has no part of this number."""

    code = "part_outside_plan"
    http_status = 422
    template = "This upload has parts 1 to %(part_count)s; there is no part %(part_number)s."

    part_number: int
    part_count: int


@dataclass(kw_only=True, eq=False, repr=False)
class TooManyParts(TransferError):
    """More parts were asked for in one call than one answer holds."""

    code = "too_many_parts"
    http_status = 422
    template = "%(given)s parts were requested; one call signs at most %(limit)s."

    given: int
    limit: int


@dataclass(kw_only=True, eq=False, repr=False)
class PartsMissing(TransferError):
    """Not all parts are at the store. ``missing`` and ``wrong_size`` are ranges such as ``"1-3,5"``.

    Both have to be sent again: a part of the wrong size was written by a client that did not follow the plan.
    """

    code = "parts_missing"
    http_status = 409
    template = "Parts of the file are missing or incomplete: %(parts)s. They must be sent again."

    missing: str
    wrong_size: str = ""

    def _readable_facts(self, show_size: ShowSize) -> dict[str, Fact]:
        facts = super()._readable_facts(show_size)
        return {
            **facts,
            "parts": ",".join(str(facts[name]) for name in ("missing", "wrong_size") if facts[name]),
        }


@dataclass(kw_only=True, eq=False, repr=False)
class ContentDiffers(TransferError):
    """The store does not hold the file that was sent."""

    code = "content_differs"
    http_status = 422
    template = (
        "What arrived is not the file that was sent: its %(what)s is %(found)s but should be %(expected)s."
        " Upload the file again."
    )
    word_facts = {"what": ("size", "checksum", "ETag", "upload id", "version")}

    what: str
    expected: str | int
    found: str | int


class ObjectGone(TransferError):
    """The store has no object, or no such version of it, under the key of a completed upload."""

    code = "object_gone"
    http_status = 409
    template = "The file is no longer in the file store. Upload it again."


class SourceChanged(TransferError):
    """The file to be taken over was overwritten, or removed, before it was copied."""

    code = "source_changed"
    http_status = 409
    template = "The file was changed while it was being taken over. Upload it again."


@dataclass(kw_only=True, eq=False, repr=False)
class BeingTakenOver(TransferError):
    """All of the file is at the store, and the portal is copying it to where no one else can write: the same
    call works later. ``retry_after_s`` is also the answer's Retry-After header."""

    code = "being_taken_over"
    http_status = 503
    template = (
        "The file has arrived and the portal is taking it over, which takes a moment per gigabyte."
        " Try again in %(retry_after_s)s seconds."
    )

    retry_after_s: int


class AlreadyAttached(TransferError):
    """The upload is the file of a resource or material, so it is neither aborted nor attached a second
    time."""

    code = "already_attached"
    http_status = 409
    template = "This upload has already been saved. Delete it where it is shown, or upload the file again."


@dataclass(kw_only=True, eq=False, repr=False)
class CredentialsNotConfigured(TransferError):
    """Session credentials were asked for where the portal has no role to assume."""

    code = "credentials_not_configured"
    http_status = 501
    template = (
        "This portal does not issue session credentials. To enable them, the administrator sets %(setting)s."
    )

    setting: str = "s3_role"


def retry_after_s(error: TransferError) -> int | None:
    """After how many seconds the call may be repeated (the answer's Retry-After header); None where the error
    does not say."""
    return error.retry_after_s if isinstance(error, BeingTakenOver | StoreBusy) else None
