"""How the store can fail: what it said is for the log, what the caller can do about it is in the sentence."""

from dataclasses import dataclass

from s3portal.transfer.transfer_error import TransferError


@dataclass(kw_only=True, eq=False, repr=False)
class StoreError(TransferError):
    """The store's own trouble. What it said is in the log and in the cause, and never in the answer.

    ``operation`` is S3's name of what was asked, such as ``ListParts``; ``store_code`` S3's code for the
    error, or the HTTP status where there was no body, or the library's name for it; ``request_id`` is the
    store's.
    """

    operation: str
    store_code: str = ""
    request_id: str = ""

    log_only = frozenset({"operation", "store_code", "request_id"})


class StoreUnavailable(StoreError):
    """The store was not reached, or is overloaded, after every retry: the same call may work later."""

    code = "store_unavailable"
    http_status = 503
    template = "The file store cannot be reached at the moment. Nothing is lost: try again in a minute."


@dataclass(kw_only=True, eq=False, repr=False)
class StoreBusy(StoreUnavailable):
    """The store was not asked: enough calls wait for it already, or it is known to be away.

    ``retry_after_s`` is also the answer's Retry-After header.
    """

    code = "store_busy"
    template = (
        "The file store is slow or cannot be reached at the moment. Nothing is lost: try again in"
        " %(retry_after_s)s seconds."
    )

    retry_after_s: int


class StoreFailed(StoreError):
    """The store answered with an error that waiting alone will not fix."""

    code = "store_failed"
    http_status = 502
    template = (
        "The file store failed. Try again; if it happens again, tell the administrator when it happened."
    )


@dataclass(kw_only=True, eq=False, repr=False)
class StoreMisconfigured(StoreFailed):
    """No request could be made: a profile, key, address or file that the AWS library needs is missing or
    wrong. ``cause`` says which, for the administrator; it is never in the answer."""

    code = "store_misconfigured"
    http_status = 503
    template = (
        "The file store is not set up correctly on this portal, so files can be neither uploaded nor"
        " downloaded. Tell the administrator: the log names the cause."
    )

    cause: str

    log_only = StoreError.log_only | {"cause"}

    def __post_init__(self) -> None:
        self.store_code = self.cause
        super().__post_init__()
