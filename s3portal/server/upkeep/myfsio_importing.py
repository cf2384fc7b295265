"""MyFSIO's data folder into this server's: buckets, objects, versions, keys, users. The source is only read.

Every object is compared with what the folder notes of it, and opened where it is encrypted. May be run again,
after an interruption too: versions have ids and dates that follow from the source, and what is there already
is left as it is.
"""

from __future__ import annotations

import hashlib
import io
import json
import mimetypes
import os
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from s3portal.server.authority.bucket_policy import read_bucket_policy
from s3portal.server.bucket_settings import ownership, policy
from s3portal.server.gateway.self_report import RESERVED_NAMES
from s3portal.server.kms.administrator import AdministratorsKeys
from s3portal.server.kms.keys import Keys
from s3portal.server.kms.master_key import MasterKey
from s3portal.server.myfsio import settings as bucket_documents
from s3portal.server.myfsio.bucket_policies import read_policies
from s3portal.server.myfsio.decryption import ALGORITHM, INTERNAL, CannotDecrypt, MyfsioKeys
from s3portal.server.myfsio.folder import KeptKey, KeptVersion, MyfsioFolder, Refused
from s3portal.server.storage import buckets, deletion, objects, quotas, replicas, versioning, versions
from s3portal.server.storage.deletion import Deletion
from s3portal.server.storage.records import FIRST_ACCOUNT, Bucket, Part, Versioning
from s3portal.server.storage.storage import Storage
from s3portal.server.upkeep.importing import DEFAULT_CONTENT_TYPE, StoredPlace, store_stream
from s3portal.server.upkeep.myfsio_people import import_users
from s3portal.server.upkeep.myfsio_replication import CONNECTIONS, RULES, import_replication
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.s3_request import KEY_LIMIT_BYTES, valid_bucket_name
from s3portal.server.wire.tag_sets import checked_tags, encode_tags

_MD5 = re.compile(r"[0-9a-f]{32}")
_HEADER_NAME = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]{1,128}")
_NOT_IN_HEADERS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


@dataclass
class MyfsioImported:
    """What an import did so far. ``left_out`` says what was not taken over, ``failed`` what could not be
    read."""

    buckets: int = 0
    objects: int = 0
    versions: int = 0
    bytes_read: int = 0
    unchanged: int = 0
    users: int = 0
    keys: int = 0
    connections: int = 0
    rules: int = 0
    left_out: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Run:
    """One import. ``keys`` encrypt here, ``source_keys`` open what is in the folder."""

    storage: Storage
    folder: MyfsioFolder
    keys: AdministratorsKeys
    source_keys: MyfsioKeys
    done: MyfsioImported
    on_problem: Callable[[str], None]

    def leave_out(self, message: str) -> None:
        self.done.left_out.append(message)
        self.on_problem(f"Left out: {message}")

    def fail(self, message: str) -> None:
        self.done.failed.append(message)
        self.on_problem(f"Failed: {message}")


def import_myfsio(
    storage: Storage,
    folder: MyfsioFolder,
    master_key: MasterKey,
    *,
    region: str = "us-east-1",
    on_problem: Callable[[str], None] = lambda message: None,
) -> MyfsioImported:
    """Takes over everything in the folder that this server has a place for.

    Raises Refused for keys that cannot be opened, InsufficientStorage, MasterKeyError, OSError where the
    folder cannot be read, ValueError for an iam.json of another release.
    """
    source_keys, kept_keys = folder.keys()
    run = _Run(
        storage,
        folder,
        AdministratorsKeys(storage, master_key, region),
        source_keys,
        MyfsioImported(),
        on_problem,
    )
    # Read before anything is stored: a file of a later release stops the import.
    iam_text = folder.config_text("iam.json")
    if iam_text is not None:
        import_users(storage, master_key, iam_text, run.done, run.leave_out)
    keys = Keys(storage, master_key, region)
    for kept in kept_keys:
        _import_key(run, keys, kept)
    policies = _policies(run)
    for name in folder.buckets():
        _import_bucket(run, name, policies.get(name))
    for kept in kept_keys:
        if not kept.is_enabled:
            # Not before: objects are encrypted with it anew.
            keys.change(kept.key_id.lower(), lambda key: replace(key, is_enabled=False))
    # Last: what is taken over is no change that a rule would be about.
    found = {name: folder.config_text(name) for name in (CONNECTIONS, RULES)}
    texts = {name: text for name, text in found.items() if text is not None}
    import_replication(storage, master_key, texts, run.done, run.leave_out)
    for bucket, upload_id in folder.unfinished_uploads():
        run.leave_out(f"the unfinished upload {upload_id} of bucket {bucket}: it has to be sent again")
    return run.done


def _import_key(run: _Run, keys: Keys, kept: KeptKey) -> None:
    try:
        keys.create(
            FIRST_ACCOUNT,
            key_id=kept.key_id.lower(),
            material=kept.material,
            description=kept.description,
        )
    except S3Error as refused:
        if refused.code != "AlreadyExistsException":
            raise
        run.done.unchanged += 1
    else:
        run.done.keys += 1


def _policies(run: _Run) -> Mapping[str, object]:
    text = run.folder.config_text("bucket_policies.json")
    if text is None:
        return {}
    try:
        return read_policies(text)
    except ValueError as problem:
        run.leave_out(f"bucket_policies.json: {problem}")
        return {}


# --- buckets -------------------------------------------------------------------------------------------


def _import_bucket(run: _Run, name: str, bucket_policy: object | None) -> None:
    if not valid_bucket_name(name) or name in RESERVED_NAMES:
        run.leave_out(f"bucket {name}: no bucket can have this name")
        return
    try:
        noted = run.folder.settings(name)
    except Refused as refused:
        run.fail(f"bucket {name}: {refused}")
        noted = {}
    documents, left_out = bucket_documents.settings_of(noted)
    for message in left_out:
        run.leave_out(f"bucket {name}, {message}")
    created = {ownership.KIND: ownership.write(ownership.DEFAULT)} | documents
    if buckets.create(run.storage, name, settings=created):
        run.done.buckets += 1
    bucket = buckets.find(run.storage, name)
    if bucket.owner != FIRST_ACCOUNT:
        run.leave_out(f"bucket {name}: it belongs to another account here")
        return
    _import_contents(run, bucket, keeps_versions=noted.get(bucket_documents.VERSIONING) is True)
    if bucket_policy is not None:
        text = json.dumps(bucket_policy)
        read_bucket_policy(text, name)
        buckets.put_setting(run.storage, name, policy.KIND, text)
    try:
        quota = bucket_documents.quota_of(noted)
    except ValueError as problem:
        run.leave_out(f"bucket {name}, quota: {problem}")
        quota = None
    if quota is not None:
        # Last: what was over it in the source is taken over all the same.
        quotas.put_of_bucket(run.storage, name, quota)


def _import_contents(run: _Run, bucket: Bucket, *, keeps_versions: bool) -> None:
    older = list(run.folder.versions(bucket.name))
    of_key: dict[str, list[KeptVersion]] = {}
    for one in older:
        if isinstance(one, Refused):
            run.leave_out(str(one))
        else:
            of_key.setdefault(one.key, []).append(one)
    has_versions = keeps_versions or bool(of_key)
    if has_versions and bucket.versioning is not Versioning.ENABLED:
        versioning.put(run.storage, bucket.name, Versioning.ENABLED)
    bucket = buckets.find(run.storage, bucket.name)
    current: set[str] = set()
    for found in run.folder.objects(bucket.name):
        if isinstance(found, Refused):
            run.leave_out(str(found))
            continue
        current.add(found.key)
        latest = _import_versions(run, bucket, of_key.get(found.key, ()))
        kept = replace(found, modified_at=max(found.modified_at, latest + 1))
        _import_version(run, bucket, kept, is_current=True, has_versions=has_versions)
    for key in sorted(of_key.keys() - current):
        _import_versions(run, bucket, of_key[key])
        there = versions.find_version(run.storage, bucket.name, key)
        if there is not None and not there.is_delete_marker:
            # It was deleted in the source, where its versions stayed.
            deletion.delete(run.storage, bucket.name, [Deletion(key)], bucket.owner)
    if has_versions and not keeps_versions:
        versioning.put(run.storage, bucket.name, Versioning.SUSPENDED)


def _import_versions(run: _Run, bucket: Bucket, of_key: Sequence[KeptVersion]) -> int:
    """Imports the older versions of a key; returns the date of the last one, in ms since 1970."""
    latest = 0
    for kept in of_key:
        latest = max(kept.modified_at, latest + 1)
        dated = replace(kept, modified_at=latest)
        _import_version(run, bucket, dated, is_current=False, has_versions=True)
    return latest


# --- objects -------------------------------------------------------------------------------------------


def _import_version(
    run: _Run, bucket: Bucket, kept: KeptVersion, *, is_current: bool, has_versions: bool
) -> None:
    if len(kept.key.encode()) > KEY_LIMIT_BYTES:
        run.leave_out(f"{kept.path}: its key has more than {KEY_LIMIT_BYTES} bytes")
        return
    try:
        if _is_there(run.storage, bucket, kept, has_versions):
            run.done.unchanged += 1
            return
        _store(run, bucket, kept, has_versions)
    except replicas.NotNeeded:
        run.done.unchanged += 1
    except (CannotDecrypt, Refused, OSError) as problem:
        run.fail(f"{kept.path}: {problem}")
    except S3Error as refused:
        if refused.code == "InsufficientStorage":
            raise
        run.fail(f"{kept.path}: {refused.message}")
    else:
        run.done.objects += is_current
        run.done.versions += not is_current


def _is_there(storage: Storage, bucket: Bucket, kept: KeptVersion, has_versions: bool) -> bool:
    if has_versions:
        return versions.find_version(storage, bucket.name, kept.key, kept.version_id) is not None
    found = objects.find(storage, bucket.name, kept.key)
    return found is not None and found.modified_at >= kept.modified_at


def _store(run: _Run, bucket: Bucket, kept: KeptVersion, has_versions: bool) -> None:
    with ExitStack() as opened:
        file = _Hashed(opened.enter_context(_open(kept.path)))
        before = os.fstat(file.descriptor)
        content, size_bytes = file, before.st_size
        if ALGORITHM in kept.metadata:
            sealed = opened.enter_context(io.BufferedReader(_open(kept.path)))
            context = {"bucket": bucket.name, "key": kept.key}
            reader, size_bytes = run.source_keys.open(sealed, kept.metadata, context)
            content = _Hashed(reader)
        if kept.size_bytes not in (None, before.st_size, size_bytes):
            raise Refused(f"it has {before.st_size:,} bytes, and {kept.size_bytes:,} are noted")

        def require_same(parts: Sequence[Part]) -> None:
            after = os.fstat(file.descriptor)
            if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
                raise Refused("it changed while it was read; import it again")
            # Of an encrypted one it is the ETag of the file as it is: what is in it has tags of its own.
            file.read_to_end()
            seen = {file.md5.hexdigest(), content.md5.hexdigest()}
            if kept.etag and _MD5.fullmatch(kept.etag) and kept.etag not in seen:
                raise Refused(f"its content is not that of its ETag, {kept.etag}")

        headers, wrapping = run.keys.of_new_object(bucket, kept.key)
        origin = replicas.Origin(kept.version_id if has_versions else None, kept.modified_at)
        marks = {name: text for name, text in origin.headers.items() if name != replicas.STATUS_HEADER}
        store_stream(
            run.storage,
            content,
            size_bytes,
            StoredPlace(bucket.name, kept.key, bucket.owner),
            _headers(run, kept) | headers | marks,
            wrapping,
            check=require_same,
            tags=_tags(run, kept),
        )
        run.done.bytes_read += before.st_size


def _open(path: Path) -> io.FileIO:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    return os.fdopen(descriptor, "rb", buffering=0)


def _headers(run: _Run, kept: KeptVersion) -> dict[str, str]:
    """What the object is served with: its content type, and the metadata of its user."""
    headers = {"content-type": mimetypes.guess_type(kept.key)[0] or DEFAULT_CONTENT_TYPE}
    for name, value in kept.metadata.items():
        lowered = name.lower()
        if lowered in ("content-type", "__content_type__"):
            headers["content-type"] = value
        elif lowered not in INTERNAL and not lowered.startswith("__"):
            if not _HEADER_NAME.fullmatch(lowered) or _NOT_IN_HEADERS.search(value):
                run.leave_out(f"{kept.path}: its metadata {name!r} cannot be a header")
                continue
            # Headers are kept as WSGI has them: a character for each byte.
            headers[f"x-amz-meta-{lowered.removeprefix('x-amz-meta-')}"] = value.encode().decode("latin-1")
    return headers


def _tags(run: _Run, kept: KeptVersion) -> str | None:
    try:
        return encode_tags(checked_tags(list(kept.tags.items())))
    except S3Error as refused:
        run.leave_out(f"{kept.path}: its tags: {refused.message}")
        return None


class _Hashed:
    """Reads a file, with the MD5 of all that was read."""

    def __init__(self, file: io.RawIOBase) -> None:
        self._file = file
        self.md5 = hashlib.md5(usedforsecurity=False)

    @property
    def descriptor(self) -> int:
        return self._file.fileno()

    def readinto(self, buffer: memoryview, /) -> int | None:
        count = self._file.readinto(buffer)
        self.md5.update(buffer[: count or 0])
        return count

    def read_to_end(self) -> None:
        buffer = memoryview(bytearray(1024 * 1024))
        while self.readinto(buffer):
            pass
