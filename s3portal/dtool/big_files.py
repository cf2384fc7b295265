"""Files that do not fit into memory: in parts, several at a time, straight from and to the disk.

s3transfer does it; here is one of its managers for each store, so that the number of threads and connections
stays what it is however many files there are.
"""

import os
from functools import lru_cache
from typing import Any, BinaryIO

from s3transfer.futures import TransferFuture
from s3transfer.manager import TransferConfig, TransferManager

from s3portal.dtool.s3_errors import s3_errors
from s3portal.transfer import Store

#: Above this size a file is sent and fetched in parts.
PARTS_FROM_BYTES = 8 * 1024 * 1024
# Larger parts than s3transfer's own 8 MiB make half the requests. Where 10,000 of them do not hold the file,
# it makes them larger still.
_PART_BYTES = 16 * 1024 * 1024
_THREADS = 8


def send_file(store: Store, path: str, key: str, metadata: dict[str, str]) -> None:
    """Stores the file. Raises DtoolS3Error; what was sent of it is removed then, and after Ctrl-C."""
    with s3_errors(store.bucket, key):
        _wait_for(_manager(store).upload(path, store.bucket, key, extra_args={"Metadata": metadata}))


def fetch_file(store: Store, key: str, file: BinaryIO) -> None:
    """Writes the object's content into a file that can seek. Raises DtoolS3Error."""
    with s3_errors(store.bucket, key):
        _wait_for(_manager(store).download(store.bucket, key, file))


def _wait_for(future: TransferFuture) -> None:
    try:
        future.result()
    except BaseException:
        # The manager lives on, so unlike boto3's upload_file nothing else stops the parts that are left.
        future.cancel()
        raise


def _manager(store: Store) -> TransferManager:
    return _manager_of_process(store.client(), os.getpid())


@lru_cache
def _manager_of_process(client: Any, process_id: int) -> TransferManager:
    """The manager of a client in one process: threads do not survive a fork."""
    return TransferManager(
        client,
        TransferConfig(
            multipart_threshold=PARTS_FROM_BYTES,
            multipart_chunksize=_PART_BYTES,
            max_request_concurrency=_THREADS,
        ),
    )
