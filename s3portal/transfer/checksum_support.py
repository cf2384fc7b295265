"""Which checksum the parts of an upload are compared by: what the setting says, as far as the store does it.

Some stores take every checksum header and look at none (Ceph RGW 16), so what a store says is not enough: it
is tried, when a process creates its first upload, with an upload that is given up again. A part whose
checksum is wrong has to be refused with status 400, and a part that comes without one, as through a presigned
URL, has to be answered with its checksum. That costs four small requests and leaves no object.
"""

import logging
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, TypedDict, cast

from botocore.exceptions import ClientError

from s3portal.transfer.checksums import CRCS, MD5, Crc
from s3portal.transfer.keys import object_key
from s3portal.transfer.store import Store, open_store
from s3portal.transfer.store_errors import is_passing, store_errors

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

logger = logging.getLogger(__name__)

AUTO = "auto"
OFF = "off"
_PROBE = b"s3portal"


class ChecksumArguments(TypedDict, total=False):
    """Arguments of CreateMultipartUpload."""

    ChecksumAlgorithm: Literal["CRC64NVME", "CRC32C"]
    ChecksumType: Literal["FULL_OBJECT"]


class _UploadArguments(TypedDict):
    Bucket: str
    Key: str
    UploadId: str


def checksum_algorithm(store: Store) -> str | None:
    """``CRC64NVME``, ``CRC32C``, ``MD5`` (each part's ETag is its MD5), or None where nothing is compared.

    The first call of a process asks the store, unless the setting leaves nothing to ask. Raises
    StoreUnavailable, and then asks again the next time.
    """
    wanted = store.settings.checksum
    if wanted == OFF:
        return None
    if wanted == "md5":
        return MD5
    crc = CRCS["CRC64NVME" if wanted == AUTO else wanted.upper()]
    return store.once(f"checksum {crc.name}", lambda: _tried(store, crc))


def checksum_arguments(algorithm: str | None) -> ChecksumArguments:
    """What an upload is created with, so that the store computes this for each part and for the whole."""
    if algorithm not in CRCS:
        return {}
    return cast(ChecksumArguments, {"ChecksumAlgorithm": algorithm, "ChecksumType": "FULL_OBJECT"})


def _tried(store: Store, crc: Crc) -> str:
    """The CRC's name if the store does it, else MD5, which every store does."""
    if _does(store, crc):
        return crc.name
    log = logger.info if store.settings.checksum == AUTO else logger.warning
    log("The store of bucket %s does not compute %s: parts are compared by their MD5", store.bucket, crc.name)
    return MD5


def _does(store: Store, crc: Crc) -> bool:
    # The parts are to come as browsers send them: boto3 must not add a checksum of its own.
    client = open_store(replace(store.settings, s3_checksums="when_required")).client()
    key = object_key(store.settings.s3_prefix, "s3portal", "checksum-probe", str(uuid.uuid4()), "probe")
    with store_errors("ProbeChecksums"):
        try:
            s3_upload_id = client.create_multipart_upload(
                Bucket=store.bucket, Key=key, **checksum_arguments(crc.name)
            )["UploadId"]
        except ClientError as error:
            logger.info("Creating an upload with %s was refused with status %s", crc.name, _status(error))
            return False
        upload: _UploadArguments = {"Bucket": store.bucket, "Key": key, "UploadId": s3_upload_id}
        try:
            return _refuses_wrong(client, upload, crc) and _answers_right(client, upload, crc)
        finally:
            client.abort_multipart_upload(**upload)


def _refuses_wrong(client: "S3Client", upload: _UploadArguments, crc: Crc) -> bool:
    wrong = {f"Checksum{crc.name}": crc.encode(crc.update(_PROBE) ^ 1)}
    try:
        client.upload_part(**upload, PartNumber=1, Body=_PROBE, **wrong)  # type: ignore[arg-type]
    except ClientError as error:
        return _status(error) == 400
    return False


def _answers_right(client: "S3Client", upload: _UploadArguments, crc: Crc) -> bool:
    try:
        answer = client.upload_part(**upload, PartNumber=1, Body=_PROBE)
    except ClientError as error:
        logger.info("A part without %s was refused with status %s", crc.name, _status(error))
        return False
    return answer.get(f"Checksum{crc.name}") == crc.encode(crc.update(_PROBE))


def _status(error: ClientError) -> int:
    """The HTTP status of a refusal. Raises the error itself where it will pass, and so says nothing."""
    if is_passing(error):
        raise error
    return error.response["ResponseMetadata"]["HTTPStatusCode"]
