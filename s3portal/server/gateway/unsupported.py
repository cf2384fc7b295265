"""The headers that this server must refuse rather than ignore."""

from __future__ import annotations

import re

from s3portal.server.wire.checksums import HEADERS, algorithm_named
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.s3_request import S3Request

# Each asks for something that somebody would rely on, so "not here" is the only honest answer.
_NOT_IMPLEMENTED = (
    "x-amz-bucket-namespace",
    "x-amz-mfa",
    "x-amz-object-annotation-directive",
    "x-amz-object-lock-event-hold",
    "x-amz-object-lock-event-hold-duration-days",
    "x-amz-object-lock-event-hold-duration-years",
    "x-amz-write-offset-bytes",
)
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-class-intro.html, without those of other
# kinds of buckets.
STORAGE_CLASSES = frozenset(
    {"STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER",
     "GLACIER_IR", "DEEP_ARCHIVE"}
)  # fmt: skip
_ENCRYPTIONS = ("AES256", "aws:kms", "aws:kms:dsse")
_ACCOUNT_ID = re.compile(r"[0-9]{12}")
_CHECKSUM_PREFIX = "x-amz-checksum-"
_ABOUT_CHECKSUMS = {f"{_CHECKSUM_PREFIX}{name}" for name in ("algorithm", "mode", "type")}


def refuse_unsupported(request: S3Request, owner: str | None) -> None:
    """Raises for headers that ask for what this server does not do: MFA, appending, holds that an
    event ends, annotations.

    Those that ask for nothing pass: some clients send every header they know. ``owner`` is the account that
    owns the bucket, which a request may name to be sure of it.
    """
    for name, value in request.headers.items():
        if not name.startswith("x-amz-") or not value:
            continue
        if name in _NOT_IMPLEMENTED:
            raise S3Error("NotImplemented", facts={"Header": name})
        if name.startswith(_CHECKSUM_PREFIX) and name not in HEADERS and name not in _ABOUT_CHECKSUMS:
            algorithm_named(name.removeprefix(_CHECKSUM_PREFIX))
        if name == "x-amz-storage-class" and value not in STORAGE_CLASSES:
            raise S3Error("InvalidStorageClass", facts={"StorageClassRequested": value})
        if name == "x-amz-server-side-encryption":
            _refuse_encryption(name, value)
        if name == "x-amz-expected-bucket-owner":
            require_owner(name, value, owner)


def require_owner(header: str, expected: str, owner: str | None) -> None:
    """Raises InvalidBucketOwnerAWSAccountID for what is no account's number, AccessDenied for another's.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html
    """
    if not _ACCOUNT_ID.fullmatch(expected):
        raise S3Error(
            "InvalidBucketOwnerAWSAccountID", facts={"ArgumentName": header, "ArgumentValue": expected}
        )
    if expected != owner:
        raise S3Error("AccessDenied")


def _refuse_encryption(name: str, value: str) -> None:
    if value not in _ENCRYPTIONS:
        message = "The encryption method specified is not supported"
        raise S3Error("InvalidArgument", message, facts={"ArgumentName": name, "ArgumentValue": value})
