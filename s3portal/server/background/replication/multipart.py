"""Large objects: part by part, as they were uploaded, so that ETag and checksum are the same at the target.

An upload is noted with its task before its first part is sent. Whoever continues it, in this process or after
a crash, sends the parts that the target does not list.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from s3portal.server.background.replication.client import TargetClient, code_of
from s3portal.server.background.replication.comparing import has_md5
from s3portal.server.background.replication.errors import Refused
from s3portal.server.background.replication.source_body import SourceBody
from s3portal.server.kms.administrator import AdministratorsKeys
from s3portal.server.storage import replication_backlog as backlog
from s3portal.server.storage.parts import list_parts
from s3portal.server.storage.records import StoredObject
from s3portal.server.storage.replication_backlog import Task
from s3portal.server.storage.storage import Storage
from s3portal.server.wire.checksums import ALGORITHMS, Checksum, encode

#: Of an object that was not uploaded in parts.
PART_BYTES = 32 * 1024**2
_MORE_THAN_ANY_UPLOAD = 10_001


@dataclass(frozen=True)
class _Piece:
    """A part to be sent. ``etag`` is its MD5 in hex and ``checksum`` its digest, None where they are not
    known of exactly these bytes."""

    number: int
    start: int
    size_bytes: int
    etag: str | None
    checksum: Checksum | None


@dataclass(frozen=True)
class PartwiseUpload:
    """An object on its way to a target in parts. ``arguments`` are those of CreateMultipartUpload,
    ``headers`` tell a server like this one which version it is; ``connection`` is the target's name."""

    storage: Storage
    keys: AdministratorsKeys
    client: TargetClient
    task: Task
    found: StoredObject
    arguments: Mapping[str, Any]
    headers: Mapping[str, str]
    connection: str
    stopping: threading.Event

    @property
    def _target(self) -> dict[str, str]:
        return {name: self.arguments[name] for name in ("Bucket", "Key")}

    def send(self) -> Any:
        """Sends what the target does not have; returns the answer of CompleteMultipartUpload.

        Raises TargetDown, Refused, Stopping.
        """
        named = self._target | {"UploadId": self._begun() or self._begin()}
        listed = {part["PartNumber"]: part for part in self.client.listed("list_parts", "Parts", **named)}
        completed = []
        for piece in self._pieces():
            there = listed.get(piece.number)
            if there is None or not _is_same(piece, there):
                there = self._send_piece(piece, named)
            completed.append(_named(piece, there))
        parts = {"Parts": completed}
        try:
            return self.client.call("complete_multipart_upload", self.headers, **named, MultipartUpload=parts)
        except Refused as refused:
            if code_of(refused) in ("InvalidPart", "NoSuchUpload"):
                # Completed before without our hearing of it, or aborted by somebody: the next try looks.
                self._end(named["UploadId"])
            raise

    def _pieces(self) -> Sequence[_Piece]:
        found = self.found
        if not found.part_count:
            return [
                _Piece(number, start, min(PART_BYTES, found.size_bytes - start), None, None)
                for number, start in enumerate(range(0, found.size_bytes, PART_BYTES), start=1)
            ]
        algorithm = ALGORITHMS[found.checksum.algorithm]
        pieces = []
        # Numbered anew: gaps between the numbers are not kept with an object's ETag either.
        parts = list_parts(self.storage, found.body_id, 0, _MORE_THAN_ANY_UPLOAD)
        for number, part in enumerate(parts, start=1):
            digest = part.checksum if len(part.checksum) == algorithm.size_bytes else None
            checksum = None if digest is None else Checksum(algorithm.name, encode(digest))
            etag = part.etag if has_md5(found) else None
            pieces.append(_Piece(number, part.start, part.size_bytes, etag, checksum))
        return pieces

    def _begun(self) -> str | None:
        """Returns the upload that was begun for exactly these bytes; ends one that was begun for others."""
        body_id, _, upload_id = (self.task.upload_id or "").partition(" ")
        if not upload_id:
            return None
        if body_id == self.found.body_id and self.client.has_upload(self._target, upload_id):
            self._note(upload_id)
            return upload_id
        self._end(upload_id)
        return None

    def _end(self, upload_id: str) -> None:
        self.client.abort(self._target, upload_id)
        backlog.forget_upload(self.storage, self.task)

    def _note(self, upload_id: str) -> None:
        """Notes an upload with its task; aborts it where the task has gone meanwhile, with its rule."""
        target = (self.connection, self._target["Bucket"])
        if not backlog.note_upload(self.storage, self.task, f"{self.found.body_id} {upload_id}", target):
            self.client.abort(self._target, upload_id)
            raise Refused("the rule was removed meanwhile")

    def _begin(self) -> str:
        checksums: dict[str, Any] = {}
        if self.client.takes_checksums and self.found.part_count:
            checksum = self.found.checksum
            checksums = {"ChecksumAlgorithm": checksum.algorithm, "ChecksumType": checksum.type}
        try:
            answer = self._create(checksums)
        except Refused as refused:
            if not checksums or not self.client.refuses_checksums(refused):
                raise
            answer = self._create({})
        upload_id: str = answer["UploadId"]
        self._note(upload_id)
        return upload_id

    def _create(self, checksums: Mapping[str, Any]) -> Any:
        return self.client.call("create_multipart_upload", self.headers, **self.arguments, **checksums)

    def _send_piece(self, piece: _Piece, named: Mapping[str, Any]) -> Any:
        body = SourceBody(self.storage, self.keys, self.found, piece.start, piece.size_bytes, self.stopping)
        return self.client.put(
            "upload_part", {}, piece.checksum, piece.etag, **named, PartNumber=piece.number, Body=body
        )


def _is_same(piece: _Piece, listed: Mapping[str, Any]) -> bool:
    """Whether a part that the target lists is this one. What nothing proves is sent again."""
    if listed["Size"] != piece.size_bytes or piece.etag is None:
        return False
    return bool(listed["ETag"].strip('"') == piece.etag)


def _named(piece: _Piece, there: Mapping[str, Any]) -> dict[str, Any]:
    named = {"PartNumber": piece.number, "ETag": there["ETag"]}
    if piece.checksum is not None and there.get(piece.checksum.element_name):
        named[piece.checksum.element_name] = piece.checksum.value
    return named
