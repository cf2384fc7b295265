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
from s3portal.server.background.replication.errors import Refused
from s3portal.server.background.replication.source_body import SourceBody
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


def send_in_parts(
    storage: Storage,
    client: TargetClient,
    task: Task,
    found: StoredObject,
    arguments: Mapping[str, Any],
    headers: Mapping[str, str],
    stopping: threading.Event,
) -> Any:
    """Sends an object by a multipart upload; returns the answer of CompleteMultipartUpload.

    ``arguments`` are those of CreateMultipartUpload. Raises TargetDown, Refused, Stopping.
    """
    target = {name: arguments[name] for name in ("Bucket", "Key")}
    pieces = _pieces_of(storage, found)
    upload_id = _begun(storage, client, task, found, target)
    if upload_id is None:
        upload_id = _begin(storage, client, task, found, arguments, headers)
    listed = {
        part["PartNumber"]: part for part in client.pages("list_parts", "Parts", **target, UploadId=upload_id)
    }
    completed = []
    for piece in pieces:
        there = listed.get(piece.number)
        if there is None or not _is_same(piece, there):
            there = _send_piece(storage, client, found, target | {"UploadId": upload_id}, piece, stopping)
        completed.append(_named(piece, there))
    try:
        return client.call(
            "complete_multipart_upload",
            headers,
            **target,
            UploadId=upload_id,
            MultipartUpload={"Parts": completed},
        )
    except Refused as refused:
        if code_of(refused) in ("InvalidPart", "NoSuchUpload"):
            # Completed before without our hearing of it, or aborted by somebody: the next try looks first.
            backlog.note_upload(storage, task, None)
        raise


def _pieces_of(storage: Storage, found: StoredObject) -> Sequence[_Piece]:
    if not found.part_count:
        return [
            _Piece(number, start, min(PART_BYTES, found.size_bytes - start), None, None)
            for number, start in enumerate(range(0, found.size_bytes, PART_BYTES), start=1)
        ]
    algorithm = ALGORITHMS[found.checksum.algorithm]
    pieces = []
    # Numbered anew: gaps between the numbers are not kept with an object's ETag either.
    for number, part in enumerate(list_parts(storage, found.body_id, 0, _MORE_THAN_ANY_UPLOAD), start=1):
        digest = part.checksum if len(part.checksum) == algorithm.size_bytes else None
        checksum = None if digest is None else Checksum(algorithm.name, encode(digest))
        pieces.append(_Piece(number, part.start, part.size_bytes, part.etag, checksum))
    return pieces


def _begun(
    storage: Storage, client: TargetClient, task: Task, found: StoredObject, target: Mapping[str, str]
) -> str | None:
    """Returns the upload that was begun for exactly these bytes; ends one that was begun for others."""
    body_id, _, upload_id = (task.upload_id or "").partition(" ")
    if not upload_id:
        return None
    if body_id == found.body_id and client.has_upload(target, upload_id):
        return upload_id
    client.abort(target, upload_id)
    backlog.note_upload(storage, task, None)
    return None


def _begin(
    storage: Storage,
    client: TargetClient,
    task: Task,
    found: StoredObject,
    arguments: Mapping[str, Any],
    headers: Mapping[str, str],
) -> str:
    checksums: dict[str, Any] = {}
    if client.takes_checksums and found.part_count:
        checksums = {"ChecksumAlgorithm": found.checksum.algorithm, "ChecksumType": found.checksum.type}
    try:
        answer = client.call("create_multipart_upload", headers, **arguments, **checksums)
    except Refused as refused:
        if not checksums or not client.refuses_checksums(refused):
            raise
        answer = client.call("create_multipart_upload", headers, **arguments)
    upload_id: str = answer["UploadId"]
    backlog.note_upload(storage, task, f"{found.body_id} {upload_id}")
    return upload_id


def _is_same(piece: _Piece, listed: Mapping[str, Any]) -> bool:
    """Whether a part that the target lists is this one. What nothing proves is sent again."""
    if listed["Size"] != piece.size_bytes or piece.etag is None:
        return False
    return bool(listed["ETag"].strip('"') == piece.etag)


def _send_piece(
    storage: Storage,
    client: TargetClient,
    found: StoredObject,
    target: Mapping[str, Any],
    piece: _Piece,
    stopping: threading.Event,
) -> Any:
    body = SourceBody(storage, found, piece.start, piece.size_bytes, stopping)
    return client.put(
        "upload_part", {}, piece.checksum, piece.etag, **target, PartNumber=piece.number, Body=body
    )


def _named(piece: _Piece, there: Mapping[str, Any]) -> dict[str, Any]:
    named = {"PartNumber": piece.number, "ETag": there["ETag"]}
    if piece.checksum is not None and there.get(piece.checksum.element_name):
        named[piece.checksum.element_name] = piece.checksum.value
    return named
