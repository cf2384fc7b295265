"""What S3's own errors become: a sentence that names the bucket, the object and the way out."""

from collections.abc import Iterator
from contextlib import contextmanager

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError
from urllib3.exceptions import HTTPError

from s3portal.dtool.errors import BucketMissing, DtoolS3Error, NotPermitted, ObjectMissing, StoreFailed
from s3portal.transfer import TransferError

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


@contextmanager
def s3_errors(bucket: str, key: str = "") -> Iterator[None]:
    """Raises a DtoolS3Error for whatever boto3 or ``s3portal.transfer`` raises inside."""
    try:
        yield
    except ClientError as error:
        raise from_answer(error, bucket, key) from error
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise _no_credentials(bucket) from error
    except (BotoCoreError, Boto3Error, HTTPError) as error:
        raise StoreFailed(f"{_place(bucket, key)} was not reached: {error}") from error
    except TransferError as error:
        if isinstance(error.__cause__, NoCredentialsError):
            raise _no_credentials(bucket) from error
        raise StoreFailed(f"{_place(bucket, key)}: {error}") from error


def error_code(error: ClientError) -> str:
    """S3's code for the error; an answer without a body (to HEAD) has its status, such as ``404``."""
    return str(error.response.get("Error", {}).get("Code", ""))


def status(error: ClientError) -> int:
    """The HTTP status of S3's answer."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def from_answer(error: ClientError, bucket: str, key: str) -> DtoolS3Error:
    """The sentence for an error that S3 answered with."""
    code, place = error_code(error), _place(bucket, key)
    if code == "NoSuchBucket":
        return BucketMissing(f"There is no bucket {bucket} at this endpoint. Check the name in the URI.")
    if status(error) == 404:
        return ObjectMissing(f"{place} does not exist.")
    if status(error) == 403:
        return NotPermitted(_not_permitted(error, bucket, place))
    if code == "MetadataTooLarge":
        return StoreFailed(
            f"{place}: the item's relative path is too long. dtool keeps it in the object's metadata, which"
            " S3 limits to 2 KB: about 1,500 bytes of path in UTF-8. Shorten it."
        )
    message = error.response.get("Error", {}).get("Message", "")
    return StoreFailed(f"{place}: S3 answered {status(error)} {code} to {error.operation_name}. {message}")


def _not_permitted(error: ClientError, bucket: str, place: str) -> str:
    operation, code = error.operation_name, error_code(error)
    if code in ("InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "RequestTimeTooSkewed"):
        return (
            f"{place}: S3 does not accept the key: {code}. Check DTOOL_S3_ACCESS_KEY_ID_{bucket} and"
            f" DTOOL_S3_SECRET_ACCESS_KEY_{bucket}, or the AWS profile in use, and the clock."
        )
    needed = _PERMISSIONS.get(operation, operation)
    # S3 API, GetObject and HeadObject: without s3:ListBucket a missing object is answered 403, not 404.
    reading = operation in ("GetObject", "HeadObject")
    listing = " (or s3:ListBucket, without which S3 says 403 of what does not exist)" if reading else ""
    return f"{place}: S3 answered 403 to {operation}. The key lacks {needed}{listing}."


def _no_credentials(bucket: str) -> NotPermitted:
    return NotPermitted(
        f"No key for bucket {bucket}. Set DTOOL_S3_ENDPOINT_{bucket}, DTOOL_S3_ACCESS_KEY_ID_{bucket} and"
        f" DTOOL_S3_SECRET_ACCESS_KEY_{bucket} in ~/.config/dtool/dtool.json, or run aws configure."
    )


def _place(bucket: str, key: str) -> str:
    return f"s3://{bucket}/{key}" if key else f"s3://{bucket}"
