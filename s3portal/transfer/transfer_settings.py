"""The settings of the transfers themselves, which every portal has under its own prefix."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from s3portal.transfer.encryption import ENCRYPTION
from s3portal.transfer.keys import MAX_PREFIX_BYTES
from s3portal.transfer.part_plan import (
    LARGEST_OBJECT_ELSEWHERE_BYTES,
    LARGEST_OBJECT_ON_AWS_BYTES,
    MAX_PART_SIZE_BYTES,
    MIN_PART_SIZE_BYTES,
)
from s3portal.transfer.setting_kinds import ARN, BYTES, INTEGER, SECONDS, TEXT, URL, choice
from s3portal.transfer.settings import setting

_DAY_S = 24 * 3600
#: AWS General Reference, "Signature Version 4": a presigned URL lives seven days at the most.
_MAX_URL_EXPIRES_S = 7 * _DAY_S
_FOLDER = re.compile(r"[A-Za-z0-9!_.'()+=@-]+")


@dataclass(frozen=True, kw_only=True)
class TransferSettings:
    """Where files are stored and how they get there. Sizes are bytes, times are seconds, "" means not set."""

    s3_bucket: str = setting(TEXT, "the bucket that holds the files")
    s3_region: str = setting(TEXT, "the bucket's region", "us-east-1")
    s3_role: str = setting(
        ARN,
        "ARN of the role that session credentials are made from. Without it there are no session credentials",
        "",
    )
    s3_prefix: str = setting(TEXT, "what the keys of all files begin with", "")
    s3_endpoint: str = setting(
        URL, "the store's address as the portal reaches it: Ceph, MinIO, `s3portal server`. Empty is AWS", ""
    )
    s3_public_endpoint: str = setting(
        URL, "the store's address as browsers reach it. Empty is the same as `s3_endpoint`", ""
    )
    s3_addressing_style: Literal["auto", "path", "virtual"] = setting(
        choice("auto", "path", "virtual"),
        "where URLs have the bucket's name: `path`, in their path; `virtual`, in their host name; "
        "`auto`, where boto3 puts it",
        "auto",
    )
    s3_access_key_id: str = setting(
        TEXT,
        "the portal's access key id. If it is empty, boto3 finds credentials by itself: in the "
        "environment, a profile, or the machine's role",
        "",
    )
    s3_secret_access_key: str = setting(
        TEXT, "the secret access key that belongs to `s3_access_key_id`", "", secret=True
    )
    s3_session_token: str = setting(TEXT, "the session token, if the keys are temporary", "", secret=True)
    s3_profile: str = setting(
        TEXT, "the profile of `~/.aws/config` and `~/.aws/credentials` to take credentials from", ""
    )
    s3_sse: str = setting(
        ENCRYPTION,
        "how the store encrypts: `AES256`, `aws:kms`, or `aws:kms:` and a key id. Empty is the "
        "bucket's default",
        "",
    )
    s3_sts_endpoint: str = setting(URL, "the address of STS. Empty is the store's own, or that of AWS", "")
    s3_checksums: Literal["when_required", "when_supported", ""] = setting(
        choice("when_required", "when_supported"),
        "whether checksums are sent to stores that do not ask for them: `when_supported` or "
        "`when_required`. Empty is `when_supported` on AWS and `when_required` elsewhere",
        "",
    )
    checksum: Literal["auto", "crc64nvme", "crc32c", "md5", "off"] = setting(
        choice("auto", "crc64nvme", "crc32c", "md5", "off"),
        "what parts are compared by after sending: `crc64nvme`, `crc32c`, `md5` (of parts, by their "
        "ETag) or `off`. `auto` is `crc64nvme` if the store computes it, otherwise `md5`",
        "auto",
    )
    max_object_size: int = setting(
        BYTES,
        "the largest object that the store accepts. `0` is 48.8 TiB on AWS and 5 TiB elsewhere",
        0,
        maximum=LARGEST_OBJECT_ON_AWS_BYTES,
    )
    max_upload_size: int = setting(
        BYTES,
        "the largest file that publishers may upload. `0` sets no limit apart from `max_object_size`",
        0,
    )
    part_size: int = setting(
        BYTES,
        "the smallest size of a part. Parts are larger for files that do not fit in 10,000 of these, "
        "and up to 16 MiB for browsers that are far from the store",
        MIN_PART_SIZE_BYTES,
        minimum=MIN_PART_SIZE_BYTES,
        maximum=MAX_PART_SIZE_BYTES,
    )
    concurrency: int = setting(
        INTEGER, "how many parts a browser sends at a time, from 1 to 6", 4, minimum=1, maximum=6
    )
    upload_mode: Literal["presigned", "sts"] = setting(
        choice("presigned", "sts"),
        "who signs the URLs of parts: `presigned`, the portal; `sts`, the browser, with session "
        "credentials for its one upload. `sts` needs `s3_role` and a portal that is served over https",
        "presigned",
    )
    url_expires: int = setting(
        SECONDS, "how long the URL of a part is valid", 900, minimum=60, maximum=_MAX_URL_EXPIRES_S
    )
    download_expires: int = setting(
        SECONDS,
        "how long the address that a download is redirected to is valid",
        300,
        minimum=10,
        maximum=_MAX_URL_EXPIRES_S,
    )
    # STS API Reference, AssumeRole, DurationSeconds: 15 minutes to 12 hours.
    credentials_expires: int = setting(
        SECONDS,
        "how long session credentials are valid, from 15 minutes to 12 hours",
        3600,
        minimum=900,
        maximum=12 * 3600,
    )
    upload_expires: int = setting(
        SECONDS,
        "how long an unfinished or unsaved upload is kept",
        7 * _DAY_S,
        minimum=3600,
        maximum=365 * _DAY_S,
    )
    site: str = setting(TEXT, "this portal's name in role sessions. Empty is its host name", "")

    @property
    def on_aws(self) -> bool:
        """Whether the store is AWS S3 and not another that speaks its language."""
        return not self.s3_endpoint

    @property
    def browser_endpoint(self) -> str:
        """The store's address in URLs for browsers, "" for AWS."""
        return self.s3_public_endpoint or self.s3_endpoint

    @property
    def sts_endpoint(self) -> str:
        """The address of STS, "" for AWS. Ceph RGW, MinIO and the bundled server answer STS where they answer
        S3.
        """
        return self.s3_sts_endpoint or self.s3_endpoint

    @property
    def checksum_mode(self) -> Literal["when_required", "when_supported"]:
        """boto3's ``request_checksum_calculation``; other stores than AWS may refuse CRC trailers."""
        return self.s3_checksums or ("when_supported" if self.on_aws else "when_required")

    @property
    def max_object_size_bytes(self) -> int:
        """The largest object that the store takes."""
        return self.max_object_size or (
            LARGEST_OBJECT_ON_AWS_BYTES if self.on_aws else LARGEST_OBJECT_ELSEWHERE_BYTES
        )

    @property
    def size_limit(self) -> tuple[int, str]:
        """The largest file in bytes that may be uploaded, and the name of the setting that says so."""
        if 0 < self.max_upload_size < self.max_object_size_bytes:
            return self.max_upload_size, "max_upload_size"
        return self.max_object_size_bytes, "max_object_size"

    def problems(self) -> Iterator[tuple[str, str]]:
        """What does not go together, and what no kind of value can say: ``(name, problem)``."""
        # S3 User Guide, "General purpose bucket naming rules"; stores elsewhere also know _ and capitals.
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]", self.s3_bucket):
            yield (
                "s3_bucket",
                "is not the name of a bucket: write 3 to 63 letters, digits, hyphens and dots, not a URL",
            )
        if not re.fullmatch(r"[A-Za-z0-9-]+", self.s3_region):
            yield "s3_region", "is not a region: write it as in ap-southeast-2"
        folders = self.s3_prefix.strip("/").split("/") if self.s3_prefix.strip("/") else []
        if any(folder in (".", "..") or not _FOLDER.fullmatch(folder) for folder in folders):
            yield (
                "s3_prefix",
                "may contain letters, digits, !_.'()+=@- and single slashes, but no folder named . or ..",
            )
        if len(self.s3_prefix) > MAX_PREFIX_BYTES:
            yield "s3_prefix", f"is too long: at most {MAX_PREFIX_BYTES} characters"
        if bool(self.s3_access_key_id) != bool(self.s3_secret_access_key):
            missing = "s3_secret_access_key" if self.s3_access_key_id else "s3_access_key_id"
            yield missing, "is missing: a key id and its secret are set together, or neither"
        if self.upload_mode == "sts" and not self.s3_role:
            yield (
                "upload_mode",
                "is sts, which needs s3_role: the role that session credentials are made from",
            )
        if self.s3_session_token and not self.s3_access_key_id:
            yield "s3_session_token", "belongs to a key id, but s3_access_key_id is not set"
