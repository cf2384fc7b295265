"""MyFSIO's data folder, as releases 0.1.9 to 0.2.1 and those before them lay it out. Only reading.

Links are not followed, and what leads out of the folder is refused. A folder of another release is refused by
what tells it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from s3portal.server.myfsio.decryption import KEY_BYTES, MyfsioKeys, unwrapped
from s3portal.server.wire.json_documents import parse_json

SYSTEM = ".myfsio.sys"
# Older releases had the files of config/ beside it.
_CONFIGURATION = ("iam.json", "bucket_policies.json", "connections.json", "replication_rules.json")
_KNOWN_IN_SYSTEM = frozenset({"config", "buckets", "multipart", "keys", "tmp", *_CONFIGURATION})
_LATER_IN_BUCKET = ("_index.json",)
#: First parts of paths in a bucket that are no keys; older releases kept theirs there.
RESERVED = frozenset({".meta", ".versions", ".multipart", ".bucket.json"})
_METADATA = ".meta.json"
_VERSION_ID = re.compile(r"[A-Za-z0-9._]{26,1024}")
_JSON_LIMIT_BYTES = 64 * 1024 * 1024


class UnknownRelease(ValueError):
    """The folder is not of a release that can be read; the message says what tells it."""


class Refused(ValueError):
    """Something in the folder is not taken over; the message says why."""


@dataclass(frozen=True)
class KeptVersion:
    """An object, or an older version of one. ``path`` has its bytes; ``modified_at`` is in ms since 1970.
    ``etag`` and ``size_bytes`` are of these bytes as the folder notes them, None where it does not."""

    key: str
    path: Path
    version_id: str
    modified_at: int
    metadata: Mapping[str, str]
    tags: Mapping[str, str] = field(default_factory=dict)
    etag: str | None = None
    size_bytes: int | None = None


@dataclass(frozen=True)
class KeptKey:
    """A key of the key management with its material."""

    key_id: str
    description: str
    is_enabled: bool
    material: bytes


class MyfsioFolder:
    """``root`` is STORAGE_ROOT; the files of keys may be somewhere else. Raises UnknownRelease."""

    def __init__(self, root: Path, *, master_key: Path | None = None, kms_keys: Path | None = None) -> None:
        self.root = root
        self._system = root / SYSTEM
        self._master_key = master_key or self._system / "keys" / "master.key"
        self._kms_keys = kms_keys or self._system / "keys" / "kms_keys.json"
        self._refuse_unknown()

    def _refuse_unknown(self) -> None:
        if not self._system.is_dir() or self._system.is_symlink():
            raise UnknownRelease(f"{self.root} has no folder {SYSTEM}: it is no data folder of MyFSIO's")
        unknown = sorted({path.name for path in self._system.iterdir()} - _KNOWN_IN_SYSTEM)
        if unknown:
            raise UnknownRelease(
                f"{self._system} holds {', '.join(unknown)}, which releases up to 0.2.1 do not write: a "
                "later release is not read"
            )
        buckets = self._system / "buckets"
        for path in sorted(buckets.rglob("*")) if buckets.is_dir() else ():
            if path.name in _LATER_IN_BUCKET:
                raise UnknownRelease(f"{path} is of release 0.4 or later, which is not read")

    def config_text(self, name: str) -> str | None:
        """Returns the text of a file of the configuration, None where there is none. Older releases had it
        one or two folders up."""
        for folder in (self._system / "config", self._system, self.root):
            if is_plain_file(folder / name):
                return (folder / name).read_text("utf-8")
        return None

    def keys(self) -> tuple[MyfsioKeys, list[KeptKey]]:
        """Returns what opens objects, and the keys of the key management. Raises Refused."""
        master = self._master()
        kept = []
        if is_plain_file(self._kms_keys):
            for entry in _list(_json(self._kms_keys), "keys", self._kms_keys):
                kept.append(self._kept_key(entry, master))
        return MyfsioKeys(master, {key.key_id: key.material for key in kept}), kept

    def _master(self) -> bytes | None:
        if not is_plain_file(self._master_key):
            return None
        try:
            key = base64.b64decode(self._master_key.read_text("ascii").strip(), validate=True)
        except ValueError as problem:
            raise Refused(f"{self._master_key} is not base64: {problem}") from problem
        if len(key) != KEY_BYTES:
            raise Refused(f"{self._master_key} must be {KEY_BYTES} bytes in base64")
        return key

    def _kept_key(self, entry: Any, master: bytes | None) -> KeptKey:
        if not isinstance(entry, Mapping) or not isinstance(entry.get("KeyId"), str):
            raise Refused(f"{self._kms_keys}: a key has no KeyId")
        try:
            sealed = base64.b64decode(str(entry.get("EncryptedKeyMaterial", "")), validate=True)
        except binascii.Error as problem:
            raise Refused(f"{self._kms_keys}: {entry['KeyId']}: {problem}") from problem
        material = None if master is None else unwrapped(master, sealed)
        if material is None or len(material) != KEY_BYTES:
            raise Refused(f"{self._kms_keys}: {entry['KeyId']} cannot be opened with {self._master_key}")
        description = str(entry.get("Description") or "")
        return KeptKey(entry["KeyId"], description, entry.get("Enabled", True) is not False, material)

    # --- buckets ---------------------------------------------------------------------------------------

    def buckets(self) -> list[str]:
        """Returns the names of the folders that are buckets."""
        found = (path for path in self.root.iterdir() if not path.name.startswith("."))
        return sorted(path.name for path in found if path.is_dir() and not path.is_symlink())

    def unfinished_uploads(self) -> Iterator[tuple[str, str]]:
        """Yields bucket and id of the multipart uploads that were begun and not completed. How their parts
        are noted is not known."""
        of_all = self._system / "multipart"
        places = [(path.name, path) for path in _folders(of_all)]
        places += [(bucket, self.root / bucket / ".multipart") for bucket in self.buckets()]
        for bucket, place in places:
            for upload in _folders(place):
                yield bucket, upload.name

    def settings(self, bucket: str) -> Mapping[str, Any]:
        """Returns what is noted of a bucket. Raises Refused."""
        places = (
            self._system / "buckets" / bucket / ".bucket.json",
            self.root / bucket / ".meta" / ".bucket.json",
            self.root / bucket / ".bucket.json",
        )
        for path in places:
            if is_plain_file(path):
                found = _json(path)
                if not isinstance(found, Mapping):
                    raise Refused(f"{path} must be an object")
                return found
        return {}

    def objects(self, bucket: str) -> Iterator[KeptVersion | Refused]:
        """Yields the current objects of a bucket, by path, and what is not one."""
        top = self.root / bucket
        for path, problem in _files(top, RESERVED):
            key = path.relative_to(top).as_posix()
            try:
                _check_key(key, path)
                if problem:
                    raise Refused(f"{path}: {problem}")
                yield self._object(bucket, key, path)
            except Refused as refused:
                yield refused

    def _object(self, bucket: str, key: str, path: Path) -> KeptVersion:
        noted: Mapping[str, Any] = {}
        for folder in (self._system / "buckets" / bucket / "meta", self.root / bucket / ".meta"):
            place = folder / f"{key}{_METADATA}"
            if _is_plain_below(folder, place):
                found = _json(place)
                if not isinstance(found, Mapping):
                    raise Refused(f"{place} must be an object")
                noted = found
                break
        metadata = noted.get("metadata", noted)
        texts = _texts(metadata)
        found_at = path.lstat()
        modified_at = found_at.st_mtime_ns // 1_000_000
        text = f"{key}\0{modified_at}\0{found_at.st_size}"
        version_id = "myfsio." + hashlib.sha256(text.encode()).hexdigest()[:32]
        return KeptVersion(
            key,
            path,
            version_id,
            modified_at,
            texts,
            _tags(noted.get("tags")),
            texts.get("__etag__"),
            _number(texts.get("__size__")),
        )

    def versions(self, bucket: str) -> Iterator[KeptVersion | Refused]:
        """Yields the older versions of a bucket's objects, those of a key from the oldest on."""
        for top in (self._system / "buckets" / bucket / "versions", self.root / bucket / ".versions"):
            if not top.is_dir() or top.is_symlink():
                continue
            of_key: dict[str, list[tuple[str, KeptVersion]]] = {}
            for path, problem in _files(top, frozenset()):
                if path.suffix == ".json":
                    continue
                try:
                    if problem or path.suffix != ".bin":
                        raise Refused(f"{path}: {problem or 'not a version'}")
                    archived_at, version = self._version(top, path)
                    of_key.setdefault(version.key, []).append((archived_at, version))
                except Refused as refused:
                    yield refused
            for key in sorted(of_key):
                yield from (version for _, version in sorted(of_key[key], key=lambda one: one[0]))

    def _version(self, top: Path, path: Path) -> tuple[str, KeptVersion]:
        key = path.parent.relative_to(top).as_posix()
        _check_key(key, path)
        place = path.with_suffix(".json")
        if not is_plain_file(place):
            raise Refused(f"{path} has no {place.name} beside it")
        noted = _json(place)
        if not isinstance(noted, Mapping) or noted.get("key", key) != key:
            raise Refused(f"{place} is about another object than its path says")
        archived_at = str(noted.get("archived_at", ""))
        found_at = path.lstat().st_mtime_ns // 1_000_000
        etag = noted.get("etag")
        return archived_at, KeptVersion(
            key,
            path,
            version_id_of(str(noted.get("version_id") or path.stem)),
            min(found_at, _moment_ms(archived_at) or found_at),
            _texts(noted.get("metadata", {})),
            _tags(noted.get("tags")),
            etag if isinstance(etag, str) else None,
            _number(noted.get("size")),
        )


def version_id_of(text: str) -> str:
    """Returns a version id of MyFSIO's as S3 could have it."""
    made = re.sub(r"[^A-Za-z0-9._]", "_", text)
    if _VERSION_ID.fullmatch(made):
        return made
    return "myfsio." + hashlib.sha256(text.encode()).hexdigest()[:32]


def _folders(place: Path) -> list[Path]:
    if place.is_symlink() or not place.is_dir():
        return []
    return sorted(path for path in place.iterdir() if path.is_dir() and not path.is_symlink())


def is_plain_file(path: Path) -> bool:
    return not path.is_symlink() and path.is_file()


def _is_plain_below(top: Path, path: Path) -> bool:
    """Whether a file is one, and no folder from ``top`` down to it is a link."""
    if not is_plain_file(path) or top.is_symlink():
        return False
    return not any(parent.is_symlink() for parent in path.parents if parent.is_relative_to(top))


def _files(top: Path, reserved: frozenset[str]) -> Iterator[tuple[Path, str | None]]:
    for path in sorted(top.iterdir()):
        if path.name not in reserved:
            yield from _below(path)


def _below(path: Path) -> Iterator[tuple[Path, str | None]]:
    mode = path.lstat().st_mode
    if stat.S_ISDIR(mode):
        for child in sorted(path.iterdir()):
            yield from _below(child)
    elif stat.S_ISLNK(mode):
        yield path, "a symbolic link is not followed"
    else:
        yield path, None if stat.S_ISREG(mode) else "not a plain file"


def _check_key(key: str, path: Path) -> None:
    if ".." in key.split("/") or not key or key == ".":
        raise Refused(f"{path} leads out of its folder")
    try:
        key.encode()
    except UnicodeEncodeError as problem:
        raise Refused(f"{os.fsencode(path)!r}: its name is not UTF-8") from problem


def _json(path: Path) -> Any:
    try:
        if path.stat().st_size > _JSON_LIMIT_BYTES:
            raise Refused(f"{path} is too long")
        return parse_json(path.read_text("utf-8"))
    except (ValueError, RecursionError) as problem:
        raise Refused(f"{path}: {problem}") from problem


def _list(document: Any, name: str, path: Path) -> list[Any]:
    found = document.get(name) if isinstance(document, Mapping) else None
    if not isinstance(found, list):
        raise Refused(f"{path}: {name} must be a list")
    return found


def _texts(metadata: Any) -> dict[str, str]:
    if not isinstance(metadata, Mapping):
        return {}
    return {str(name): str(value) for name, value in metadata.items() if isinstance(value, (str, int, float))}


def _tags(entries: Any) -> dict[str, str]:
    if not isinstance(entries, list):
        return {}
    found = (entry for entry in entries if isinstance(entry, Mapping) and entry.get("Key"))
    return {str(entry["Key"]): str(entry.get("Value", "")) for entry in found}


def _number(value: Any) -> int | None:
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _moment_ms(text: str) -> int | None:
    try:
        return int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)
    except ValueError:
        return None
