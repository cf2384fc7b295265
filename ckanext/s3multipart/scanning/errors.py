"""What happens to a file before it is accepted."""

from dataclasses import dataclass

from s3portal.transfer import BeingTakenOver, TransferError


@dataclass(kw_only=True, eq=False, repr=False)
class BeingChecked(BeingTakenOver):
    """All of the file is at the store, and whether it is accepted is not known yet: the same call works
    later."""

    code = "being_checked"
    template = (
        "The file has arrived and is being checked. Until that is done it cannot be saved or downloaded."
        " Try again in %(retry_after_s)s seconds."
    )


@dataclass(kw_only=True, eq=False, repr=False)
class FileInfected(TransferError):
    """The scanner found a virus."""

    code = "file_infected"
    http_status = 422
    template = (
        "The virus scanner found %(signature)s in %(filename)s, so the file was not accepted and has been"
        " removed. Check your computer, then upload a clean copy."
    )

    filename: str
    signature: str


@dataclass(kw_only=True, eq=False, repr=False)
class TooLargeToCheck(TransferError):
    """The file is larger than what the scanner takes, and the site accepts no file that was not checked."""

    code = "too_large_to_check"
    http_status = 413
    template = (
        "Files of more than %(limit)s cannot be checked for viruses on this portal, so they are not accepted."
        " This one has %(given)s. Split it, or ask the administrator."
    )
    size_facts = frozenset({"limit", "given"})

    limit: int
    given: int
    setting: str


@dataclass(kw_only=True, eq=False, repr=False)
class ScannerFailed(TransferError):
    """The scanner cannot be reached, or answers what it should not. Files wait until it is back. ``cause``
    is for the log and the administrator."""

    code = "scanner_failed"
    http_status = 503
    template = "The virus scanner does not answer at the moment. The file is kept and checked later."

    cause: str

    log_only = frozenset({"cause"})
