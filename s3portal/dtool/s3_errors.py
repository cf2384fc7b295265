"""What S3's own errors become: a sentence that names the bucket, the object and the way out."""

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from boto3.exceptions import Boto3Error
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
    SSLError,
)
from urllib3.exceptions import HTTPError

from s3portal.dtool.answered import answered
from s3portal.dtool.errors import (
    BucketMissing,
    DtoolS3Error,
    NotPermitted,
    ObjectMissing,
    StoreFailed,
    TooManyOpenFiles,
)
from s3portal.dtool.keys import REGISTRATION_PREFIX
from s3portal.transfer import TransferError, error_code

#: The permission that each operation needs, for the sentence about a 403.
_PERMISSIONS = {
    "GetObject": "s3:GetObject",
    "HeadObject": "s3:GetObject",
    "PutObject": "s3:PutObject",
    "CreateMultipartUpload": "s3:PutObject",
    "UploadPart": "s3:PutObject",
    "CompleteMultipartUpload": "s3:PutObject",
    "DeleteObject": "s3:DeleteObject",
    "ListObjectsV2": "s3:ListBucket",
    "PutObjectAcl": "s3:PutObjectAcl",
}
# S3 API, Error responses: what was received is not what the request's checksums say.
_DAMAGED = frozenset({"BadDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch"})
_DAMAGED_ATTEMPTS = 3

Answer = TypeVar("Answer")


@contextmanager
def s3_errors(bucket: str, key: str = "", *, anonymous: bool = False) -> Iterator[None]:
    """Raises a DtoolS3Error for whatever boto3 or ``s3portal.transfer`` raises inside."""
    try:
        yield
    except ClientError as error:
        if isinstance(error, DtoolS3Error):
            raise
        raise from_answer(error, bucket, key, anonymous=anonymous) from error
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise _no_credentials(bucket) from error
    except (BotoCoreError, Boto3Error, HTTPError) as error:
        raise _without_answer(error, bucket, key) from error
    except TransferError as error:
        if isinstance(error.__cause__, NoCredentialsError):
            raise _no_credentials(bucket) from error
        because = f" ({error.__cause__})" if error.__cause__ else ""
        raise StoreFailed(f"{_place(bucket, key)}: {error}{because}") from error


def retrying_damage(call: Callable[[], Answer]) -> Answer:
    """What the call returns; one whose content changed on its way is made again. Raises ClientError."""
    for _ in range(_DAMAGED_ATTEMPTS - 1):
        try:
            return call()
        except ClientError as error:
            if error_code(error) not in _DAMAGED:
                raise
    return call()


def again_where_damaged(_number: int, error: Exception, tries: int) -> float | None:
    """The same for the parts of a file (`send_parts`): 0 seconds until the next try, or None."""
    is_damaged = isinstance(error, ClientError) and error_code(error) in _DAMAGED
    return 0.0 if is_damaged and tries < _DAMAGED_ATTEMPTS else None


def status(error: ClientError) -> int:
    """The HTTP status of S3's answer."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def check_open_files(error: BaseException) -> None:
    """Raises TooManyOpenFiles if that is the cause of the error, however deep."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno in (errno.EMFILE, errno.ENFILE):
            raise TooManyOpenFiles(
                "This process has as many files and connections open as it may: Too many open files. Raise"
                " the limit (ulimit -n 4096) and run the command again; what is stored is kept."
            ) from error
        seen = _behind(seen)


def _behind(error: BaseException) -> BaseException | None:
    # botocore keeps urllib3's error to itself, and urllib3 the one that it retried.
    reason: Any = getattr(error, "reason", None)
    kept: Any = getattr(error, "kwargs", {}).get("error") if isinstance(error, BotoCoreError) else reason
    return error.__cause__ or (kept if isinstance(kept, BaseException) else None) or error.__context__


def from_answer(error: ClientError, bucket: str, key: str, *, anonymous: bool = False) -> DtoolS3Error:
    """The sentence for an error that S3 answered with; a ClientError too."""
    kind, message = _told(error, bucket, key)
    if kind is NotPermitted and anonymous:
        message = (
            f"{_place(bucket, key)}: S3 answered 403 to {error.operation_name}. The bucket does not allow"
            f" everybody to do this, but DTOOL_S3_ANONYMOUS_{bucket} is set: remove it, and set a key."
        )
    made: DtoolS3Error = answered(kind, message, error)
    return made


def _told(error: ClientError, bucket: str, key: str) -> tuple[type[DtoolS3Error], str]:
    code, place = error_code(error), _place(bucket, key)
    if code == "NoSuchBucket":
        return BucketMissing, f"There is no bucket {bucket} at this endpoint. Check the name in the URI."
    if status(error) == 404:
        return ObjectMissing, f"{place} does not exist."
    if status(error) == 403:
        return NotPermitted, _not_permitted(error, bucket, key)
    if code == "MetadataTooLarge":
        return StoreFailed, (
            f"{place}: the item's relative path is too long. dtool keeps it in the object's metadata, which"
            " S3 limits to 2 KB: about 1,500 bytes of path in UTF-8. Shorten it."
        )
    message = error.response.get("Error", {}).get("Message", "")
    said = f"{place}: S3 answered {status(error)} {code} to {error.operation_name}. {message}"
    if code in _DAMAGED:
        said += (
            f" It was sent {_DAMAGED_ATTEMPTS} times, and each time it arrived altered: a proxy, the"
            " network or this computer's memory changes it."
        )
    if status(error) in (301, 307, 308) or code in (
        "AuthorizationHeaderMalformed",
        "IllegalLocationConstraint",
    ):
        said += f" The bucket is in another region: check DTOOL_S3_ENDPOINT_{bucket} and AWS_DEFAULT_REGION."
    return StoreFailed, said


def _not_permitted(error: ClientError, bucket: str, key: str) -> str:
    operation, code, place = error.operation_name, error_code(error), _place(bucket, key)
    if code in ("InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "RequestTimeTooSkewed"):
        return (
            f"{place}: S3 does not accept the key: {code}. Check DTOOL_S3_ACCESS_KEY_ID_{bucket} and"
            f" DTOOL_S3_SECRET_ACCESS_KEY_{bucket}, or the AWS profile in use, and the clock."
        )
    needed = _PERMISSIONS.get(operation, operation)
    said = f"{place}: S3 answered 403 to {operation}. The key lacks {needed}"
    # S3 API, GetObject and HeadObject: without s3:ListBucket a missing object is answered 403, not 404.
    if operation in ("GetObject", "HeadObject"):
        return f"{said} (or s3:ListBucket, without which S3 answers 403 for what does not exist)."
    if needed != "s3:PutObject" or ("/" not in key and not key.startswith(REGISTRATION_PREFIX)):
        return f"{said}."
    if key.startswith(REGISTRATION_PREFIX):
        return (
            f"{said} on {REGISTRATION_PREFIX}*, the objects at the top of the bucket that register datasets."
        )
    return (
        f"{said} there. Where each user writes under a prefix of their own, set"
        f" DTOOL_S3_DATASET_PREFIX_{bucket} to yours and run the command again."
    )


def _without_answer(error: Exception, bucket: str, key: str) -> DtoolS3Error:
    check_open_files(error)
    said = f"{_place(bucket, key)} could not be reached: {error}"
    setting = f"DTOOL_S3_ENDPOINT_{bucket}"
    if isinstance(error, SSLError):
        return StoreFailed(
            f"{said}. Check {setting}: an address that does not speak TLS begins with http://. If the store's"
            " certificate is your institution's own, name its authority's file in AWS_CA_BUNDLE."
        )
    if isinstance(error, (ConnectionError, HTTPClientError)):
        return StoreFailed(
            f"{said}. Check {setting} (for AWS it is not set) and the network, and run the command again."
        )
    return StoreFailed(said)


def _no_credentials(bucket: str) -> NotPermitted:
    return NotPermitted(
        f"No key for bucket {bucket}. Set DTOOL_S3_ENDPOINT_{bucket}, DTOOL_S3_ACCESS_KEY_ID_{bucket} and"
        f" DTOOL_S3_SECRET_ACCESS_KEY_{bucket} in ~/.config/dtool/dtool.json, or run aws configure. To read a"
        f" bucket that everyone may read, set DTOOL_S3_ANONYMOUS_{bucket} to true."
    )


def _place(bucket: str, key: str) -> str:
    return f"s3://{bucket}/{key}" if key else f"s3://{bucket}"
