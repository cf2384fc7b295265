"""What the store's own errors become: logged with the request id, and never shown to the publisher raw."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    EventStreamError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
    WaiterError,
)

from s3portal.transfer.store_failures import StoreError, StoreFailed, StoreMisconfigured, StoreUnavailable

logger = logging.getLogger(__name__)

#: Answers after which the same call may work, as botocore's standard retry mode has them.
_PASSING_CODES = frozenset(
    {
        "InternalError",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)


@contextmanager
def store_errors(operation: str) -> Iterator[None]:
    """Raises StoreUnavailable, StoreFailed or StoreMisconfigured for whatever boto3 raises inside.

    boto3 raises more than its own errors: KeyError where a reply of status 200 is no S3 at all, ValueError
    for addresses and for files of cached tokens, OSError for files and programs that credentials come from,
    AttributeError, IndexError and RuntimeError for values in its configuration files that it takes for
    others.
    """
    try:
        yield
    except ClientError as error:
        raise _from_answer(operation, error) from error
    except (ConnectionError, HTTPClientError) as error:
        logger.warning("%s: the store could not be reached: %s", operation, error)
        raise StoreUnavailable(operation=operation) from error
    except _about_answers() as error:
        logger.error("%s: the reply is not an S3 reply: %s: %s", operation, type(error).__name__, error)
        raise StoreFailed(operation=operation, store_code=type(error).__name__) from error
    except _before_a_request() as error:
        cause = f"{type(error).__name__}: {error}"
        logger.error("%s: the store cannot be used as it is configured: %s", operation, cause)
        raise StoreMisconfigured(operation=operation, cause=cause) from error


def _about_answers() -> tuple[type[Exception], ...]:
    """botocore's errors about an answer. It raises its others before anything is sent: for a missing profile
    or key, a configuration file, an address that it cannot make."""
    # boto3 takes longer to load than a short command takes; what raises its errors has loaded it.
    from botocore.parsers import ResponseParserError

    return (
        EventStreamError,
        FlexibleChecksumError,
        IncompleteReadError,
        ResponseParserError,
        WaiterError,
        KeyError,
    )


def _before_a_request() -> tuple[type[Exception], ...]:
    from boto3.exceptions import Boto3Error

    return (
        BotoCoreError,
        Boto3Error,
        AttributeError,
        IndexError,
        OSError,
        RuntimeError,
        TypeError,
        ValueError,
    )


def error_code(error: ClientError) -> str:
    """S3's code for the error, such as ``NoSuchUpload``; an answer without a body (HEAD) has its status,
    ``404``.
    """
    return error.response.get("Error", {}).get("Code", "")


def says_no_upload(error: ClientError) -> bool:
    """Whether the store does not know the multipart upload; Ceph RGW 16 speaks of the key instead."""
    return error_code(error) in ("NoSuchUpload", "NoSuchKey")


def is_passing(error: ClientError) -> bool:
    """Whether the same request may work later, as botocore's standard retry mode has it."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return error_code(error) in _PASSING_CODES or status in (429, 500, 502, 503, 504)


def _from_answer(operation: str, error: ClientError) -> StoreError:
    answered = error.response.get("ResponseMetadata", {})
    status = answered.get("HTTPStatusCode", 0)
    code = error_code(error)
    request_id = answered.get("RequestId", "")
    logger.warning(
        "%s: the store answered %s %s, request id %s: %s", operation, status, code, request_id, error
    )
    kind = StoreUnavailable if is_passing(error) else StoreFailed
    return kind(operation=operation, store_code=code, request_id=request_id)
