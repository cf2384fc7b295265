"""The names of objects: ``<prefix>/<organisation id>/<dataset id>/<upload id>/<safe file name>``.

Ids and not names, so nothing moves when something is renamed; an upload's own id, so a new upload never
overwrites an old one.
"""

import re
import unicodedata
from dataclasses import dataclass

#: S3 User Guide, "Naming Amazon S3 objects": 1,024 bytes of UTF-8.
MAX_KEY_BYTES = 1024
#: What file systems take as one name (ext4, XFS, NTFS, APFS), so that a download can be saved.
MAX_FILENAME_BYTES = 255
#: What a name keeps at the least: its extension and something before it.
MIN_FILENAME_BYTES = 32
MAX_PREFIX_BYTES = 512

#: The name of a file whose own name holds nothing that can be kept.
NAMELESS = "file"

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_EXTENSION = re.compile(r"(?:\.[A-Za-z0-9]{1,10}){1,2}$")
# AWS lets a policy escape these, Ceph RGW does not, and session policies name keys.
_NOT_IN_KEYS = str.maketrans("*?$", "___")
# Zero-width joiners are spelling in Persian and in Indic scripts, and only there is Cf more than a disguise.
_JOINERS = "\u200c\u200d"
_UNSEEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# Not to be written in XML 1.0, so a store could not list a key that has one.
_NOT_IN_XML = "\ufffe\uffff"


def safe_filename(name: str, limit_bytes: int = MAX_FILENAME_BYTES) -> str:
    """``name`` as one path segment that is safe in a key, in a URL and on a disk; never empty.

    Folders before either separator are dropped, also ``..``; control characters, bidirectional overrides and
    other invisible characters go; spaces and dots at the ends go; the rest is in Unicode's NFC. A name longer
    than ``limit_bytes`` in UTF-8 is cut between characters, before its extension. Applied twice, nothing
    changes.
    """
    segments = [_visible(segment) for segment in re.split(r"[/\\]", name)]
    kept = next((segment for segment in reversed(segments) if segment), NAMELESS)
    return _cut(kept, limit_bytes)


def dataset_prefix(prefix: str, organisation_id: str, dataset_id: str) -> str:
    """What the keys of one dataset begin with, ending in ``/``. Raises ValueError where an id is none."""
    folders = [prefix.strip("/")] if prefix.strip("/") else []
    return "/".join([*folders, _checked_id(organisation_id), _checked_id(dataset_id), ""])


def object_key(prefix: str, organisation_id: str, dataset_id: str, upload_id: str, filename: str) -> str:
    """The key of one upload, at most 1,024 bytes: a long prefix shortens the file's name. Wildcards of
    policies in the name become ``_``; a download has its true name again.

    Raises ValueError where an id is none, or where the prefix leaves no room for a name.
    """
    return _named(f"{dataset_prefix(prefix, organisation_id, dataset_id)}{_checked_id(upload_id)}/", filename)


def key_in_folder(prefix: str, folder: str, upload_id: str, filename: str) -> str:
    """As `object_key`, in another folder than that of the dataset: segments with ``/`` between them, each of
    which could be an id. Raises ValueError where one could not."""
    segments = [_checked_id(segment) for segment in folder.split("/")]
    folders = [prefix.strip("/")] if prefix.strip("/") else []
    return _named("/".join([*folders, *segments, _checked_id(upload_id), ""]), filename)


def _named(folder: str, filename: str) -> str:
    room_bytes = MAX_KEY_BYTES - len(folder.encode())
    if room_bytes < MIN_FILENAME_BYTES:
        raise ValueError(f"{folder!r} leaves no room for a file name in a key of {MAX_KEY_BYTES} bytes")
    return folder + safe_filename(filename, min(MAX_FILENAME_BYTES, room_bytes)).translate(_NOT_IN_KEYS)


@dataclass(frozen=True)
class KeyIds:
    """The ids in a key."""

    organisation_id: str
    dataset_id: str
    upload_id: str


def ids_of_key(prefix: str, key: str) -> KeyIds | None:
    """The ids of a key that `object_key` made with this prefix, None for any other."""
    folder = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
    segments = key.removeprefix(folder).split("/")
    is_ours = key.startswith(folder) and len(segments) == 4 and all(segments)
    if not is_ours or not all(_UUID.fullmatch(segment) for segment in segments[:3]):
        return None
    return KeyIds(*segments[:3])


def _checked_id(identifier: str) -> str:
    """``identifier`` itself. Ids come from the portal's database: anything else is a mistake in a program."""
    if not _ID.fullmatch(identifier) or ".." in identifier:
        raise ValueError(f"{identifier!r} cannot be an id in a key")
    return identifier


def _visible(segment: str) -> str:
    kept = (
        character
        for character in segment
        if character in _JOINERS
        or (unicodedata.category(character) not in _UNSEEN_CATEGORIES and character not in _NOT_IN_XML)
    )
    return unicodedata.normalize("NFC", "".join(kept)).strip(f"{_BLANKS}.{_JOINERS}")


def _cut(name: str, limit_bytes: int) -> str:
    if len(name.encode()) <= limit_bytes:
        return name
    extension = match[0] if (match := _EXTENSION.search(name)) else ""
    stem = name[: len(name) - len(extension)].encode()[: limit_bytes - len(extension)].decode(errors="ignore")
    return stem.rstrip(f"{_BLANKS}.{_JOINERS}") + extension


#: Every blank that Unicode knows: str.strip() without an argument would keep dots between them.
_BLANKS = "".join(chr(code) for code in range(0x3001) if unicodedata.category(chr(code)) == "Zs")
