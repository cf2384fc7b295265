"""Which checksum the parts of an upload are compared by: what the setting says, as far as the store does it.

Some stores accept every checksum header and ignore it (Ceph RGW 16), so the store is tried with an upload
that is given up again. It is created with exactly what a real upload is created with, and its part comes as
browsers send parts, without a checksum of its own: a store that computes one answers it. Only a reply that
says "not implemented" or "bad argument" to this, and not to the same upload without a checksum, means that
the store cannot; any other refusal is no answer (store_knowledge.py).
"""

import base64
import hashlib
import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypedDict, cast

from botocore.exceptions import ClientError

from s3portal.transfer.checksums import CRCS, MD5, Crc
from s3portal.transfer.creation import creation_arguments, is_encrypted_by_kms
from s3portal.transfer.error_translation import error_code, store_errors
from s3portal.transfer.keys import object_key
from s3portal.transfer.store import Store, open_store
from s3portal.transfer.store_knowledge import KnownAnswer, NoAnswer, find_out

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

logger = logging.getLogger(__name__)

CHECKSUM_AUTO = "auto"
CHECKSUM_OFF = "off"
_PROBE = b"s3portal"
_NOTHING = ""

#: S3 API Reference, "Error responses": the store does not know the request.
_CANNOT_CODES = frozenset(
    {
        "BadRequest",
        "InvalidArgument",
        "InvalidRequest",
        "MethodNotAllowed",
        "NotImplemented",
        "UnsupportedArgument",
        "UnsupportedOperation",
    }
)


class ChecksumArguments(TypedDict, total=False):
    """Arguments of CreateMultipartUpload."""

    ChecksumAlgorithm: Literal["CRC64NVME", "CRC32C"]
    ChecksumType: Literal["FULL_OBJECT"]


@dataclass(frozen=True)
class ChecksumSupport:
    """What parts are compared by, and why, in a sentence for the administrator.

    ``algorithm`` is ``CRC64NVME``, ``CRC32C``, ``MD5`` (sent with each part, and its ETag unless a key from
    KMS encrypts), or None where nothing is compared. ``answered`` is False while the store has given no
    answer, so that this is an assumption.
    """

    algorithm: str | None
    reason: str
    answered: bool = True


def checksum_algorithm(store: Store) -> str | None:
    """The algorithm of `checksum_support`. Raises StoreUnavailable and StoreMisconfigured, as it does."""
    return checksum_support(store).algorithm


def checksum_support(store: Store) -> ChecksumSupport:
    """What the parts of an upload to this store are compared by.

    The first call of a process asks the store, unless the setting leaves nothing to ask or the portal
    remembers the answer. Raises StoreUnavailable where the store is not reached, and StoreMisconfigured.
    """
    wanted = store.settings.checksum
    if wanted == CHECKSUM_OFF:
        return store.once("checksum off", lambda: _warned(store, "the setting checksum is off"))
    if wanted == "md5":
        return ChecksumSupport(MD5, "the setting checksum is md5")
    crc = CRCS["CRC64NVME" if wanted == CHECKSUM_AUTO else wanted.upper()]
    answer, silence = find_out(store, f"checksum {crc.name}", lambda: _tried(store, crc))
    if answer is None:
        return ChecksumSupport(MD5, f"the store gave no answer about {crc.name} yet: {silence}", False)
    return ChecksumSupport(answer.value or None, answer.reason)


def checksum_arguments(algorithm: str | None) -> ChecksumArguments:
    """What an upload is created with, so that the store computes this for each part and for the whole."""
    if algorithm not in CRCS:
        return {}
    return cast(ChecksumArguments, {"ChecksumAlgorithm": algorithm, "ChecksumType": "FULL_OBJECT"})


def _tried(store: Store, crc: Crc) -> KnownAnswer:
    """The CRC if the store does it, else MD5 if ETags of parts are MD5s.

    Raises NoAnswer, StoreUnavailable and StoreMisconfigured.
    """
    with store_errors("ProbeChecksums"):
        try:
            why_not = _why_no_crc(store, crc)
            if why_not is None:
                return KnownAnswer(crc.name, f"the store computes {crc.name}")
            why_no_md5 = _why_no_md5(store)
        except ClientError as error:
            raise NoAnswer(_said(error)) from error
    log = logger.info if store.settings.checksum == CHECKSUM_AUTO else logger.warning
    log("The store of bucket %s does not compute %s: %s", store.bucket, crc.name, why_not)
    if why_no_md5 is None:
        return KnownAnswer(MD5, f"the store does not compute {crc.name} ({why_not}), but compares MD5s")
    reason = f"the store does not compute {crc.name} ({why_not}), and {why_no_md5}"
    _warned(store, reason)
    return KnownAnswer(_NOTHING, reason)


def _warned(store: Store, reason: str) -> ChecksumSupport:
    logger.warning("Parts sent to bucket %s are not compared with the files: %s", store.bucket, reason)
    return ChecksumSupport(None, reason)


def _why_no_crc(store: Store, crc: Crc) -> str | None:
    """None where the store computes it, else why not. Raises ClientError where its reply says nothing."""
    try:
        with _GivenUpUpload(store, crc.name) as upload:
            answered = upload.send_part().get(f"Checksum{crc.name}")
            if upload.demands_md5:
                # Object Lock with a default retention: an upload by MD5 sends it with every part.
                return "the bucket demands Content-MD5 with every part"
    except ClientError as error:
        if not _says_cannot(error):
            raise
        # If the same upload without a checksum is refused as well, this refusal speaks of something else.
        with _GivenUpUpload(store, None) as upload:
            upload.send_part()
        return _said(error)
    if answered is None:
        return "it answers parts without it"
    if answered != crc.encode(crc.update(_PROBE)):
        return "it answers parts with a wrong one"
    return None


def _why_no_md5(store: Store) -> str | None:
    """None where parts can be compared by MD5, else why they cannot. Raises ClientError."""
    with _GivenUpUpload(store, None) as upload:
        etag = str(upload.send_part().get("ETag", "")).strip('"')
    if is_encrypted_by_kms(upload.created):
        # Its ETags are no MD5s, but the store compares the Content-MD5 that comes with each part.
        return None
    if etag != hashlib.md5(_PROBE, usedforsecurity=False).hexdigest():
        return "its ETags are no MD5s"
    return None


class _GivenUpUpload:
    """An upload as `create_upload` makes it, which is aborted at the end. Raises ClientError."""

    def __init__(self, store: Store, algorithm: str | None) -> None:
        # The parts are to come as browsers send them: boto3 must not add a checksum of its own.
        self._client: S3Client = open_store(replace(store.settings, s3_checksums="when_required")).client()
        key = object_key(store.settings.s3_prefix, "s3portal", "checksum-probe", str(uuid.uuid4()), "probe")
        arguments = creation_arguments(
            store, key=key, filename="probe", content_type="", metadata={"upload": "checksum-probe"}
        )
        self.created: Mapping[str, Any] = self._client.create_multipart_upload(
            **arguments, **checksum_arguments(algorithm)
        )
        #: Whether a part without any digest was refused.
        self.demands_md5 = False
        self._upload: dict[str, Any] = {
            "Bucket": store.bucket,
            "Key": key,
            "UploadId": self.created["UploadId"],
        }

    def send_part(self) -> Mapping[str, Any]:
        """The answer to a part without a checksum, or with its MD5 where the store demands a digest."""
        part: dict[str, Any] = {**self._upload, "PartNumber": 1, "Body": _PROBE}
        try:
            return cast(Mapping[str, Any], self._client.upload_part(**part))
        except ClientError as error:
            if not _says_cannot(error):
                raise
            # S3 User Guide, "Object Lock considerations": such a bucket wants a digest with every part.
            digest = base64.b64encode(hashlib.md5(_PROBE, usedforsecurity=False).digest()).decode("ascii")
            answer = self._client.upload_part(**part, ContentMD5=digest)
            self.demands_md5 = True
            return cast(Mapping[str, Any], answer)

    def __enter__(self) -> "_GivenUpUpload":
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._client.abort_multipart_upload(**self._upload)
        except ClientError as error:
            # Nothing was learnt from it about checksums; the bucket's lifecycle rule removes the upload.
            logger.warning(
                "The upload %s that tried the store's checksums could not be given up: %s",
                self._upload["Key"],
                _said(error),
            )


def _says_cannot(error: ClientError) -> bool:
    """Whether the store says that it does not know or does not do what it was asked for."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status == 501 or (status in (400, 405) and error_code(error) in _CANNOT_CODES)


def _said(error: ClientError) -> str:
    """What the store said, for the administrator."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return f"{error.operation_name} was answered with {status} {error_code(error)}".rstrip()
