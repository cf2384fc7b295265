"""What is noted on this computer of big files on their way up, so that after an interruption the rest is
sent.

A file in the cache for each: its first line says which multipart upload it is, and each later line is a
part that S3 has stored. No permission to list uploads or parts is needed for it.
"""

import hashlib
import json
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from s3portal.dtool.file_lock import try_lock

logger = logging.getLogger(__name__)

_FOLDER = "uploads"


@dataclass(frozen=True, slots=True)
class BegunUpload:
    """A multipart upload, and what has to be the same to resume it: the content and how it is cut."""

    endpoint: str
    bucket: str
    key: str
    checksum: str
    size_bytes: int
    part_size_bytes: int
    upload_id: str = ""


@dataclass(slots=True)
class UploadJournal:
    """The notes of one upload, for this process alone until it is closed. ``begun`` is None where there is
    nothing to resume; ``parts`` are those that S3 has, as CompleteMultipartUpload wants them."""

    path: Path | None = None
    begun: BegunUpload | None = None
    parts: dict[int, Any] = field(default_factory=dict)
    _file: BinaryIO | None = None

    @property
    def remembers(self) -> bool:
        """Whether anything can be noted at all."""
        return self._file is not None

    def begin(self, upload: BegunUpload) -> None:
        """Notes an upload that S3 has just begun; earlier notes are dropped."""
        self.begun, self.parts = upload, {}
        if self._file:
            self._file.seek(0)
            self._file.truncate()
            self._note(asdict(upload))

    def add(self, part: Any) -> None:
        """Notes a part that S3 has stored. From any thread."""
        self.parts[part["PartNumber"]] = part
        self._note(part)

    def forget_parts(self) -> None:
        """The upload that was noted is no more: another has to be begun."""
        self.begun, self.parts = None, {}

    def forget(self) -> None:
        """The upload is complete, or gone."""
        self.begun, self.parts = None, {}
        if self._file and self.path:
            self.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Another process may resume the upload from now on."""
        if self._file:
            self._file.close()
            self._file = None

    def _note(self, content: Any) -> None:
        if self._file:
            # One write each, so that lines of several threads do not mix.
            self._file.write(json.dumps(content).encode() + b"\n")


class UploadJournals:
    """The journals in a cache folder. Where it cannot be written, nothing is remembered."""

    def __init__(self, cache: Path) -> None:
        self._folder = cache / _FOLDER

    def open(self, upload: BegunUpload) -> UploadJournal:
        """The journal of the upload, with the notes of one with the same content."""
        named = f"{upload.endpoint}\n{upload.bucket}\n{upload.key}"
        path = self._folder / f"{hashlib.sha1(named.encode(), usedforsecurity=False).hexdigest()}.jsonl"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            file = path.open("a+b", buffering=0)
        except OSError as error:
            logger.info("Progress of %s is not recorded: %s", upload.key, error)
            return UploadJournal()
        if not try_lock(file):
            file.close()
            return UploadJournal()
        begun, parts = _read(file)
        return UploadJournal(path, begun, parts, file)

    def of_folder(self, endpoint: str, bucket: str, folder: str) -> Iterator[UploadJournal]:
        """The journals of uploads to keys that begin with ``folder``, but those that a process works on."""
        for path in self._folder.glob("*.jsonl"):
            try:
                file = path.open("r+b", buffering=0)
            except OSError as error:
                logger.info("%s cannot be read: %s", path, error)
                continue
            begun, parts = _read(file) if try_lock(file) else (None, {})
            if (
                begun
                and (begun.endpoint, begun.bucket) == (endpoint, bucket)
                and begun.key.startswith(folder)
            ):
                yield UploadJournal(path, begun, parts, file)
            file.close()


def is_same_upload(begun: BegunUpload | None, upload: BegunUpload) -> bool:
    """Whether what was started can be resumed."""
    return begun is not None and replace(begun, upload_id="") == replace(upload, upload_id="")


def _read(file: BinaryIO) -> tuple[BegunUpload | None, dict[int, Any]]:
    """The notes. A line that was cut off, or a file in another format, counts as missing."""
    file.seek(0)
    first, *lines = file.read().split(b"\n")
    try:
        begun = BegunUpload(**json.loads(first))
    except (ValueError, TypeError):
        return None, {}
    parts = [part for line in lines if (part := _part(line))]
    return begun, {part["PartNumber"]: part for part in parts}


def _part(line: bytes) -> Any:
    try:
        part = json.loads(line)
    except ValueError:
        return None
    return part if isinstance(part, dict) and isinstance(part.get("PartNumber"), int) else None
