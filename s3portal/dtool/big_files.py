"""Files that do not fit into memory: in parts, several at a time, straight from the disk.

What S3 has of a file that was interrupted stays, and the next attempt sends the rest.
"""

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from s3transfer.utils import ReadFileChunk

from s3portal.dtool.bucket_objects import content_md5
from s3portal.dtool.s3_errors import again_where_damaged, s3_errors, status
from s3portal.dtool.upload_journal import BegunUpload, UploadJournal, UploadJournals, is_same_upload
from s3portal.dtool.workers import BIG_FILE_THREADS, big_file_workers
from s3portal.transfer import (
    FileShrank,
    Part,
    PartPlan,
    PathSource,
    Store,
    StoredBefore,
    plan_parts,
    says_no_upload,
    send_parts,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

logger = logging.getLogger(__name__)

#: Above this size a file is sent and fetched in parts.
PARTS_FROM_BYTES = 8 * 1024 * 1024
#: Larger parts than boto3's own 8 MiB make half the requests.
PART_BYTES = 16 * 1024 * 1024
# From memory a part is one write and not thousands. Those of the very largest files stay on the disk.
_IN_MEMORY_BYTES = PART_BYTES


def send_file(store: Store, path: str, key: str, metadata: dict[str, str], journals: UploadJournals) -> None:
    """Stores the file, whose MD5 is ``metadata["checksum"]``. Raises DtoolS3Error.

    What S3 has of it stays where another attempt can resume it: after Ctrl-C, and where S3 failed or
    was not reached. Otherwise, and where nothing can be noted, it is removed.
    """
    size_bytes = Path(path).stat().st_size
    plan = plan_parts(size_bytes, part_size_bytes=PART_BYTES)
    wanted = BegunUpload(
        store.settings.s3_endpoint, store.bucket, key, metadata["checksum"], size_bytes, plan.part_size_bytes
    )
    journal = journals.open(wanted)
    try:
        with s3_errors(store.bucket, key):
            sending = _Sending(store, path, plan, wanted, metadata, journal)
            resumed = sending.begin()
            try:
                sending.send_rest()
            except ClientError as error:
                # Someone aborted it, or a lifecycle rule of the bucket did.
                if not resumed or not _says_no_upload(error):
                    raise
                journal.forget_parts()
                sending.begin()
                sending.send_rest()
    finally:
        journal.close()


def remove_begun(store: Store, journals: UploadJournals, folder: str) -> None:
    """Removes what is noted of uploads to keys that begin with ``folder``, which no one will resume."""
    for journal in journals.of_folder(store.settings.s3_endpoint, store.bucket, folder):
        if journal.begun:
            _abort(store.client(), journal.begun)
        journal.forget()


class _Sending:
    """One file on its way.

    Not by s3transfer, which stops parts by raising while they are read: where awscrt is installed and reads
    them to sign them, it prints that.
    """

    def __init__(
        self,
        store: Store,
        path: str,
        plan: PartPlan,
        wanted: BegunUpload,
        metadata: dict[str, str],
        journal: UploadJournal,
    ) -> None:
        self._client = store.client()
        self._path = path
        self._plan = plan
        self._wanted = wanted
        self._metadata = metadata
        self._journal = journal
        self._place: Any = {"Bucket": wanted.bucket, "Key": wanted.key}
        self._with_crc = store.settings.checksum_mode == "when_supported"

    def begin(self) -> bool:
        """Resumes the upload that is recorded, or begins one; whether it resumes."""
        begun = self._journal.begun
        if begun and self._journal.parts and is_same_upload(begun, self._wanted):
            return True
        if begun:
            _abort(self._client, begun)
        # In another thread, where Ctrl-C does not take the answer away: it says what there is to abort.
        creating = big_file_workers().submit(self._create)
        try:
            creating.result()
        except BaseException:
            if not creating.cancel() and not creating.exception():
                self._remove()
            raise
        return False

    def _create(self) -> None:
        # As boto3 does automatically elsewhere; a store refuses parts with checksums that it was not told to
        # expect.
        checksum: Any = {"ChecksumAlgorithm": "CRC32"} if self._with_crc else {}
        created = self._client.create_multipart_upload(**self._place, Metadata=self._metadata, **checksum)
        self._journal.begin(replace(self._wanted, upload_id=created["UploadId"]))

    def send_rest(self) -> None:
        """Sends the parts that S3 does not have yet, and completes the upload. Raises botocore's errors."""
        numbers = range(1, self._plan.part_count + 1)
        try:
            send_parts(
                PathSource(Path(self._path), self._plan),
                self._send_part,
                stored=StoredBefore(self._journal.parts.keys()),
                again=again_where_damaged,
                at_a_time=BIG_FILE_THREADS,
                workers=big_file_workers(),
            )
            parts: Any = [self._journal.parts[number] for number in numbers]
            self._client.complete_multipart_upload(**self._upload, MultipartUpload={"Parts": parts})
        except BaseException as error:
            # The answer to completing may have been lost, or another process was faster.
            if not (_says_no_upload(error) and self._is_stored()):
                if not self._can_be_gone_on_with(error):
                    self._remove()
                raise
        self._journal.forget()

    @property
    def _upload(self) -> Any:
        begun = self._journal.begun
        return {**self._place, "UploadId": begun.upload_id if begun else ""}

    def _send_part(self, part: Part) -> None:
        """Sends a part, and notes what CompleteMultipartUpload wants to know of it."""
        check: Any = {"ChecksumAlgorithm": "CRC32"} if self._with_crc else {}
        if part.length_bytes <= _IN_MEMORY_BYTES:
            body = part.read()
            check = check or {"ContentMD5": content_md5(body)}
            stored = self._upload_part(part, Body=body, **check)
        else:
            with ReadFileChunk.from_filename(
                self._path, self._plan.offset(part.number), part.length_bytes
            ) as content:
                if len(content) < part.length_bytes:
                    raise FileShrank(self._path, part.length_bytes - len(content))
                stored = self._upload_part(part, Body=content, **check)
        named = {name: stored[name] for name in ("ETag", "ChecksumCRC32") if name in stored}
        self._journal.add({"PartNumber": part.number, **named})

    def _upload_part(self, part: Part, **arguments: Any) -> Any:
        return self._client.upload_part(**self._upload, PartNumber=part.number, **arguments)

    def _is_stored(self) -> bool:
        try:
            head = self._client.head_object(**self._place)
        except ClientError as error:
            if status(error) == 404:
                return False
            raise
        stored = head["ContentLength"], head["Metadata"].get("checksum")
        return stored == (self._wanted.size_bytes, self._wanted.checksum)

    def _can_be_gone_on_with(self, error: BaseException) -> bool:
        if _says_no_upload(error):
            return True
        passing = status(error) in (429, *range(500, 600)) if isinstance(error, ClientError) else True
        local = isinstance(error, Exception) and not isinstance(error, (ClientError, BotoCoreError))
        return self._journal.remembers and bool(self._journal.parts) and passing and not local

    def _remove(self) -> None:
        if self._journal.begun:
            _abort(self._client, self._journal.begun)
        self._journal.forget()


def _says_no_upload(error: BaseException) -> bool:
    return isinstance(error, ClientError) and says_no_upload(error)


def _abort(client: "S3Client", begun: BegunUpload) -> None:
    """Removes the parts that were sent. A failure is logged, and does not hide the reason for the removal."""
    try:
        client.abort_multipart_upload(Bucket=begun.bucket, Key=begun.key, UploadId=begun.upload_id)
    except (ClientError, BotoCoreError) as error:
        if _says_no_upload(error):
            return
        logger.warning(
            "What was sent of s3://%s/%s stays in the bucket, where no listing shows it: %s. The key needs"
            " s3:AbortMultipartUpload, or the bucket a lifecycle rule that aborts incomplete uploads.",
            begun.bucket,
            begun.key,
            error,
        )
