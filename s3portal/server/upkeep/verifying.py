"""Whether the bytes of a body are those that its rows describe."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from s3portal.server.kms.administrator import AdministratorsKeys, CannotOpen
from s3portal.server.kms.envelopes import SSE_S3, etag_of_part, stored_checksum
from s3portal.server.kms.segments import SegmentBroken, SegmentCipher, opened
from s3portal.server.storage.records import Part
from s3portal.server.storage.storage import Storage
from s3portal.server.upkeep.bodies import UPLOAD, Body, content_of, is_current, parts_of
from s3portal.server.upkeep.findings import BYTES_MISSING, INCONSISTENT, WRONG_BYTES, WRONG_SIZE, Finding
from s3portal.server.wire.checksums import ALGORITHMS, COMPOSITE, Digest, checksum_of_parts, encode

CHUNK_BYTES = 1024 * 1024
_MD5 = re.compile(r"[0-9a-f]{32}")
_FIX_BYTES = "Put the file back from a copy of the folder, or store the object again."
_FIX_ROWS = "Put the database back from a copy of the folder, or store the object again."

# Called with the number of bytes that were just read: to count them, and to read slowly.
Pace = Callable[[int], None]
# What opens an encrypted part, and its data key.
Key = tuple[SegmentCipher, bytes]

log = logging.getLogger(__name__)


def check_body(
    storage: Storage,
    body: Body,
    *,
    deep: bool,
    pace: Pace = lambda count: None,
    keys: AdministratorsKeys | None = None,
) -> list[Finding]:
    """Returns what is wrong with a body; reads its bytes where ``deep``. What is stored encrypted is opened
    with ``keys``; where they cannot, its stored bytes are compared with their checksum.

    It may run beside a server: a body that is replaced or removed meanwhile has nothing wrong with it.
    """
    storage.leases.acquire(body.body_id)
    try:
        parts = parts_of(storage, body)
        found = [*_check_rows(body, parts)]
        opened_parts: dict[int, Key | None] = {}
        for part in parts if deep else ():
            try:
                opened_parts[part.part_number] = _key_of(part, keys)
            except SegmentBroken as broken:
                found.append(_finding(body, WRONG_BYTES, f"part {part.part_number}: {broken}", _FIX_ROWS))
        whole = _WholeDigests(body, parts, opened_parts)
        for part in parts:
            key = opened_parts.get(part.part_number)
            problem = _check_part(storage, body, part, deep, pace, whole, key)
            if problem and is_current(storage, body, part):
                found.append(problem)
        if deep and not found:
            found += whole.differences()
        return found if found and is_current(storage, body) else []
    finally:
        storage.leases.release(body.body_id)


def _key_of(part: Part, keys: AdministratorsKeys | None) -> Key | None:
    """Returns what opens a part that is stored encrypted; None for another one, and without its key."""
    if part.key_id is None or keys is None:
        return None
    try:
        return keys.open_part(part)
    except CannotOpen as problem:
        log.debug("part %d is not opened: %s", part.part_number, problem)
        return None


def _finding(
    body: Body, kind: str, message: str, fix: str, blob: str | None = None, size_bytes: int | None = None
) -> Finding:
    name = f"{body.label}: {message}"
    return Finding(kind, name, fix, body.bucket, body.key, body.version_id, blob, size_bytes)


def _check_rows(body: Body, parts: Sequence[Part]) -> Iterator[Finding]:
    """Yields where the rows of a body contradict each other."""
    if body.bucket is None:
        yield _finding(body, INCONSISTENT, "its bucket has no row", _FIX_ROWS)
    if body.kind == UPLOAD:
        return
    if not parts:
        yield _finding(body, BYTES_MISSING, "no row says where its bytes are", _FIX_ROWS)
        return
    start = 0
    for part in parts:
        if part.start != start:
            message = f"part {part.part_number} begins at {part.start}, where {start} was expected"
            yield _finding(body, INCONSISTENT, message, _FIX_ROWS)
            return
        start += part.size_bytes
    if start != body.size_bytes:
        message = f"its parts have {start} bytes, its row says {body.size_bytes}"
        yield _finding(body, INCONSISTENT, message, _FIX_ROWS)
        return
    etag = _etag_of_rows(body, parts)
    if etag is not None and etag != body.etag:
        message = f"its ETag is {body.etag}, its parts give {etag}"
        yield _finding(body, INCONSISTENT, message, _FIX_ROWS)


def _etag_of_rows(body: Body, parts: Sequence[Part]) -> str | None:
    """Returns the ETag that follows from the parts' own; None where none does."""
    if any(part.key_id is not None or not _MD5.fullmatch(part.etag) for part in parts):
        return None
    etag = body.etag or ""
    if etag.endswith(f"-{len(parts)}"):
        joined = b"".join(bytes.fromhex(part.etag) for part in parts)
        return f"{hashlib.md5(joined, usedforsecurity=False).hexdigest()}-{len(parts)}"
    return parts[0].etag if len(parts) == 1 and _MD5.fullmatch(etag) else None


def _check_part(
    storage: Storage,
    body: Body,
    part: Part,
    deep: bool,
    pace: Pace,
    whole: _WholeDigests,
    key: Key | None,
) -> Finding | None:
    where = f"part {part.part_number}" if part.part_number != 1 or body.kind == UPLOAD else "its only part"
    expected = part.size_bytes if part.stored_size_bytes is None else part.stored_size_bytes
    chunks: Iterator[bytes | memoryview]
    content: bytes | None = None
    if part.blob is None:
        content = content_of(storage, body, part)
        if content is None:
            return _finding(body, BYTES_MISSING, f"the content of {where} is not in the database", _FIX_BYTES)
        size, chunks = len(content), iter((content,))
    else:
        path = storage.blobs.path(part.blob)
        try:
            size = path.stat().st_size
        except FileNotFoundError:
            message = f"the file of {where} is missing: {path}"
            return _finding(body, BYTES_MISSING, message, _FIX_BYTES, part.blob, expected)
        chunks = _chunks(path, pace)
    if size != expected:
        message = f"{where} has {size} bytes, its row says {expected} ({part.blob or 'in the database'})"
        return _finding(body, WRONG_SIZE, message, _FIX_BYTES, part.blob, size)
    if not deep:
        return None
    try:
        if part.key_id is not None and key is None:
            wrong = _stored_differences(part, chunks)
        else:
            if key is not None:
                source = content if part.blob is None else storage.blobs.path(part.blob)
                chunks = _opened(source or b"", part, key, pace)
            wrong = _differences(body, part, chunks, whole, key)
    except SegmentBroken as problem:
        wrong = f"is not what was stored: {problem}"
    except OSError as problem:
        wrong = f"cannot be read: {problem.strerror}"
    if wrong is None:
        return None
    message = f"{where} {wrong} ({part.blob or 'in the database'})"
    return _finding(body, WRONG_BYTES, message, _FIX_BYTES, part.blob, size)


def _chunks(path: Path, pace: Pace) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(CHUNK_BYTES):
            pace(len(chunk))
            yield chunk


def _opened(source: Path | bytes, part: Part, key: Key, pace: Pace) -> Iterator[memoryview]:
    for piece in opened(source, key[0], part.size_bytes, 0, part.size_bytes):
        pace(len(piece))
        yield piece


def _stored_differences(part: Part, chunks: Iterator[bytes | memoryview]) -> str | None:
    """Reads what is stored of an encrypted part whose key is not here; returns whether it has changed."""
    checksum = ALGORITHMS["CRC64NVME"].start()
    for chunk in chunks:
        checksum.update(chunk)
    if checksum.digest() != stored_checksum(part):
        return "is not what was stored: its encrypted bytes have changed"
    return None


def _differences(
    body: Body,
    part: Part,
    chunks: Iterator[bytes | memoryview],
    whole: _WholeDigests,
    key: Key | None,
) -> str | None:
    """Reads a part; returns in what it differs from its row, None where in nothing."""
    algorithm = ALGORITHMS.get(body.checksum_algorithm)
    own = algorithm.start() if algorithm and len(part.checksum) == algorithm.size_bytes else None
    md5 = hashlib.md5(usedforsecurity=False)
    for chunk in chunks:
        md5.update(chunk)
        if own:
            own.update(chunk)
        whole.update(chunk)
    etag = md5.hexdigest()
    if key is not None:
        etag = etag_of_part(part.key_id or "", key[1], etag)
    if _MD5.fullmatch(part.etag) and etag != part.etag:
        name = "MD5" if part.key_id in (None, SSE_S3) else "ETag"
        return f"is not what was stored: its {name} is {etag}, not {part.etag}"
    if own and own.digest() != part.checksum:
        found, expected = encode(own.digest()), encode(part.checksum)
        return f"is not what was stored: its {body.checksum_algorithm} is {found}, not {expected}"
    return None


class _WholeDigests:
    """The checksum, and where needed the MD5, of a whole object, while its parts are read."""

    def __init__(self, body: Body, parts: Sequence[Part], keys: Mapping[int, Key | None]) -> None:
        self._body, self._parts = body, parts
        algorithm = ALGORITHMS.get(body.checksum_algorithm)
        is_readable = body.kind != UPLOAD and all(
            part.key_id is None or keys.get(part.part_number) for part in parts
        )
        self._algorithm = algorithm if is_readable and body.checksum_value else None
        self._checksum: Digest | None = None
        if self._algorithm and body.checksum_type != COMPOSITE:
            self._checksum = self._algorithm.start()
        has_md5 = all(part.key_id in (None, SSE_S3) for part in parts)
        needs_md5 = is_readable and has_md5 and len(parts) > 1 and _MD5.fullmatch(body.etag or "")
        self._md5 = hashlib.md5(usedforsecurity=False) if needs_md5 else None

    def update(self, chunk: bytes | memoryview) -> None:
        if self._checksum:
            self._checksum.update(chunk)
        if self._md5:
            self._md5.update(chunk)

    def differences(self) -> Iterator[Finding]:
        body = self._body
        if self._md5 and self._md5.hexdigest() != body.etag:
            message = f"its MD5 is {self._md5.hexdigest()}, its ETag {body.etag}"
            yield _finding(body, WRONG_BYTES, message, _FIX_BYTES)
        value = self._checksum_value()
        if value is not None and value != body.checksum_value:
            message = f"its {body.checksum_algorithm} is {value}, its row says {body.checksum_value}"
            yield _finding(body, INCONSISTENT, message, _FIX_ROWS)

    def _checksum_value(self) -> str | None:
        if self._checksum:
            return encode(self._checksum.digest())
        algorithm = self._algorithm
        if algorithm is None or any(len(part.checksum) != algorithm.size_bytes for part in self._parts):
            return None
        digests = [part.checksum for part in self._parts]
        sizes_bytes = [part.size_bytes for part in self._parts]
        return checksum_of_parts(algorithm, COMPOSITE, digests, sizes_bytes).value
