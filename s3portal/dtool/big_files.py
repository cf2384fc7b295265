"""Files that do not fit into memory: in parts, several at a time, straight from and to the disk."""

import logging
import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from botocore.exceptions import BotoCoreError, ClientError
from s3transfer.futures import TransferFuture
from s3transfer.manager import TransferConfig, TransferManager
from s3transfer.utils import ReadFileChunk

from s3portal.dtool.s3_errors import s3_errors
from s3portal.dtool.workers import BIG_FILE_THREADS, big_file_workers, in_parallel
from s3portal.transfer import PartPlan, Store, plan_parts

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

logger = logging.getLogger(__name__)

#: Above this size a file is sent and fetched in parts.
PARTS_FROM_BYTES = 8 * 1024 * 1024
# Larger parts than boto3's own 8 MiB make half the requests.
_PART_BYTES = 16 * 1024 * 1024
# From memory a part is one write and not thousands. Those of the very largest files stay on the disk.
_IN_MEMORY_BYTES = _PART_BYTES


def send_file(store: Store, path: str, key: str, metadata: dict[str, str]) -> None:
    """Stores the file. Raises DtoolS3Error; what was sent of it is removed then, and after Ctrl-C.

    Not by s3transfer, which stops parts by raising while they are read: where awscrt is installed and reads
    them to sign them, it prints that.
    """
    client = store.client()
    plan = plan_parts(Path(path).stat().st_size, part_size_bytes=_PART_BYTES)
    place: Any = {"Bucket": store.bucket, "Key": key}
    # As boto3 does by itself elsewhere; a store refuses parts with checksums that it was not told to expect.
    checksum: Any = {"ChecksumAlgorithm": "CRC32"} if store.settings.checksum_mode == "when_supported" else {}
    with s3_errors(store.bucket, key):
        # In another thread, where Ctrl-C does not take the answer away: it says what there is to abort.
        creating = big_file_workers().submit(
            lambda: client.create_multipart_upload(**place, Metadata=metadata, **checksum)["UploadId"]
        )
        try:
            upload = {**place, "UploadId": creating.result()}
            parts = in_parallel(
                lambda number: _send_part(client, {**upload, **checksum, "PartNumber": number}, path, plan),
                range(1, plan.part_count + 1),
                big_file_workers(),
            )
            client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
        except BaseException:
            if not creating.cancel() and not creating.exception():
                _abort(client, {**place, "UploadId": creating.result()})
            raise


def _abort(client: "S3Client", upload: Any) -> None:
    """Removes what was sent. That this fails is said, and does not take the place of why it is done."""
    try:
        client.abort_multipart_upload(**upload)
    except (ClientError, BotoCoreError) as error:
        logger.warning(
            "What was sent of s3://%s/%s stays in the bucket, where no listing shows it: %s. The key needs"
            " s3:AbortMultipartUpload, or the bucket a lifecycle rule that aborts incomplete uploads.",
            upload["Bucket"],
            upload["Key"],
            error,
        )


def _send_part(client: "S3Client", part: Any, path: str, plan: PartPlan) -> Any:
    """Sends a part, and returns what CompleteMultipartUpload wants to know of it."""
    number = part["PartNumber"]
    with ReadFileChunk.from_filename(path, plan.offset(number), plan.length(number)) as content:
        body: Any = content.read() if plan.part_size_bytes <= _IN_MEMORY_BYTES else content
        stored: Any = client.upload_part(**part, Body=body)
    return {
        "PartNumber": number,
        **{name: stored[name] for name in ("ETag", "ChecksumCRC32") if name in stored},
    }


def fetch_file(store: Store, key: str, file: BinaryIO) -> None:
    """Writes the object's content into a file that can seek. Raises DtoolS3Error."""
    with s3_errors(store.bucket, key):
        _wait_for(_manager(store).download(store.bucket, key, file))


def _wait_for(future: TransferFuture) -> None:
    try:
        future.result()
    except BaseException:
        # The manager lives on, so unlike boto3's download_file nothing else stops the parts that are left.
        future.cancel()
        raise


def _manager(store: Store) -> TransferManager:
    return _manager_of_process(store.client(), os.getpid())


@lru_cache
def _manager_of_process(client: Any, process_id: int) -> TransferManager:
    """One for each store, so that the number of threads and connections stays what it is however many files
    there are; and for each process, because threads do not survive a fork.
    """
    return TransferManager(
        client,
        TransferConfig(
            multipart_threshold=PARTS_FROM_BYTES,
            multipart_chunksize=_PART_BYTES,
            max_request_concurrency=BIG_FILE_THREADS,
        ),
    )
